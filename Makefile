# Everything a bare Debian machine with Go and make needs; `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
USERS ?= 100000

GOLANGCI := bin/tools/golangci-lint
GOLANGCI_VERSION := v2.15.0

# The mysqld of make test-mysql: MYSQLD names one, or MYSQL a script that puts one into the directory that it is given, as DIR/mysqld.
# Outside of the tree, since the server's user may not be able to enter that.
MYSQL ?= $(wildcard ../shared/tools/mysql97.sh)
MYSQL_DIR := /var/tmp/rehome-mysql-$(shell id -u)
MYSQLD ?= $(if $(REHOME_MYSQLD),$(REHOME_MYSQLD),$(MYSQL_DIR)/mysqld)

# The Jaeger of make test-jaeger: JAEGERD names one, or JAEGER a script that builds one in the directory that it is given, as DIR/jaeger.
JAEGER ?= $(wildcard ../shared/tools/jaeger.sh)
JAEGER_DIR := /var/tmp/rehome-jaeger-$(shell id -u)
JAEGERD ?= $(if $(REHOME_JAEGER),$(REHOME_JAEGER),$(JAEGER_DIR)/jaeger)

export CGO_ENABLED ?= 0
BUILD := go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)"

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

.PHONY: build
build: ## bin/producer, bin/worker and bin/aggregator
	$(BUILD) -o bin/ ./producer ./worker ./aggregator

.PHONY: demo
demo: build ## migrates a generated community of USERS=100000 users on private servers; STAY=yes keeps its dashboard until Ctrl-C
	go build -trimpath -o bin/ ./deploy/demo
	bin/demo -producer bin/producer -aggregator bin/aggregator -users $(USERS) $(if $(STAY),-stay)

.PHONY: test
test: servers ## every test, with the race detector, in random order
	CGO_ENABLED=1 go test -race -shuffle=on -timeout 30m ./...
	go test -C deploy/otel -timeout 5m ./...       # a module of its own
	go test -C deploy/prometheus -timeout 5m ./... # another

.PHONY: mysqld
mysqld: ## the MySQL server that test-mysql starts
	@[[ ! -x "$(MYSQLD)" ]] || { "$(MYSQLD)" --version; exit 0; }; \
	[[ -n "$(MYSQL)" ]] || { echo 'No MySQL server is at hand, and Debian has no package of one. Name the mysqld of a MySQL 5.7 or newer that your users may run:'; \
		echo '  make test-mysql MYSQLD=/path/to/mysqld'; exit 1; }; \
	install --directory --mode=755 "$(MYSQL_DIR)"; \
	[[ -O "$(MYSQL_DIR)" ]] || { echo '$(MYSQL_DIR) belongs to somebody else'; exit 1; }; \
	"$(MYSQL)" "$(MYSQL_DIR)"

.PHONY: test-mysql
test-mysql: servers mysqld ## the tests of what reads the legacy database, and whole migrations, on MySQL
	REHOME_MYSQLD="$(MYSQLD)" go test -tags mysql -timeout 10m ./pkg/legacy
	REHOME_MYSQLD="$(MYSQLD)" go test -tags mysql -timeout 10m -run MySQL ./pkg/sandbox
	REHOME_MYSQLD="$(MYSQLD)" go test -tags mysql -timeout 10m -run 'TestEveryTypeThereAndBack|TestSettling/all_rows' ./producer

.PHONY: jaeger
jaeger: ## the Jaeger that test-jaeger starts
	@[[ ! -x "$(JAEGERD)" ]] || exit 0; \
	[[ -n "$(JAEGER)" ]] || { echo 'No Jaeger is at hand. Name the binary of a Jaeger 2:'; echo '  make test-jaeger JAEGERD=/path/to/jaeger'; exit 1; }; \
	install --directory --mode=755 "$(JAEGER_DIR)"; \
	[[ -O "$(JAEGER_DIR)" ]] || { echo '$(JAEGER_DIR) belongs to somebody else'; exit 1; }; \
	"$(JAEGER)" "$(JAEGER_DIR)"

.PHONY: test-jaeger
test-jaeger: servers jaeger ## a run in which a worker is killed, as a real Jaeger has it
	REHOME_JAEGER="$(JAEGERD)" go test -tags jaeger -timeout 10m -run '^TestJaeger' ./producer

# Each siege is a migration by real programs, on which faults strike by chance, and its end compared with an undisturbed run's. What a
# failed one's programs and servers have said is in bin/chaos.log; SEED is the first siege's, and the same seed gives the same faults.
RUNS ?= 200
SEED ?= 1
.PHONY: chaos
chaos: servers ## the fault battery: RUNS=200 migrations with faults of chance, from SEED=1 on
	@mkdir -p bin
	CHAOS_RUNS=$(RUNS) CHAOS_SEED=$(SEED) go test -count=1 -timeout 0 -v -run '^TestChaos$$' ./producer | \
		tee bin/chaos.log | grep -E --line-buffered 'seed [0-9]+( on|:)|sieges of|^ {10,}[0-9]+  |^(FAIL|ok)'

.PHONY: cover
cover: servers ## statement coverage of all packages: bin/cover.html
	@mkdir -p bin
	go test -coverpkg=./pkg/...,./producer,./worker,./aggregator -coverprofile=bin/cover.out -timeout 15m ./...
	go tool cover -html=bin/cover.out -o bin/cover.html
	@go tool cover -func=bin/cover.out | tail -n 1

# Ratios and growth, and not speeds: of a machine that does something else too, only what was measured in one run can be compared.
.PHONY: bench
bench: servers bench-parts ## rehome and its peers, growth, latency, numbers of shards, measured in half an hour: tables, and bin/bench.json
	@rm -f bin/bench.json
	REHOME_BENCH=$(CURDIR)/bin/bench.json go test -run '^$$' -bench . -benchtime 1x -timeout 3h ./deploy/bench | tee bin/bench.txt

bench: PEERS := -peers

.PHONY: bench-parts
bench-parts: servers ## what a row costs in each part, with its allocations: bin/bench-parts.txt
	@mkdir -p bin
	go test -run '^$$' -bench . -benchmem -timeout 1h ./pkg/... | grep -vE 'no test files|^(PASS|goos|goarch|cpu)' | tee bin/bench-parts.txt

.PHONY: servers
servers: ## the database servers that the tests and the demo start (installs what is missing)
	@go run -trimpath ./deploy/servers $(PEERS)

.PHONY: lint
lint: $(GOLANGCI) ## golangci-lint, with the import directions
	$(GOLANGCI) run --allow-parallel-runners ./...

# By its own module, not by go.mod: the linter's dependencies are not the program's.
$(GOLANGCI): Makefile
	@if ! $(GOLANGCI) version 2>/dev/null | grep -qF ' $(GOLANGCI_VERSION:v%=%) '; then \
		echo "building golangci-lint $(GOLANGCI_VERSION)"; \
		GOBIN=$(CURDIR)/bin/tools go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION); \
	fi
	@touch $@

.PHONY: generate
generate: ## what is generated from the code: the JSON Schema of migration.yaml
	go generate ./...

.PHONY: clean
clean: ## removes bin/
	rm -rf bin
