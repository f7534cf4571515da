import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { BuiltFunctionCode, NotBuiltError } from "../outbox/index.ts";

test("a missing function names the build command", () => {
  const code = new BuiltFunctionCode({ directory: tmpdir(), buildCommand: "make build" });
  expect(() => code.of("no-such-function")).toThrow(NotBuiltError);
  expect(() => code.of("no-such-function")).toThrow("'make build'");
});
