// Tests scripts/sbom on this project, with a stub of cargo-cyclonedx.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Outside, REPOSITORY } from "./outside.ts";

const DIRECTORY = "target/sbom of a test";
const outside = new Outside();

afterAll(() => rmSync(join(REPOSITORY, DIRECTORY), { recursive: true, force: true }));

const read = (name: string) =>
  JSON.parse(readFileSync(join(REPOSITORY, DIRECTORY, `${name}.cdx.json`), "utf8"));

test("each function, the construct and the app have a file that names no folder of this machine", () => {
  // Writes beside each crate, as cargo-cyclonedx does, and names its folder.
  outside.program(
    "bin/cargo-cyclonedx",
    'echo "$@" >"$LOG"',
    "for crate in get-order create-order unwanted; do",
    "  mkdir -p $crate",
    '  echo "{\\"components\\": [{\\"bom-ref\\": \\"path+file://$(pwd -P)/$crate#0.1.0\\"}]}" >$crate/$(echo $crate)_bin.cdx.json',
    "done",
  );
  const ended = outside.run(
    join(REPOSITORY, "scripts/sbom"),
    [DIRECTORY, "get-order", "create-order"],
    { LOG: outside.path("log"), npm_config_omit: "dev" },
  );
  expect(ended, ended.stderr).toMatchObject({ status: 0 });
  const names = ended.stdout.match(/[\w-]+(?=\.cdx\.json: \d+ components)/g);
  expect(names).toEqual(["create-order", "get-order", "infra", "transactional-outbox"]);
  expect(readFileSync(outside.path("log"), "utf8")).toContain("--target aarch64-unknown-linux-gnu");
  expect(read("get-order").components).toEqual([
    { "bom-ref": "path+file:///lambdas/get-order#0.1.0" },
  ]);

  const named = (name: string) => read(name).components.map((part: { name: string }) => part.name);
  expect(named("transactional-outbox")).toEqual(
    expect.arrayContaining(["aws-cdk-lib", "constructs"]),
  );
  expect(named("transactional-outbox")).not.toContain("vitest");
  expect(named("infra")).toEqual(expect.arrayContaining(["aws-cdk-lib", "cdk-nag", "vitest"]));
  for (const name of names ?? []) {
    expect(JSON.stringify(read(name))).not.toContain(REPOSITORY);
  }
});
