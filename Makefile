# One word for everything that is done often. CI runs `make check` and `make test` (.ci/run).
#
# Tests, checks and the program that the tests start are all built with one cargo profile and one
# selection of packages (--workspace --all-targets): librdkafka's C sources take minutes to compile, and
# cargo would compile them, and much else, again for each profile and set of features.

SHELL := /bin/bash
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)
# The cargo profile of `make build`, `make test`, `make demo`, `make up`, `make kill` and `make oracle`.
PROFILE ?= dev
PROGRAMS = $(TARGET)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
# How many schedules `make simulate` tries.
SEEDS ?= 10000
# Whether `make down` deletes the data: 1 if so.
WIPE ?=
# How many events `make bench` and `make stress` measure with, and in how many rounds.
EVENTS ?= 5000000
ROUNDS ?= 3
# And `make bench-kinds`.
KINDS_EVENTS ?= 1000000
# Arguments of `make kill`, such as KILL="--seed 7".
KILL ?=
# Arguments of `make oracle`, such as ORACLE="--catalogue FILE --events 100000".
ORACLE ?=
# For how long `make demo` runs, such as 20s; until q or Ctrl-C when empty.
FOR ?=
# Which suites `make test` runs, by name; all when empty.
SUITES ?=

CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(TARGET)/tools/$(CARGO_DENY_VERSION)/bin/cargo-deny

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: services
services: ## Install what tests and `make up` need (build tools, Redis, Prometheus, Kafka, DuckDB); fast when all is there
	@scripts/services.sh

.PHONY: build
build: services ## Build everything
	cargo build --locked --workspace --all-targets --profile $(PROFILE)

.PHONY: check
check: services $(CARGO_DENY) ## Check format, lints, documentation, and the licences and sources of dependencies
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
	$(CARGO_DENY) --locked check licenses bans sources

.PHONY: test
test: services ## Run all suites, or those named in SUITES="unit services"
	@PROFILE=$(PROFILE) scripts/suites.sh $(SUITES)

.PHONY: demo
demo: ## See the pipeline at work on a simulated product, in one process and without any service; FOR=20s ends it by itself
	@scripts/services.sh build
	cargo build --locked --workspace --bin nsm --profile $(PROFILE)
	@$(PROGRAMS)/nsm demo $(if $(FOR),--for $(FOR))

.PHONY: up
up: services ## Run Kafka, Redis, Prometheus, Alertmanager and Northstar on this machine, in .northstar
	cargo build --locked --workspace --bin nsm --profile $(PROFILE)
	@PROFILE=$(PROFILE) scripts/local.py up

.PHONY: down
down: ## Stop what `make up` has started; WIPE=1 deletes its data
	@scripts/local.py down $(if $(filter 1,$(WIPE)),--wipe)

# Also the broker's and Redis' data lie in the folder while it runs; only report.json stays.
.PHONY: bench
bench: services ## Measure the pipeline against a consumer that does nothing, with EVENTS events in ROUNDS rounds
	cargo build --locked --release -p nsm -p bench
	$(TARGET)/release/bench run --events $(EVENTS) --rounds $(ROUNDS) --folder $(TARGET)/bench

.PHONY: stress
stress: services ## Measure what rubbish, a full topic and far too many events do, with EVENTS events in ROUNDS rounds
	cargo build --locked --release -p nsm -p bench
	$(TARGET)/release/bench stress --events $(EVENTS) --rounds $(ROUNDS) --folder $(TARGET)/bench

.PHONY: bench-kinds
bench-kinds: services ## Measure what every kind of metric costs, alone and all together, with KINDS_EVENTS events in ROUNDS rounds
	cargo build --locked --release -p nsm -p bench
	$(TARGET)/release/bench kinds --events $(KINDS_EVENTS) --rounds $(ROUNDS) --folder $(TARGET)/bench

.PHONY: bench-micro
bench-micro: ## Measure the parts that run for every event: measures and decoder
	cargo bench --locked -p bench

.PHONY: kill
kill: build ## Run the pipeline through faults on real Kafka and Redis, and have an oracle judge it; KILL="--seed 7" for another run
	$(PROGRAMS)/faults $(KILL)

.PHONY: oracle
oracle: build ## Run catalogues on real Kafka and Redis, and have DuckDB count every value again; ORACLE="--catalogue FILE" for one of yours
	$(PROGRAMS)/oracle $(ORACLE)

.PHONY: simulate
simulate: ## Try SEEDS random schedules of failures against the whole pipeline in memory
	cargo run --locked --release -p simulation -- --seeds $(SEEDS)

.PHONY: mutants
mutants: ## Check that the tests notice deliberate mistakes in the program
	@scripts/mutants.py

.PHONY: fmt
fmt: ## Format all sources
	cargo fmt --all

# Unoptimised: it is built in a third of the time, and checks this workspace in a second.
$(CARGO_DENY):
	CARGO_PROFILE_DEV_DEBUG=0 cargo install cargo-deny --version $(CARGO_DENY_VERSION) --locked --debug \
	  --root $(TARGET)/tools/$(CARGO_DENY_VERSION) </dev/null
