#!/usr/bin/env bash
# Installs what a target needs and is quiet about what is already there.
# usage: deps.sh [--optional] postgres|redis|chromium|web|cache-tests ...
# With --optional a thing that cannot be installed is named, and the script goes on.
set -euo pipefail
cd "$(dirname "$0")/.."

optional=false
if [ "${1:-}" = --optional ]; then optional=true; shift; fi

updated=false
apt_install() { # apt_install WHAT PACKAGE...
  local what=$1; shift
  local sudo=""
  if [ "$(id -u)" != 0 ]; then sudo="sudo -n"; fi
  if ! command -v apt-get >/dev/null || { [ -n "$sudo" ] && ! sudo -n true 2>/dev/null; }; then
    give_up "$what is missing and cannot be installed here. Install it: apt-get install $*"
    return
  fi
  echo "installing $what ..." >&2
  if ! $updated; then $sudo apt-get update -qq >/dev/null 2>&1 || true; updated=true; fi
  # No cluster of the machine's own: tests and the demo start their own, on free ports.
  if [ "$what" = Postgres ]; then
    $sudo mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
      echo 'create_main_cluster = false' | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  if ! $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1; then
    give_up "could not install $what: try apt-get install $*"
  fi
}

give_up() {
  echo "$1" >&2
  $optional || exit 1
}

have_postgres() { command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; }

npm_install() { # npm_install DIRECTORY: what its lock file says, unless it is there
  command -v npm >/dev/null || apt_install Node nodejs npm
  if [ ! -e "$1/node_modules/.package-lock.json" ] ||
     [ "$1/package-lock.json" -nt "$1/node_modules/.package-lock.json" ]; then
    (cd "$1" && npm ci --ignore-scripts --silent --no-audit --no-fund)
    touch "$1/node_modules/.package-lock.json"
  fi
}

for need in "$@"; do
  case $need in
    postgres) have_postgres || apt_install Postgres postgresql postgresql-contrib ;;
    redis) command -v redis-server >/dev/null || apt_install Redis redis-server ;;
    chromium) command -v chromium >/dev/null || apt_install Chromium chromium ;;
    web) npm_install web ;;
    cache-tests) npm_install test/http-cache-tests ;;
    *) echo "deps.sh: unknown need $need" >&2; exit 2 ;;
  esac
done
