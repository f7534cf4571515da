import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
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
