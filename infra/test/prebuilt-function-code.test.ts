import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, Stack } from "aws-cdk-lib";
import { Architecture, Code } from "aws-cdk-lib/aws-lambda";
import { expect, test } from "vitest";
import { NotPrebuiltError, PrebuiltFunctionCode, TransactionalOutbox } from "../outbox/index.ts";

test("a function's code is its zip", () => {
  const directory = mkdtempSync(join(tmpdir(), "functions-"));
  writeFileSync(join(directory, "publish-events.zip"), "");
  const code = new PrebuiltFunctionCode({ directory }).of("publish-events");
  expect(code).toMatchObject({ path: join(directory, "publish-events.zip") });
});

test("a package that was packed without its functions says what to pass", () => {
  const code = new PrebuiltFunctionCode({ directory: tmpdir() });
  expect(() => code.of("no-such-function")).toThrow(NotPrebuiltError);
  expect(() => code.of("no-such-function")).toThrow(
    `${join(tmpdir(), "no-such-function.zip")} does not exist: this copy of transactional-outbox ` +
      "was packed without its functions. Build the functions with 'make build', and pass relayCode and sweeperCode",
  );
});

test("code for another processor is not there", () => {
  const code = new PrebuiltFunctionCode();
  expect(() => code.of("publish-events", Architecture.X86_64)).toThrow(
    "transactional-outbox contains publish-events for arm64 only, and architecture is x86_64",
  );
});

test.each([
  ["relayCode", "publish-events"],
  ["sweeperCode", "sweep-outbox"],
])("the construct looks for its own code without %s", (missing, name) => {
  const stack = new Stack(new App(), "tickets");
  // The source has no functions beside it, as a package that 'make pack' packed.
  const code = Code.fromAsset(import.meta.dirname);
  const { [missing]: _, ...given } = { relayCode: code, sweeperCode: code } as Record<string, Code>;
  expect(() => new TransactionalOutbox(stack, "Outbox", { ...given, sources: ["x"] })).toThrow(
    new RegExp(`functions/${name}.zip does not exist`),
  );
});
