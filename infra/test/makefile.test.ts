import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
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
    expect(silent).toEqual([expect.stringContaining("cargo run --quiet --bin outboxctl")]);
    for (const target of ["status", "replay", "outboxctl"]) {
      expect(makefile).toMatch(new RegExp(`^${target}: operator-tool `, "m"));
    }
  });

  test("for outboxctl has the same features as for the local stack", () => {
    const { stdout } = make("--dry-run", "status", "ENV=dev");
    expect(stdout).toContain("cargo build --bin outboxctl\n");
    expect(stdout).not.toContain("--package");
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
