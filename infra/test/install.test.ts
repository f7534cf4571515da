// Tests that the install scripts report success only if the packages are complete.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
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
    // A package's own scripts would run with the user's credentials.
    expect(asked?.split(" ")).toContain("--ignore-scripts=true");
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

  const hash = (digit: string) => `--hash=sha256:${digit.repeat(64)}`;
  beforeEach(() => {
    outside.write(
      "requirements.txt",
      `# Pinned.
Coin.Flip==1.2.3 \\
    ${hash("1")} \\
    ${hash("2")}
    # via -r requirements.in
dice==2.0 ; python_full_version >= '3.10' \\
    ${hash("3")}
dice==1.0 ; python_full_version < '3.10' \\
    ${hash("4")}
`,
    );
    // A stub of .venv's Python: its pip installs the packages in INSTALLS, and reads the
    // real pip's configuration.
    outside.program(
      ".venv/bin/python",
      'case "$*" in',
      '  *sysconfig*) [ ! -e broken ] && echo "$PWD/packages"; exit ;;',
      '  *"pip config list"* | *markers*) exec python3 "$@" ;;',
      "esac",
      '{ echo "$@"; env | grep ^PIP_ | sort; } >>pip.log',
      'for file; do :; done; cp "$file" pip.txt',
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
      /^-I -m pip install --no-deps --require-hashes --only-binary :all: --requirement /,
    );
    const lines = readFileSync(outside.path("pip.txt"), "utf8").trim().split("\n");
    expect(lines.map((line) => line.split(/ +/).filter((word) => /==|sha256/.test(word)))).toEqual([
      ["Coin.Flip==1.2.3", hash("1"), hash("2")],
      ["dice==2.0", hash("3")],
    ]);
  });

  test.each(["dice", "dice==2.0", `dice>=2.0 ${hash("3")}`, "-r other.txt"])(
    "installs nothing if a file contains '%s'",
    (line) => {
      outside.write("requirements.txt", `${line}\n`);
      const { status, stderr } = install();
      expect(status).toBe(1);
      expect(stderr).toContain(`not a package with a version and hashes: ${line}`);
      expect(existsSync(outside.path("pip.log"))).toBe(false);
    },
  );

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
    outside.write("requirements.txt", `dice==2.0 ${hash("3")}\n`);
    outside.program(".venv/bin/python", '[ "$2" = -c ] && echo "$PWD/packages"');
    const { status, stderr } = install();
    expect(status).toBe(1);
    expect(stderr).toContain("the tools could not be installed into .venv: see above");
  });

  test("replaces an environment whose Python is missing", () => {
    rmSync(outside.path(".venv/bin/python"));
    outside.write("requirements.txt", `nothing-of-this-name==1 ${hash("0")}\n`);
    const { stdout } = install({ PIP_NO_INDEX: "1", PYTHONHOME: "/elsewhere", PIP_USER: "1" });
    expect(stdout).toContain("installing the tools into .venv");
    const made = outside.run(".venv/bin/python", ["-I", "-c", "import sys; print(sys.prefix)"]);
    expect(made.stdout.trim()).toBe(outside.path(".venv"));
  });

  test("installs a wheel with the listed hash into the environment that is named, and no other file", () => {
    const wheel = outside.run("python3", [
      "-c",
      `import zipfile
with zipfile.ZipFile("coin-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("coin.py", "")
    wheel.writestr("coin-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: coin\\nVersion: 1.0\\n")
    wheel.writestr("coin-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr("coin-1.0.dist-info/RECORD", "coin.py,,\\ncoin-1.0.dist-info/METADATA,,\\n")
`,
    ]);
    expect(wheel).toMatchObject({ status: 0, stderr: "" });
    const sha256 = (file: string) =>
      createHash("sha256")
        .update(readFileSync(outside.path(file)))
        .digest("hex");
    const installHere = (name: string, hashed: string) => {
      outside.write("requirements.txt", `${name}==1.0 --hash=sha256:${hashed}\n`);
      return outside.run(
        "python3",
        ["-I", script, "requirements.txt", "the tools", "an/environment"],
        {
          PIP_NO_INDEX: "1",
          PIP_FIND_LINKS: ".",
        },
      );
    };
    const refused = installHere("coin", "0".repeat(64));
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain("THESE PACKAGES DO NOT MATCH THE HASHES");
    expect(refused.stderr).toContain("the tools could not be installed into an/environment");

    const installed = installHere("coin", sha256("coin-1.0-py3-none-any.whl"));
    expect(installed, installed.stderr).toMatchObject({ status: 0 });
    const imported = outside.run("an/environment/bin/python", ["-I", "-c", "import coin"]);
    expect(imported).toMatchObject({ status: 0, stderr: "" });

    outside.write("dice-1.0.tar.gz", "its setup.py would run");
    const source = installHere("dice", sha256("dice-1.0.tar.gz"));
    expect(source.status).toBe(1);
    expect(source.stderr).toContain("No matching distribution found for dice==1.0");
  });
});

describe("requirements files", () => {
  const scripts = join(REPOSITORY, "scripts");
  const files = readdirSync(scripts).filter((file) => /^requirements.*\.txt$/.test(file));
  const read = (file: string) => readFileSync(join(scripts, file), "utf8");
  const pinned = (text: string) => text.match(/^[\w.-]+==[^ \n]+/gm) ?? [];

  test.each(files)("%s has what its .in file names, and a hash for each package", (file) => {
    const named = pinned(read(file.replace(/txt$/, "in")));
    const locked = read(file)
      .replaceAll("\\\n", " ")
      .split("\n")
      .filter((line) => line.trim() && !line.trim().startsWith("#"));
    expect(named.length).toBeGreaterThan(0);
    expect(pinned(read(file))).toEqual(expect.arrayContaining(named));
    for (const line of locked) {
      expect(line).toMatch(/^[\w.-]+==\S+( ; [^;]+?)?( +--hash=sha256:[0-9a-f]{64})+$/);
    }
  });

  test("of one environment have each package in one version", () => {
    const shared = files.filter((file) => file !== "requirements-checkov.txt");
    const versions = new Map<string, Set<string>>();
    for (const [requirement] of shared.flatMap((file) => [...read(file).matchAll(/^\S+==\S+/gm)])) {
      const [name = "", version = ""] = requirement.split("==");
      versions.set(name, (versions.get(name) ?? new Set()).add(version));
    }
    const several = [...versions].filter(([, known]) => known.size > 1).map(([name]) => name);
    // Those of newer Pythons are newer.
    expect(several).toEqual(["filelock", "platformdirs", "hypothesis"]);
  });
});
