#!/usr/bin/env bash
# Measures bin/upshift side by side with rivals and prints a line for each bar.
# usage: bench.sh [-quick] [-rounds N] [name ...]   (bench.sh -h lists the names)
set -euo pipefail
cd "$(dirname "$0")/.."
make -s build # what is measured is what the sources say
(cd bench && CGO_ENABLED=0 go build -trimpath -o bin/bench .)
exec bench/bin/bench -root . "$@"
