# Everything is built and checked with the Go command. `make` prints the targets.

GO       ?= go
FUZZTIME ?= 30s
BENCH    ?= .
# Rollouts over hundreds of simulated hosts.
BENCHSKIP ?= RolloutLight/hosts=1000
COUNT    ?= 3
VERSION  ?= $(shell packaging/version)
# The version before: the last tag below this commit. While nothing is tagged, the state from which this round of work began.
PREVIOUS ?= $(shell git describe --tags --abbrev=0 HEAD^ 2>/dev/null || echo 15e2e0090ec6)

BUILDFLAGS = -trimpath -buildvcs=false
LDFLAGS    = -s -w -X main.version=$(VERSION)
TOOL       = $(GO) tool -modfile=$(CURDIR)/tools/go.mod
GOLANGCI   = $(TOOL) golangci-lint
BENCHSTAT  = $(TOOL) benchstat

# Packages that `make test` runs without the race detector, which makes searches and simulations many times slower: the first starts no
# goroutine, and of the second the tests in RACED run with it too. `make race` has all of both.
PLAIN = ./agent/rollout ./test/fleetsim
RACED = TestRollout|TestFaultT1|TestFaultT2|TestFaultT16|TestFaultO9|TestStories
# The others. Those whose tests take longest come first, so that none of them runs alone at the end.
LONGEST = ./gossip ./cmd/dsctl ./agent
OTHERS  = $(filter-out $(PLAIN:.%=github.com/daemonsetd/daemonsetd%),$(shell $(GO) list ./...))
# The packages in which goroutines meet.
CONCURRENT = ./agent/... ./gossip/... ./test/fleetsim ./internal/base/files/... ./internal/base/signal/... ./manifests/history/... ./manifests/manifestdir/... ./manifests/spec/... ./manifests/trees/...
# Packages that only tests use, and those of the build.
FORTESTS   = test agent/api/apitest agent/placement/placementtest gossip/memnet packaging
# Every build tag, so that what looks at all files sees all files. .golangci.yml has them too.
TAGS       = e2e,packages,parity,sim,skew
# The packages with benchmarks.
BENCHED    = $(sort $(dir $(shell grep -rl --include='*_test.go' '^func Benchmark' agent cmd gossip manifests test/bench)))
# Modules of their own with code in them. The others only pin tools.
MODULES    = test/conformance
GOMODS     = $(shell find . -name go.mod -not -path './bin/*' -not -path './dist/*')

.DEFAULT_GOAL := help
.PHONY: help build test race sim lint lint-go lint-dead lint-modules lint-scripts lint-commits vulncheck fmt bench fuzz demo conformance e2e parity skew packages test-packages test-alerts repro sbom cover bump-kubernetes picture clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/daemonsetd and bin/dsctl, static
	CGO_ENABLED=0 $(GO) build $(BUILDFLAGS) -ldflags '$(LDFLAGS)' -o bin/ ./cmd/daemonsetd ./cmd/dsctl

test: ## run the unit, property, golden and script tests, with the race detector but for searches and long simulations
	@{ $(GO) test -timeout 20m $(PLAIN) && $(GO) test -race -timeout 20m -run '^($(RACED))$$' ./test/fleetsim; } & plain=$$!; \
	$(GO) test -race -timeout 20m $(LONGEST) $(OTHERS); others=$$?; \
	wait $$plain && exit $$others

race: ## run the tests of the concurrent packages COUNT times over, shuffled
	$(GO) test -race -count=$(COUNT) -shuffle=on -timeout 60m $(CONCURRENT)

sim: ## simulate fleets of up to 1,000 members in virtual time, with faults; SIM=regexp chooses, SEED=n another seed
	SEED='$(SEED)' $(GO) test -tags sim -count=1 -timeout 30m -v -run '^TestSimLarge$$/$(SIM)' ./gossip
	SEED='$(SEED)' $(GO) test -tags sim -count=1 -timeout 30m -v -run '^Test(ManyStories|LargeFleet|FaultO2Touched)$$' ./test/fleetsim

lint: lint-go lint-dead lint-modules lint-scripts lint-commits ## run every check of the code below, one after the other

lint-go: ## run the linters and the formatters' check over every module
	$(GOLANGCI) run ./...
	$(GOLANGCI) run --build-tags manpages --disable unused ./cmd/... ./packaging/...
	@for m in $(MODULES); do echo "lint $$m"; (cd $$m && $(GOLANGCI) run --config $(CURDIR)/.golangci.yml ./...) || exit 1; done

