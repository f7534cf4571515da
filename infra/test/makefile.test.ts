import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { type Ended, Outside, REPOSITORY } from "./outside.ts";

/** Runs make without credentials or endpoints of AWS. */
function make(...targets: string[]): Ended {
  return makeWith({}, ...targets);
}

function makeWith(environment: Record<string, string>, ...targets: string[]): Ended {
  return spawnSync("scripts/without-aws", ["make", ...targets], {
    cwd: REPOSITORY,
    encoding: "utf8",
    // Without the flags of the make that runs these tests.
    env: { ...process.env, MAKEFLAGS: "", ENV: "", ...environment },
  });
}

test.each([
  [["build", "FUNCTIONS=get-orders"], "there is no function 'get-orders': FUNCTIONS= some of"],
  [
    ["build", "FUNCTIONS="],
    "there is no function '': FUNCTIONS= some of cancel-order create-order",
  ],
  [["deploy", "ENV=dev", "FUNCTIONS=get-order"], "a stack has all functions: FUNCTIONS= is for"],
  [["dist-commands"], "say for which machines: TARGET= one of x86_64-unknown-linux-gnu"],
  [["dist-commands", "TARGET=arm64"], "say for which machines: TARGET= one of"],
  [["release"], "VERSION is '': it must be three numbers, such as 1.2.3"],
])("make %j says what is wrong", (parameters, message) => {
  const { status, stderr } = make(...parameters);
  expect(status).toBe(2);
  expect(stderr).toContain(message);
});

