import { readFileSync } from "node:fs";
import { join } from "node:path";
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
