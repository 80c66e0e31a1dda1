# `make` alone says what there is. Every target can be run on a fresh clone:
# what it needs is installed first, or it says what to install.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-builtin-rules --no-print-directory

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 10s
ARGS     ?=
SOAK     ?= 10m

# auth/verify is a module of its own, which ./... does not enter.
MODULES  := ./... github.com/wugan/wugan/auth/verify/...

DOCS_PORT ?= 5173

.PHONY: help run build console docs docs-serve dist test test-go test-client lint lint-go lint-client lint-console bench e2e soak fuzz vuln tools fmt clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## a first try: everything embedded, for development only (ARGS="--access-ttl 30s")
	@bin/wugan dev $(ARGS)

build: ## the static binary bin/wugan
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/wugan ./cmd/wugan

console: console/node_modules/.package-lock.json ## the pages of the binary: console and HTTP API
	console/build.sh console httpapi/console/page
	console/build.sh apidocs httpapi/docs/page

docs: docs/node_modules/.package-lock.json ## the documentation as a site, into docs/.vitepress/dist; a dead link fails
	cd docs && npm run build

docs-serve: docs/node_modules/.package-lock.json ## the same while you write, at http://localhost:5173/ (DOCS_PORT)
	cd docs && npm run dev -- --port $(DOCS_PORT)

dist: ## what a release consists of, in dist/: binaries, .deb, SBOMs, checksums
	scripts/dist dist $(VERSION)

test: test-go test-client ## vet and all unit and integration tests, Go and client, within ten minutes

# Nine minutes: a test that hangs is to show its stacks before ten have passed.
# Many tests wait (for clocks, streams, a server that comes back): more of them at
# once than there are cores.
test-go: ## the Go half of it, on a real PostgreSQL
	go vet $(MODULES)
	go test -race -parallel 4 -timeout 9m $(MODULES)

test-client: client/node_modules/.package-lock.json ## the client's half
	cd client && npm test && npm run size && npm run check:package

lint: lint-go lint-client lint-console docs ## golangci-lint with the arrows between packages, shellcheck, eslint, types, links of the documentation

lint-go:
	@scripts/tools golangci-lint
	@scripts/need shellcheck
	.tools/bin/golangci-lint run ./...
	cd auth/verify && ../../.tools/bin/golangci-lint run ./...
	shellcheck .ci/run deploy/compose/make-secrets deploy/debian/p* $$(git ls-files -- 'scripts/*' '*.sh')

lint-client: client/node_modules/.package-lock.json
	cd client && npm run lint && npm run typecheck

lint-console: console/node_modules/.package-lock.json
	cd console && npm run lint && npm run typecheck

fmt: ## format the Go sources as lint wants them
	@scripts/tools golangci-lint
	.tools/bin/golangci-lint fmt ./...
	cd auth/verify && ../../.tools/bin/golangci-lint fmt ./...

bench: ## figures beside PostgreSQL's own, into docs/en/performance.md
	go run ./bench $(ARGS)

# Two directories would build the same images and install the same packages at
# once, so packages run one after another.
e2e: build ## the long runs: real gateways, images, browsers
	WUGAN_BIN=$(CURDIR)/bin/wugan go test -tags e2e -count=1 -p 1 -timeout 40m ./e2e/...
	@for script in e2e/*.sh; do \
		[[ -e $$script ]] || continue; \
		echo "== $$script"; WUGAN_BIN=$(CURDIR)/bin/wugan "$$script"; \
	done

soak: build ## 200 devices for SOAK (10m): lost responses, two pods, PostgreSQL restarted
	WUGAN_BIN=$(CURDIR)/bin/wugan SOAK=$(SOAK) go test -tags 'e2e soak' -count=1 -timeout 0 -v -run '^TestNoDeviceIsEverLoggedOut$$' ./e2e

fuzz: ## every fuzz target for FUZZTIME (10s)
	scripts/fuzz $(FUZZTIME)

vuln: ## known vulnerabilities of the dependencies, where vuln.go.dev can be reached
	@scripts/tools govulncheck
	scripts/vuln

tools: ## install the pinned tools (goose, golangci-lint …) into .tools/bin
	scripts/tools golangci-lint goose govulncheck

clean: ## remove what was built and installed here
	rm -rf bin dist .tools coverage.out client/node_modules console/node_modules docs/node_modules docs/.vitepress/{cache,dist}

# npm writes this file last, so it is older than the lock file whenever an
# install is due.
%/node_modules/.package-lock.json: %/package-lock.json %/package.json
	@scripts/npm-ci $*
