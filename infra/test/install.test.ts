// Tests that the install scripts report success only if the packages are complete.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { type Ended, Outside, REPOSITORY } from "./outside.ts";

let outside: Outside;
beforeEach(() => {
  outside = new Outside();
});

/** Returns whether the script installed something: it prints that. */
function installing({ stdout }: Ended): boolean {
  return stdout.includes("installing the tools into ");
}

describe("npm", () => {
  const script = join(REPOSITORY, "scripts/install-node-packages.mjs");
  const install = (environment = {}) =>
    outside.run(process.execPath, [script, "app", "the tools"], {
      INSTALLS: "coin coin-here",
      ...environment,
    });

  beforeEach(() => {
    const { platform } = process;
    const packages = {
      "": { name: "app" },
      lib: { name: "lib", version: "1.0.0" },
      "node_modules/lib": { resolved: "lib", link: true },
      "node_modules/coin": { version: "1.2.3", dev: true, bin: { flip: "flip.js" } },
      "node_modules/coin-here": { version: "1.2.3", optional: true, os: [platform] },
      "node_modules/coin-elsewhere": { version: "1.2.3", optional: true, os: [`!${platform}`] },
      "node_modules/coin-elsewhere-needs": { version: "1.2.3", optional: true },
    };
    outside.write("app/package.json", JSON.stringify({ name: "app", workspaces: ["lib"] }));
    outside.write("app/package-lock.json", JSON.stringify({ packages }));
    outside.write("app/lib/package.json", "{}");
    // Installs the packages in INSTALLS.
    outside.program(
      "bin/npm",
      'echo "$@" >>../npm.log',
      "mkdir -p node_modules/.bin",
      "ln -sfn ../lib node_modules/lib",
      "for name in $INSTALLS; do",
      "  mkdir -p node_modules/$name",
      `  echo '{"version":"1.2.3"}' >node_modules/$name/package.json`,
      "done",
      "touch node_modules/coin/flip.js && ln -sf ../coin/flip.js node_modules/.bin/flip",
    );
  });

  test("runs once, with development and optional packages", () => {
    const first = install({ NODE_ENV: "production", npm_config_omit: "dev" });
    expect(first).toMatchObject({ status: 0, stderr: "" });
    expect(installing(first)).toBe(true);
    expect(install()).toMatchObject({ status: 0, stdout: "", stderr: "" });
    const [asked, ...again] = readFileSync(outside.path("npm.log"), "utf8").trim().split("\n");
    expect(again).toEqual([]);
    for (const option of ["ci", "--include=dev", "--include=optional", "--global=false"]) {
      expect(asked?.split(" ")).toContain(option);
    }
  });

  test("that leaves something out is noticed, and the next run repairs it", () => {
    const half = install({ INSTALLS: "coin" });
    expect(half.status).toBe(1);
    expect(half.stderr).toContain(
      "npm reports success, but these are missing: node_modules/coin-here",
    );
    expect(install().status).toBe(0);
  });

  test.each([
    "node_modules",
    "node_modules/coin",
    "node_modules/.bin/flip",
    "node_modules/lib",
    "node_modules/coin-here/package.json",
  ])("runs again if %s is missing", (path) => {
    install();
    rmSync(join(outside.path("app"), path), { recursive: true });
    const repaired = install();
    expect(repaired.status).toBe(0);
    expect(installing(repaired)).toBe(true);
    expect(installing(install())).toBe(false);
  });

  test("runs again for another version", () => {
    install();
    outside.write("app/node_modules/coin/package.json", '{"version":"1.2.2"}');
    expect(installing(install())).toBe(true);
  });

  test("that fails is reported with its status", () => {
    outside.program("bin/npm", "exit 7");
    const { status, stderr } = install();
    expect(status).toBe(1);
    expect(stderr).toContain(
      "the tools could not be installed into app/node_modules: npm ci failed with status 7",
    );
  });
});