test("no target is defined twice", () => {
  const { status, stderr } = make("help");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test("make destroy rejects prod and says what to do instead", () => {
  const { status, stderr } = make("destroy", "ENV=prod");
  expect(status).toBe(2);
  expect(stderr).toContain("prod is not destroyed from here");
  expect(stderr).toContain('"Deploy" in README.md');
});

test.each(["status", "replay", "outboxctl"])(
  "make %s lets outboxctl suggest make commands",
  (target) => {
    const { stdout } = make("--dry-run", target, "ENV=dev");
    expect(stdout).toMatch(/OUTBOXCTL_STARTED_BY=make .*outboxctl/);
  },
);

test.each(["destroy", "deploy", "diff", "synth", "bootstrap", "smoke"])(
  "make %s does nothing without a valid environment",
  (target) => {
    for (const environment of [[], ["ENV=production"], ["ENV=local"]]) {
      const { status, stderr } = make(target, ...environment);
      expect(status).toBe(2);
      expect(stderr).toMatch(/dev, (ENV=)?staging or (ENV=)?prod/);
    }
  },
);

test("an exported ENV chooses no environment", () => {
  const { status, stderr } = makeWith({ ENV: "prod" }, "deploy");
  expect(status).toBe(2);
  expect(stderr).toContain("say which environment on make's command line: ENV=dev");
});

test("make invoke rejects an unknown function", () => {
  for (const name of [[], ["FUNCTION=create-orders"]]) {
    const { status, stderr } = make("invoke", ...name);
    expect(status).toBe(2);
    expect(stderr).toContain("say which function: FUNCTION= one of create-order cancel-order");
  }
});

describe("make pack", () => {
  const outside = new Outside();
  // Packs nothing, and logs its folder and arguments.
  outside.program("bin/npm", 'echo "$PWD: $@" >>"$HOME/npm.log"', "echo package.tgz");
  const environment = {
    // Without care, `cd infra` would go to this folder's.
    CDPATH: outside.directory,
    HOME: outside.directory,
    PATH: `${outside.path("bin")}:${process.env.PATH}`,
  };
  mkdirSync(outside.path("infra/outbox"), { recursive: true });

  afterAll(() => rmSync(join(REPOSITORY, "target/packed here"), { recursive: true, force: true }));

  test.each([
    [outside.path("a b"), outside.path("a b")],
    ["target/packed here", join(REPOSITORY, "target/packed here")],
    ["~/c d", outside.path("c d")],
  ])("creates %s and packs into it", (to, directory) => {
    const ended = makeWith(environment, "pack", `TO=${to}`);
    expect(ended, ended.stderr).toMatchObject({ status: 0 });
    expect(ended.stdout).toContain(`packed ${directory}/package.tgz\n`);
    expect(existsSync(directory)).toBe(true);
    const call = readFileSync(outside.path("npm.log"), "utf8").trim().split("\n").at(-1);
    expect(call).toContain(`${REPOSITORY}/infra/outbox: pack --ignore-scripts=false`);
    expect(call).toContain(`--pack-destination=${directory}`);
  });

  test("rejects a TO that is no directory", () => {
    outside.write("file", "");
    const { status, stderr } = make("pack", `TO=${outside.path("file")}`);
    expect(status).toBe(2);
    expect(stderr).toContain(
      `the construct cannot be packed into '${outside.path("file")}': TO must be a directory`,
    );
  });
});

describe("a folder that was copied or moved after its build", () => {
  const notice = join(REPOSITORY, "scripts/notice-move");

  test("is noticed once, and its crates are rebuilt", () => {
    const outside = new Outside();
    outside.program("bin/cargo", 'echo "$PWD: $@" >>"$LOG"');
    mkdirSync(outside.path("first"));
    const run = (directory: string) =>
      outside.run("sh", ["-c", `cd ${directory} && exec "$0"`, notice], {
        LOG: outside.path("cargo.log"),
      });
    expect(run("first")).toMatchObject({ status: 0, stdout: "" });
    expect(run("first")).toMatchObject({ status: 0, stdout: "" });
    expect(existsSync(outside.path("cargo.log"))).toBe(false);

    renameSync(outside.path("first"), outside.path("second"));
    expect(run("second").stderr).toContain(
      `this folder was copied or moved from ${outside.path("first")}: its crates are built again`,
    );
    expect(run("second")).toMatchObject({ status: 0, stdout: "" });
    expect(readFileSync(outside.path("cargo.log"), "utf8")).toBe(
      `${outside.path("second")}: clean --quiet --workspace\n`,
    );
  });
});

describe("what is compiled", () => {
  const makefile = readFileSync(join(REPOSITORY, "Makefile"), "utf8");

  test("is shown: no target compiles silently", () => {
    // Arguments after -- are the program's.
    const silent = makefile
      .split("\n")
      .map((line) => line.split(" -- ")[0] ?? "")
      .filter(
        (line) =>
          !line.startsWith("#") &&
          /cargo (build|check|doc|install|run|test) .*(--quiet|-q\b)/.test(line),
      );
    // operator-tool has built it before.
    expect(silent).toEqual([expect.stringContaining("cargo run --locked --quiet --bin outboxctl")]);
    for (const target of ["status", "replay", "outboxctl"]) {
      expect(makefile).toMatch(new RegExp(`^${target}: operator-tool `, "m"));
    }
  });

  test("for outboxctl has the same features as for the local stack", () => {
    const { stdout } = make("--dry-run", "status", "ENV=dev");
    expect(stdout).toContain("cargo build --locked --bin outboxctl\n");
    expect(stdout).not.toContain("--package");
  });
});

describe("what is deployed", () => {
  const built = (target: string) =>
    make("--dry-run", target)
      .stdout.split("\n")
      .filter((line) => /cargo-lambda lambda build/.test(line));

  test("is built with the list of its crates in each function, and only that", () => {
    const [build, ...others] = built("build");
    expect(others).toEqual([]);
    expect(build).toMatch(
      / CARGO=env target\/tools\/cargo-auditable-[\d.]+\/bin\/cargo-auditable /,
    );
    const functions = [...(build?.matchAll(/--package (\S+)/g) ?? [])].map(([, name]) => name);
    const checked = functions.map((name) => `target/lambda/arm64/${name}/bootstrap`);
    expect(functions.length).toBeGreaterThan(4);
    expect(make("--dry-run", "build").stdout).toContain(
      `scripts/check-auditable ${checked.join(" ")}\n`,
    );
    for (const target of ["build-local", "build-bench"]) {
      expect(built(target)).toEqual([expect.not.stringContaining("cargo-auditable")]);
    }
  });

  test("is what FUNCTIONS names", () => {
    const { stdout } = make("--dry-run", "build", "FUNCTIONS=publish-events sweep-outbox");
    const built = [...stdout.matchAll(/--package (\S+)/g)].map(([, name]) => name);
    expect(built).toEqual(["publish-events", "sweep-outbox"]);
    expect(stdout).toMatch(/check-auditable \S+\/publish-events\/bootstrap \S+\/bootstrap\n/);
  });

  test("runs on any processor of its kind, if it is a command", () => {
    // By itself, cargo-lambda compiles for the processors that Lambda has.
    const { stdout } = make("--dry-run", "dist-commands", "TARGET=aarch64-unknown-linux-gnu");
    const [build, ...others] = stdout.split("\n").filter((line) => / lambda build /.test(line));
    // Those that generate the pages run here.
    const local =
      "--package outboxctl --package stream-mapping-cli --compiler cargo --lambda-dir target/lambda/local";
    expect(others).toEqual([expect.stringContaining(local)]);
    expect(build).toMatch(/cargo-auditable .* --locked .* --disable-optimizations /);
    expect(build).toMatch(/--target aarch64-unknown-linux-gnu\.2\.26 /);
  });

  test("is built from the lock file, as is all that is checked", () => {
    for (const target of ["build", "build-local", "build-bench"]) {
      expect(built(target)).toEqual([expect.stringContaining("lambda build --locked ")]);
    }
    const scripts = ["Makefile", "scripts/proof/dynamodb-in-process/conformance-dynamodb-local"];
    const commands = scripts
      .flatMap((file) => readFileSync(join(REPOSITORY, file), "utf8").split("\n"))
      .filter((line) => !line.startsWith("#"))
      .flatMap(
        (line) =>
          line.match(/\bcargo (?:build|clippy|doc|install|nextest run|run|test) .*/)?.[0] ?? [],
      );
    expect(commands.length).toBeGreaterThan(15);
    expect(commands.filter((command) => !/^cargo (nextest )?\w+ --locked /.test(command))).toEqual(
      [],
    );
  });
});

describe("the list of crates in a program", () => {
  const outside = new Outside();
  const check = (...parameters: string[]) =>
    outside.run("python3", ["-I", join(REPOSITORY, "scripts/check-auditable"), ...parameters]);

  /** Returns a program for 64-bit Linux that consists of one section, and of those sections' names. */
  function elf(section: string, content: Buffer): Buffer {
    const names = Buffer.from(`\0${section}\0`);
    const header = Buffer.alloc(64);
    header.write("\x7fELF\x02\x01", "latin1");
    header.writeBigUInt64LE(64n, 40);
    header.writeUInt16LE(64, 58);
    header.writeUInt16LE(2, 60);
    header.writeUInt16LE(1, 62);
    const sections = [content, names].map((bytes, index, all) => {
      const entry = Buffer.alloc(64);
      entry.writeUInt32LE(index === 0 ? 1 : 0, 0);
      entry.writeBigUInt64LE(BigInt(64 + 2 * 64 + (index === 0 ? 0 : (all[0]?.length ?? 0))), 24);
      entry.writeBigUInt64LE(BigInt(bytes.length), 32);
      return entry;
    });
    return Buffer.concat([header, ...sections, content, names]);
  }

  test("is found", () => {
    const crates = { packages: [{ name: "dice", version: "1.0.0" }], format: 1 };
    const program = elf(".dep-v0", deflateSync(JSON.stringify(crates)));
    writeFileSync(outside.path("audited"), program);
    expect(check("audited")).toMatchObject({ status: 0, stdout: "audited lists its 1 crates\n" });
    expect(check("--list", "audited")).toMatchObject({ status: 0, stdout: "dice 1.0.0\n" });
  });

  test.each([
    ["another section", elf(".text", Buffer.from("code")), "the section .dep-v0 is missing"],
    ["something else in it", elf(".dep-v0", Buffer.from("{}")), "incorrect header check"],
    ["no program", Buffer.from("#!/bin/sh\n"), "not a program for 64-bit Linux"],
  ])("is missed in a file with %s", (_, content, problem) => {
    writeFileSync(outside.path("other"), content);
    const { status, stderr } = check("other");
    expect(status).toBe(1);
    expect(stderr).toContain("other has no list of its crates: ");
    expect(stderr).toContain(problem);
  });
});

test("every documented cargo install uses the lock file", () => {
  const documents = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile"].concat(
    ["docs", ".github", "shared", "scripts", "lambdas", "infra/outbox"].flatMap((folder) =>
      readdirSync(join(REPOSITORY, folder), { recursive: true, encoding: "utf8" })
        .filter((file) => /\.(md|yml|rs)$/.test(file) && !file.includes("node_modules"))
        .map((file) => join(folder, file)),
    ),
  );
  const commands = documents.flatMap((file) =>
    [...readFileSync(join(REPOSITORY, file), "utf8").matchAll(/^.*cargo install .*$/gm)].map(
      ([line]) => `${file}: ${line.trim()}`,
    ),
  );
  expect(commands.length).toBeGreaterThan(2);
  expect(commands.filter((command) => !command.includes("--locked"))).toEqual([]);
});
