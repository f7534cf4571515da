import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { REPOSITORY } from "./outside.ts";

const read = (file: string) => readFileSync(join(REPOSITORY, file), "utf8");

test("the jobs of the workflow together run all of make test", () => {
  const [, parts = ""] = read("Makefile").match(/^test: (.*) ##/m) ?? [];
  const runs = [...read(".github/workflows/ci.yml").matchAll(/^ +- run: make (.*)$/gm)];
  const targets = runs.flatMap(([, goals = ""]) => goals.split(" "));
  expect(parts.split(" ").length).toBeGreaterThan(4);
  expect(targets).toEqual(expect.arrayContaining(parts.split(" ")));
});

test("Dependabot updates every kind of package, in groups, wherever it is locked", () => {
  const configuration = read(".github/dependabot.yml");
  const updates = configuration.split("- package-ecosystem: ").slice(1);
  expect(updates.map((update) => update.split("\n")[0])).toEqual([
    "cargo",
    "npm",
    "uv",
    "github-actions",
  ]);
  for (const update of updates) {
    expect(update).toMatch(/interval: weekly/);
    expect(update).toMatch(/groups:/);
    expect(update).toMatch(/default-days: \d+/);
  }
  const locks = spawnSync("git", ["ls-files", "*Cargo.lock", "*package-lock.json"], {
    cwd: REPOSITORY,
    encoding: "utf8",
  }).stdout.trim();
  for (const lock of locks.split("\n").filter(Boolean)) {
    expect(configuration).toContain(` - /${dirname(lock).replace(/^\.$/, "")}\n`);
  }
});

/** The workflows, and the text of each of their jobs. */
const workflows = ["ci", "release"].map((name) => {
  const text = read(`.github/workflows/${name}.yml`);
  const [head = "", body = ""] = text.split(/^jobs:\n/m);
  const parts = body.split(/^ {2}([\w-]+):\n/m).slice(1);
  const jobs = parts.flatMap((part, n) => (n % 2 ? [] : [[part, parts[n + 1] ?? ""] as const]));
  return { name, text, head, jobs: new Map(jobs) };
});
const release = workflows.find(({ name }) => name === "release");

test("every action is pinned by the hash of a commit, the same in each workflow", () => {
  const uses = workflows.flatMap(({ text }) => [...text.matchAll(/uses: (\S+)@(.*)$/gm)]);
  expect(uses.length).toBeGreaterThan(20);
  const pins = new Map<string, string>();
  for (const [, action = "", pin = ""] of uses) {
    expect(pin, action).toMatch(/^[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    expect(pins.get(action) ?? pin, action).toBe(pin);
    pins.set(action, pin);
  }
});

test("what the workflows run exists", () => {
  const targets = new Set([...read("Makefile").matchAll(/^([a-z-]+):/gm)].map(([, name]) => name));
  for (const { text } of workflows) {
    for (const [, goals = ""] of text.matchAll(/^ +- run: make (.*)$/gm)) {
      const named = goals.split(" ").filter((goal) => /^[a-z-]+$/.test(goal));
      expect(named.filter((goal) => !targets.has(goal))).toEqual([]);
    }
    for (const [, script = ""] of text.matchAll(/run: (scripts\/[\w-]+)/g)) {
      expect(existsSync(join(REPOSITORY, script)), script).toBe(true);
    }
  }
});

test("each job of a release has the permissions that it needs, and no others", () => {
  expect(release?.head).toMatch(/^permissions: \{\}$/m);
  const permissions = [...(release?.jobs ?? [])].map(([job, text]) => {
    const [, block = ""] = text.match(/^ {4}permissions:\n((?: {6}.*\n)+)/m) ?? [];
    return [job, block.trim().split(/\n */).sort()];
  });
  expect(Object.fromEntries(permissions)).toEqual({
    check: ["contents: read"],
    commands: ["contents: read"],
    functions: ["contents: read"],
    draft: ["attestations: write", "contents: write", "id-token: write"],
    crates: ["contents: read", "id-token: write"],
    construct: ["contents: read", "id-token: write"],
    release: ["contents: write"],
  });
});

test("what can't be undone waits for an approval, and for everything before it", () => {
  const published = [...(release?.jobs ?? [])].filter(([, text]) => /publish /.test(text));
  expect(published.map(([job]) => job)).toEqual(["crates", "construct", "release"]);
  for (const job of ["crates", "construct"]) {
    expect(release?.jobs.get(job)).toMatch(/^ {4}environment: release$/m);
    expect(release?.jobs.get(job)).toMatch(/^ {4}needs: draft$/m);
  }
  expect(release?.jobs.get("draft")).toMatch(/^ {4}needs: \[check, commands, functions\]$/m);
  expect(release?.jobs.get("draft")).toMatch(/gh release create .*--draft/);
  expect(release?.jobs.get("release")).toMatch(/^ {4}needs: \[crates, construct\]$/m);
  // By trusted publishing: no secret of a registry.
  expect(release?.text).not.toContain("secrets.");
});

test("what is released is built without a cache", () => {
  expect(release?.text).not.toMatch(/rust-cache|actions\/cache|^ +cache: /m);
  expect(release?.text).toContain("package-manager-cache: false");
});

test("the commands are released for the machines that the Makefile names", () => {
  const [, targets = ""] = read("Makefile").match(/^RELEASED_TARGETS := (.*)$/m) ?? [];
  const [, matrix = ""] = release?.jobs.get("commands")?.match(/target: \[(.*)\]/) ?? [];
  expect(matrix.split(", ")).toEqual(targets.split(" "));
});

// Otherwise CI needs a job that builds and tests with rust-version.
test("the toolchain is the oldest that the crates allow", () => {
  const [, oldest] = read("Cargo.toml").match(/^rust-version = "(.*)"$/m) ?? [];
  expect(read("rust-toolchain.toml")).toContain(`channel = "${oldest}.0"`);
});