lint-dead: ## find functions that nothing calls, or nothing but tests
	@GO='$(GO)' TAGS='$(TAGS)' FORTESTS='$(FORTESTS)' .ci/deadcode

lint-modules: ## check that every go.mod has what is imported and nothing else
	@for m in $(GOMODS); do echo "tidy $$m"; (cd $$(dirname $$m) && $(GO) mod tidy -diff) || exit 1; done

lint-scripts: ## check the shell scripts; needs shellcheck
	@.ci/shellcheck

lint-commits: ## check the subjects of the commits
	@.ci/subjects

vulncheck: ## look up known vulnerabilities of what is called; needs https://vuln.go.dev or a copy, GOVULNDB=file:///DIR
	@$(TOOL) govulncheck ./... || { echo "vulncheck: nothing is proved: see above. Exit 3 of govulncheck means findings, 1 that it could not look"; exit 1; }

fmt: ## format every file as lint wants it
	$(GOLANGCI) fmt

bench: ## measure against the bars of docs/performance.md; BENCH=regexp chooses, BENCHSKIP= runs those too that take a quarter of an hour
	$(GO) test -run '^$$' -bench '$(BENCH)' -skip '$(BENCHSKIP)' -benchmem -timeout 30m $(addprefix ./,$(BENCHED))

fuzz: ## run every fuzz target for FUZZTIME (30s) each
	@GO='$(GO)' FUZZTIME='$(FUZZTIME)' .ci/fuzz

demo: ## run agents with a simulated kubelet on temporary directories; KEEP=1 leaves them running
	KEEP='$(KEEP)' $(GO) run $(BUILDFLAGS) ./test/demo

conformance: ## compare placement and validation with the code of Kubernetes
	cd test/conformance && $(GO) test -count=1 -timeout 30m -v ./...

e2e: ## run the agent against a real kubelet, containerd and real mounts; needs root, CONTRIBUTING.md says what else
	$(GO) test -tags e2e -count=1 -timeout 10m -v -run '^TestReal|^TestFaultK' ./manifests/spec ./manifests/trees ./agent/reconcile
	$(GO) test -tags e2e -count=1 -timeout 30m -v ./test/e2e

parity: ## compare with a real control plane what is accepted and what containers see; needs root and what e2e needs
	cd test/conformance && $(GO) test -tags parity -count=1 -timeout 20m -v -run '^TestFaultF1RealServer$$' .
	$(GO) test -tags parity -count=1 -timeout 60m -v ./test/parity

picture: ## draw docs/how-it-works.svg
	$(GO) run ./docs/picture > docs/how-it-works.svg

skew: ## upgrade a fleet host by host from the version before (PREVIOUS), and one host back, with real agents on loopback
	PREVIOUS='$(PREVIOUS)' $(GO) test -tags skew -count=1 -timeout 20m -v ./test/skew

packages: ## build deb, rpm, CycloneDX documents and checksums in dist/; ARCHS="amd64 arm64", VERSION and SOURCE_DATE_EPOCH choose
	rm -rf dist
	GO='$(GO)' packaging/build

test-alerts: ## check the alert rules and what they fire on; needs promtool, of Debian's package prometheus
	cd packaging/monitoring && promtool check rules alerts.yaml && promtool test rules alerts.test.yaml

test-packages: ## install, upgrade and remove the packages, and run the unit under systemd; needs root, CONTRIBUTING.md says what else
	GO='$(GO)' $(GO) test -tags packages -count=1 -timeout 30m -v ./test/packages

repro: ## build the packages twice, in different directories and times, and compare the checksums
	GO='$(GO)' packaging/repro

sbom: build ## write bin/*.cdx.json, CycloneDX documents of what bin/daemonsetd and bin/dsctl are made of
	@for p in daemonsetd dsctl; do GO='$(GO)' packaging/sbom bin/$$p '$(VERSION)' bin/$$p.cdx.json || exit 1; done

cover: ## write cover.html, the tests' coverage of every package
	$(GO) test -timeout 15m -coverpkg=./... -coverprofile=cover.out ./...
	$(GO) tool cover -html=cover.out -o cover.html
	$(GO) tool cover -func=cover.out | tail -n 1

bump-kubernetes: ## move every Kubernetes module to VERSION=1.N.P
	@GO='$(GO)' .ci/bump-kubernetes '$(VERSION)'

clean: ## remove what was built
	rm -rf bin dist cover.out cover.html
