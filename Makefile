# Upshift: make help lists the targets.
SHELL := /bin/bash
GO ?= go
BIN := $(CURDIR)/bin
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# Functions on 8 bytes instead of 32 spare 2 % of the binary.
LDFLAGS := -s -w -funcalign=8 -X main.version=$(VERSION)

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

.DEFAULT_GOAL := help
.PHONY: help run build test test-go test-web cache-tests h2spec check bench web cover fuzz clean

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

run: build ## Start the demo: a small RAG system with real traffic, and the dashboard
	@scripts/deps.sh --optional postgres
	@exec $(BIN)/upshift demo

build: ## Build the binary into bin/
	@scripts/slim.sh $(BIN)/slim
	@CGO_ENABLED=0 $(GO) build -mod=mod -modfile=$(BIN)/slim.mod -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/upshift ./cmd/upshift

test: test-go test-web cache-tests ## Run every test, with real Postgres, Redis and Chromium; installs what it needs

test-go:
	@scripts/deps.sh postgres redis
	$(GO) test -race -shuffle=on -timeout 15m ./...
	UPSHIFT_HISTORIES=1000 $(GO) test -count=1 -run '^TestHistories$$' ./cache/rediscache
	cd bench && $(GO) vet ./... && $(GO) test ./...

test-web: build
	@scripts/deps.sh chromium web
	cd web && npm run --silent typecheck && npm run --silent test

cache-tests: build ## The public HTTP cache conformance suite against the gateway
	@scripts/deps.sh cache-tests
	cd test/http-cache-tests && npm run --silent test

h2spec: ## The public HTTP/2 conformance suite against the gateway
	@mkdir -p $(BIN) && GOBIN=$(BIN) $(GO) install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible
	H2SPEC=$(BIN)/h2spec $(GO) test -tags h2spec -count=1 -v -run '^TestH2Spec$$' ./gateway

check: ## Lint, formatting, known vulnerabilities, tidy modules, built dashboard up to date
	@scripts/check.sh '$(GOLANGCI)' '$(GOVULNCHECK)'

bench: build ## Measure against named rivals, side by side; prints each bar
	@scripts/deps.sh chromium web
	@scripts/bench.sh

web: ## Build the dashboard into web/dist
	@scripts/deps.sh web
	cd web && npm run --silent build

cover: ## Test coverage by package
	$(GO) test -coverprofile=coverage.out ./... && $(GO) tool cover -func=coverage.out | tail -1

fuzz: ## Every fuzz target for FUZZTIME (default 20s) each
	@scripts/fuzz.sh $(or $(FUZZTIME),20s)

clean: ## Remove what was built here
	rm -rf $(BIN) coverage.out web/node_modules test/http-cache-tests/node_modules
