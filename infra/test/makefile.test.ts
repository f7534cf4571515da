import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs make without anything by which it could reach AWS. */
function make(...targets: string[]): { status: number | null; stderr: string } {
  return spawnSync("scripts/without-aws", ["make", ...targets], {
    cwd: root,
    encoding: "utf8",
    // Not what the make that runs the tests was told.
    env: { ...process.env, MAKEFLAGS: "", ENV: "" },
  });
}

test("prod is not destroyed, and make says what to do instead", () => {
  const { status, stderr } = make("destroy", "ENV=prod");
  expect(status).toBe(2);
  expect(stderr).toContain("prod is not destroyed from here");
  expect(stderr).toContain('"Deploy" in README.md');
});

test.each(["destroy", "deploy", "diff", "synth", "bootstrap", "smoke"])(
  "make %s without an environment, or with one that there is not, does nothing",
  (target) => {
    for (const environment of [[], ["ENV=production"], ["ENV=local"]]) {
      const { status, stderr } = make(target, ...environment);
      expect(status).toBe(2);
      expect(stderr).toMatch(/dev, (ENV=)?staging or (ENV=)?prod/);
    }
  },
);
