#!/usr/bin/env bash
# Static checks. usage: check.sh GOLANGCI@VERSION GOVULNCHECK@VERSION
set -euo pipefail
cd "$(dirname "$0")/.."
export GOBIN=$PWD/bin

tool() { # tool NAME MODULE@VERSION: installs it once per version
  local stamp="$GOBIN/.$1-${2##*@}"
  if [ ! -e "$stamp" ]; then
    echo "building $1 ${2##*@} ..."
    GOFLAGS=-trimpath go install "$2"
    touch "$stamp"
  fi
}

step() { printf '%-28s' "$1"; shift; if out=$("$@" 2>&1); then echo ok; else echo FAILED; echo "$out"; exit 1; fi; }

# The dashboard's dist/ is committed, so that `go install` needs no Node: build it
# again and compare.
dist_matches() {
  scripts/deps.sh web
  (cd web && npm run --silent build -- --outDir "$PWD/.dist-check" --logLevel error) || return 1
  diff -rq web/dist web/.dist-check
  local rc=$?
  rm -rf web/.dist-check
  return $rc
}

# An empty database also says "no vulnerabilities", so the positive control first.
vulnerabilities() {
  local db=../shared/vulndb/vdb.tgz dir
  if [ ! -e "$db" ]; then echo "skipped: no offline vulnerability database beside the project"; return 0; fi
  dir=$(mktemp -d)
  mkdir "$dir/db" "$dir/control"
  tar xzf "$db" -C "$dir/db"
  printf 'module control\n\ngo 1.26\n\nrequire golang.org/x/text v0.3.5\n' >"$dir/control/go.mod"
  printf 'package main\n\nimport "golang.org/x/text/language"\n\nfunc main() { language.Parse("en") }\n' >"$dir/control/main.go"
  (cd "$dir/control" && go mod tidy >/dev/null 2>&1 || true)
  if (cd "$dir/control" && "$GOBIN/govulncheck" -db "file://$dir/db" ./... >/dev/null 2>&1); then
    echo "the vulnerability database found nothing in a program known to be vulnerable"; return 1
  fi
  "$GOBIN/govulncheck" -db "file://$dir/db" ./...
  local rc=$?
  rm -rf "$dir"
  return $rc
}

# One lookup of methods by name keeps all methods of all types: docs/adr/0019-slim-binary.md.
slim() {
  scripts/slim.sh bin/slim
  ! go list -mod=mod -modfile=bin/slim.mod -deps ./cmd/upshift | grep -xE 'html/template|net/rpc'
}

tool golangci-lint "$1"
tool govulncheck "$2"
step "go vet" go vet ./...
step "golangci-lint" "$GOBIN/golangci-lint" run ./...
step "formatting" bash -c "test -z \"\$('$GOBIN/golangci-lint' fmt --diff ./... | tee /dev/stderr)\""
step "go mod tidy" go mod tidy -diff
step "go mod verify" go mod verify
step "slim binary" slim
step "known vulnerabilities" vulnerabilities
step "dashboard up to date" dist_matches