describe("pip", () => {
  const script = join(REPOSITORY, "scripts/install-python-packages");
  const install = (environment = {}) =>
    outside.run("python3", ["-I", script, "requirements.txt", "the tools"], {
      INSTALLS: "coin_flip-1.2.3 dice-2.0",
      ...environment,
    });

  beforeEach(() => {
    outside.write("requirements.txt", "# Pinned.\nCoin.Flip==1.2.3\ndice==2.0 # two\n");
    // A stub of .venv's Python: its pip installs the packages in INSTALLS, and reads the
    // real pip's configuration.
    outside.program(
      ".venv/bin/python",
      'case "$*" in',
      '  *sysconfig*) [ ! -e broken ] && echo "$PWD/packages"; exit ;;',
      '  *"pip config list"*) exec python3 "$@" ;;',
      "esac",
      '{ echo "$@"; env | grep ^PIP_ | sort; } >>pip.log',
      "for name in $INSTALLS; do",
      "  mkdir -p packages/$name.dist-info packages/$name",
      "  touch packages/$name/roll.py",
      '  printf "$name/roll.py,sha256=x,1\\n$name/__pycache__/roll.pyc,,\\n" >packages/$name.dist-info/RECORD',
      "done",
    );
  });

  test("runs once if everything is complete", () => {
    const first = install();
    expect(first).toMatchObject({ status: 0, stderr: "" });
    expect(installing(first)).toBe(true);
    expect(install()).toMatchObject({ status: 0, stdout: "", stderr: "" });
    expect(readFileSync(outside.path("pip.log"), "utf8")).toMatch(
      /^-I -m pip install --no-deps Coin.Flip==1.2.3 dice==2.0\n/,
    );
  });

  test("that leaves something out is noticed, and the next run repairs it", () => {
    const half = install({ INSTALLS: "dice-2.0" });
    expect(half.status).toBe(1);
    expect(half.stderr).toContain(
      "pip reports success, but these are incomplete in .venv: Coin.Flip==1.2.3",
    );
    expect(install().status).toBe(0);
  });

  test.each(["dice-2.0.dist-info", "dice-2.0.dist-info/RECORD", "dice-2.0/roll.py"])(
    "runs again if %s is missing",
    (path) => {
      install();
      rmSync(outside.path(join("packages", path)), { recursive: true });
      const repaired = install();
      expect(repaired.status).toBe(0);
      expect(installing(repaired)).toBe(true);
      expect(installing(install())).toBe(false);
    },
  );

  test("uses only the network settings of pip's configuration", () => {
    outside.write(
      "pip.conf",
      "[global]\nuser = true\nrequire-hashes = true\nindex-url = https://mirror.invalid/simple\n" +
        "proxy = http://proxy.invalid\n[install]\ntarget = /elsewhere\ntrusted-host =\n  a\n  b\n",
    );
    const environment = { PIP_USER: "1", PIP_DRY_RUN: "1", PIP_QUIET: "3" };
    const nearer = { PIP_PROXY: "http://nearer.invalid" };
    install({ PIP_CONFIG_FILE: outside.path("pip.conf"), ...environment, ...nearer });
    const [, ...seen] = readFileSync(outside.path("pip.log"), "utf8").trim().split("\n");
    expect(seen).toEqual(
      expect.arrayContaining([
        "PIP_CONFIG_FILE=/dev/null",
        "PIP_INDEX_URL=https://mirror.invalid/simple",
        "PIP_PROXY=http://nearer.invalid",
        "PIP_TRUSTED_HOST=a b",
      ]),
    );
    expect(seen.join("\n")).not.toMatch(/PIP_(USER|REQUIRE_HASHES|TARGET|DRY_RUN|QUIET)/);
  });

  test("that fails is reported", () => {
    outside.program(".venv/bin/python", '[ "$2" = -c ] && echo "$PWD/packages"');
    const { status, stderr } = install();
    expect(status).toBe(1);
    expect(stderr).toContain("the tools could not be installed into .venv: see above");
  });

  test("replaces an environment whose Python is missing", () => {
    rmSync(outside.path(".venv/bin/python"));
    outside.write("requirements.txt", "nothing-of-this-name==1\n");
    const { stdout } = install({ PIP_NO_INDEX: "1", PYTHONHOME: "/elsewhere", PIP_USER: "1" });
    expect(stdout).toContain("installing the tools into .venv");
    const made = outside.run(".venv/bin/python", ["-I", "-c", "import sys; print(sys.prefix)"]);
    expect(made.stdout.trim()).toBe(outside.path(".venv"));
  });
});
