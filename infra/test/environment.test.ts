// That scripts/environment.mk keeps what it should from recipes, and nothing else.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Outside, REPOSITORY } from "./outside.ts";

/** Returns the environment that a recipe sees if make is called with this one. */
function recipeSees(environment: Record<string, string>, ...parameters: string[]) {
  const outside = new Outside();
  outside.write("probe.mk", `include ${"scripts/environment.mk"}\nprobe:\n\t@env\n`);
  const ended = outside.run(
    "make",
    ["--no-print-directory", "-C", REPOSITORY, "-f", outside.path("probe.mk"), ...parameters],
    { MAKEFLAGS: "", ...environment },
  );
  const lines = ended.stdout.split("\n").map((line) => line.split("="));
  return {
    ...ended,
    seen: Object.fromEntries(lines.map(([name, ...value]) => [name, value.join("=")])),
  };
}

test.each([
  "CDPATH",
  "BASH_ENV",
  "POSIXLY_CORRECT",
  "GREP_OPTIONS",
  "TAR_OPTIONS",
  "FORCE_COLOR",
  "GIT_DIR",
  "GIT_INDEX_FILE",
  "PYTHONPATH",
  "PYTHONHOME",
  "PYTHONWARNINGS",
  "VIRTUAL_ENV",
  "PIP_AUDIT_VULNERABILITY_SERVICE",
  "UV_EXCLUDE_NEWER",
  "NODE_ENV",
  "NODE_PATH",
  "npm_config_omit",
  "NPM_CONFIG_PRODUCTION",
  "npm_config_workspace",
  "npm_config_ignore_scripts",
  "npm_config_dry_run",
  "TSX_TSCONFIG_PATH",
  "CDK_APP",
  "CDK_OUTDIR",
  "CARGO_BUILD_TARGET",
  "CARGO_BUILD_RUSTFLAGS",
  "CARGO_ENCODED_RUSTFLAGS",
  "CARGO_PROFILE_RELEASE_RPATH",
  "CARGO_LAMBDA_LAMBDA_DIR",
  "RUSTC",
  "RUSTDOCFLAGS",
  "RUSTUP_TOOLCHAIN",
  "CLIPPY_CONF_DIR",
  "CFLAGS",
  "CFLAGS_x86_64_unknown_linux_gnu",
  "TARGET_CXXFLAGS",
  "AWS_LC_SYS_NO_ASM",
  "_JAVA_OPTIONS",
  "JAVA_TOOL_OPTIONS",
  "DYNAMODB_LOCAL",
  "PEER_MODULES",
  "UPDATE_SCHEMAS",
  "NEXTEST_RETRIES",
  "PROPTEST_CASES",
  "RUST_TEST_THREADS",
])("%s reaches no recipe, exported or as an argument", (name) => {
  for (const sees of [recipeSees({ [name]: "/elsewhere" }), recipeSees({}, `${name}=/elsewhere`)]) {
    expect(sees.status).toBe(0);
    expect(sees.seen).not.toHaveProperty(name);
  }
});

test.each([
  "HTTPS_PROXY",
  "https_proxy",
  "NO_PROXY",
  "SSL_CERT_FILE",
  "NODE_EXTRA_CA_CERTS",
  "npm_config_registry",
  "NPM_CONFIG_REGISTRY",
  "npm_config_userconfig",
  "npm_config_https_proxy",
  "npm_config_cafile",
  "npm_config_cache",
  "PIP_INDEX_URL",
  "PIP_PROXY",
  "PIP_CONFIG_FILE",
  "UV_DEFAULT_INDEX",
  "CARGO_HOME",
  "CARGO_HTTP_PROXY",
  "CARGO_HTTP_CAINFO",
  "CARGO_NET_OFFLINE",
  "CARGO_SOURCE_CRATES_IO_REPLACE_WITH",
  "CARGO_REGISTRIES_MIRROR_INDEX",
  "RUSTUP_HOME",
  "RUSTUP_DIST_SERVER",
  "RUSTC_WRAPPER",
  "AWS_PROFILE",
  "CDK_CA_BUNDLE_PATH",
  "TMPDIR",
  "CI",
  "NO_COLOR",
])("%s passes", (name) => {
  expect(recipeSees({ [name]: "value" }).seen[name]).toBe("value");
});

test("cargo settings that a configuration file could contain are fixed", () => {
  const { seen } = recipeSees({
    RUSTFLAGS: "-C target-cpu=native",
    CARGO_TARGET_DIR: "/elsewhere",
    CARGO_BUILD_BUILD_DIR: "/elsewhere",
    CARGO_PROFILE_RELEASE_PANIC: "abort",
    CARGO_TERM_QUIET: "true",
  });
  expect(seen).toMatchObject({
    RUSTFLAGS: "",
    CARGO_TARGET_DIR: `${REPOSITORY}/target`,
    CARGO_BUILD_BUILD_DIR: `${REPOSITORY}/target`,
    CARGO_PROFILE_RELEASE_PANIC: "unwind",
    CARGO_TERM_QUIET: "false",
  });
});

test("Node.js options about certificates and memory pass, no others", () => {
  const options = "--require ./hook.js --use-system-ca --inspect-brk --max-old-space-size=4096";
  expect(recipeSees({ NODE_OPTIONS: options }).seen.NODE_OPTIONS).toBe(
    "--use-system-ca --max-old-space-size=4096",
  );
});

test.each(["ENV", "ARGS", "TARGET", "TO", "FUNCTION", "SEEDS"])(
  "%s counts as an argument, not as an exported variable",
  (name) => {
    expect(recipeSees({ [name]: "exported" }).seen[name]).toBe("");
    expect(recipeSees({ [name]: "exported" }, `${name}=given`).seen[name]).toBe("given");
  },
);

test("a function that bash exports replaces no command", () => {
  const { seen } = recipeSees({ "BASH_FUNC_cd%%": "() { echo elsewhere; }" });
  expect(seen).not.toHaveProperty("BASH_FUNC_cd%%");
});

test.each([
  ["e", "make -e (--environment-overrides) is not supported here"],
  ["i", "make -i (--ignore-errors) is not supported here"],
])("make -%s is refused, also in MAKEFLAGS", (flag, message) => {
  const refused = recipeSees({ MAKEFLAGS: flag });
  expect(refused.status).toBe(2);
  expect(refused.stderr).toContain(message);
});

test("the profile of what is deployed is the one of Cargo.toml", () => {
  const manifest = readFileSync(`${REPOSITORY}/Cargo.toml`, "utf8");
  const profile = manifest.split("[profile.release]")[1];
  const { seen } = recipeSees({});
  for (const [, name, value] of profile?.matchAll(/^([a-z-]+) = "?([^"\n]*)"?$/gm) ?? []) {
    expect(seen[`CARGO_PROFILE_RELEASE_${name?.toUpperCase().replaceAll("-", "_")}`]).toBe(value);
  }
});

test("other flags of make are not refused", () => {
  for (const flags of ["kj4", "--no-print-directory --keep-going", "r -- TO=e"]) {
    expect(recipeSees({ MAKEFLAGS: flags }).status, flags).toBe(0);
  }
});
