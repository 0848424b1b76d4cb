#!/usr/bin/env bash
# Writes FILE.mod and FILE.sum: go.mod with the modules of build/slim in the place of those that
# upshift links and never calls. docs/adr/0019-slim-binary.md has the figures.
set -euo pipefail
out=$1
mkdir -p "$(dirname "$out")"
cp go.mod "$out.mod"
cp go.sum "$out.sum"
go mod edit \
  -replace google.golang.org/api=./build/slim/google-api \
  -replace github.com/mwitkow/go-conntrack=./build/slim/go-conntrack "$out.mod"
