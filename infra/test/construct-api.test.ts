// Tests that docs/construct-api.md is what typedoc makes of the construct.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { REPOSITORY } from "./outside.ts";

test("the reference of the construct is that of its code: 'make construct-api' writes it", () => {
  const directory = mkdtempSync(join(tmpdir(), "construct-api-"));
  const { status, stdout, stderr } = spawnSync("node_modules/.bin/typedoc", ["--out", directory], {
    cwd: join(REPOSITORY, "infra"),
    encoding: "utf8",
  });
  expect(status, stdout + stderr).toBe(0);
  const generated = readFileSync(join(directory, "construct-api.md"), "utf8");
  expect(readFileSync(join(REPOSITORY, "docs/construct-api.md"), "utf8")).toBe(generated);
});
