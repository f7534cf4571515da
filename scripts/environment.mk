# Unsets variables of the user's environment that would change what a recipe does. Mirrors,
# proxies, certificates, caches and verbosity pass.
#
# Configuration files cannot be unset: scripts/install-python-packages handles pip's,
# scripts/install-node-packages.mjs npm's, and variables below win over cargo's.

# Arguments of make count only on its command line: an exported TARGET or ENV is meant for
# another program.
arguments := APP ARGS ENV EVENTS FROM FUNCTION OPTIMIZED RECORD SECONDS SEED SEEDS SOURCES STACK STAY TARGET TO TROUBLES VERIFY VERSION
$(foreach name,$(arguments),$(if $(filter environment%,$(origin $(name))),$(eval $(name) :=)))

# With -e, the environment would replace the Makefile's own variables. With -i, a test that
# fails would pass, and 'make destroy' would go on although it is refused.
flags := $(filter-out --%,$(firstword -$(MAKEFLAGS)))
ifneq (,$(findstring e,$(flags)))
$(error make -e (--environment-overrides) is not supported here: remove it, also from an exported MAKEFLAGS)
endif
ifneq (,$(findstring i,$(flags)))
$(error make -i (--ignore-errors) is not supported here: remove it, also from an exported MAKEFLAGS)
endif

# With -j, a deployment would start to build before its arguments are checked. Cargo and the
# tests use all cores without it.
.NOTPARALLEL:

# --- Shells and the programs of the system

unexport CDPATH BASH_ENV POSIXLY_CORRECT GREP_OPTIONS TAR_OPTIONS GZIP VALGRIND_OPTS
# Colours would change the output that tests read.
unexport CLICOLOR_FORCE FORCE_COLOR
# Functions exported by bash: if sh is bash, a function named cd replaces cd.
unexport $(filter BASH_FUNC_%,$(.VARIABLES))
# Git sets these for its hooks: tests that run git would change the project's own repository.
unexport GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_PREFIX GIT_COMMON_DIR GIT_NAMESPACE
unexport GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES

# --- Java

# They win over the command line, which keeps DynamoDB Local to this machine.
unexport _JAVA_OPTIONS JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS CLASSPATH

# --- Python

unexport VIRTUAL_ENV $(filter PYTHON%,$(.VARIABLES))
# Of pip-audit: which advisories count, and where they come from.
unexport $(filter PIP_AUDIT_%,$(.VARIABLES))
# Of uv, which writes the requirements: what it may install, and from when.
unexport $(filter-out UV_DEFAULT_INDEX UV_INDEX% UV_CACHE_DIR UV_HTTP_% UV_NATIVE_TLS UV_SYSTEM_CERTS UV_OFFLINE,\
	$(filter UV_%,$(.VARIABLES)))

# --- Node.js, npm, the CDK

unexport NODE_ENV NODE_PATH NODE_DEBUG NODE_V8_COVERAGE
unexport $(filter BIOME_% ESBUILD_% TSX_% VITE_% VITEST%,$(.VARIABLES))
# Options for certificates, proxies and memory pass; modules to load and debuggers don't.
export NODE_OPTIONS := $(filter --use-system-ca --use-openssl-ca --use-bundled-ca --use-env-proxy \
	--max-old-space-size=% --max_old_space_size=% --max-http-header-size=% --dns-result-order=% \
	--openssl-% --tls-% --no-network-family-% --network-family-%,$(NODE_OPTIONS))

npm_passes := registry userconfig globalconfig cache proxy https_proxy https-proxy noproxy \
	cafile ca cert certfile key keyfile strict_ssl strict-ssl fetch_% fetch-% maxsockets offline \
	prefer_offline prefer-offline replace_registry_host replace-registry-host _auth% @% //%
NPM_PASSES := REGISTRY USERCONFIG GLOBALCONFIG CACHE PROXY HTTPS_PROXY NOPROXY \
	CAFILE CA CERT CERTFILE KEY KEYFILE STRICT_SSL FETCH_% MAXSOCKETS OFFLINE \
	PREFER_OFFLINE REPLACE_REGISTRY_HOST
unexport $(filter-out $(npm_passes:%=npm_config_%) $(NPM_PASSES:%=NPM_CONFIG_%),\
	$(filter npm_config_% NPM_CONFIG_%,$(.VARIABLES)))

# Any option of the CDK can be set here, even the app to run.
unexport $(filter-out CDK_PROXY CDK_CA_BUNDLE_PATH,$(filter CDK_%,$(.VARIABLES)))

# --- Rust

cargo_passes := CARGO_HOME CARGO_HTTP_% CARGO_NET_% CARGO_REGISTRY_% CARGO_REGISTRIES_% CARGO_SOURCE_% \
	CARGO_CREDENTIAL_ALIAS_% CARGO_TERM_COLOR CARGO_TERM_HYPERLINKS CARGO_TERM_PROGRESS_% \
	CARGO_TERM_UNICODE CARGO_TERM_VERBOSE CARGO_BUILD_JOBS CARGO_BUILD_RUSTC_WRAPPER \
	CARGO_INCREMENTAL CARGO_BUILD_INCREMENTAL
unexport $(filter-out $(cargo_passes),$(filter CARGO CARGO_%,$(.VARIABLES)))
unexport RUSTC RUSTDOC RUSTFMT RUSTC_BOOTSTRAP RUSTC_WORKSPACE_WRAPPER RUSTDOCFLAGS RUSTUP_TOOLCHAIN
unexport CLIPPY_ARGS CLIPPY_CONF_DIR CPPFLAGS LDFLAGS
# Of the C in crates; each also has names for one target.
unexport $(filter CFLAGS% CXXFLAGS% TARGET_CFLAGS TARGET_CXXFLAGS HOST_CFLAGS HOST_CXXFLAGS \
	AWS_LC_SYS_% LIBSQLITE3_% SQLITE3_%,$(.VARIABLES))
# Of tests: ours, and those that skip some or repeat what fails.
unexport DYNAMODB_LOCAL ORDERS PEER_MODULES UPDATE_SCHEMAS
unexport $(filter NEXTEST% PROPTEST_% RUST_TEST_%,$(.VARIABLES))
# Set, because these win over a [build] or [profile] in ~/.cargo/config.toml. What is
# deployed is built for the processor that Lambda has, and reports a panic, which takes unwinding.
export RUSTFLAGS :=
export CARGO_TARGET_DIR := $(CURDIR)/target
export CARGO_BUILD_BUILD_DIR := $(CURDIR)/target
export CARGO_PROFILE_DEV_PANIC := unwind
export CARGO_PROFILE_RELEASE_PANIC := unwind
export CARGO_PROFILE_RELEASE_OPT_LEVEL := 3
export CARGO_PROFILE_RELEASE_LTO := fat
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS := 1
export CARGO_PROFILE_RELEASE_STRIP := symbols
export CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS := false
export CARGO_PROFILE_RELEASE_DEBUG := false
export CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS := false
export CARGO_TERM_QUIET := false
