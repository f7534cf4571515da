import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { BuiltFunctionCode, NotBuiltError } from "../outbox/index.ts";

test("a function that is not built says what to do", () => {
  const code = new BuiltFunctionCode({ directory: tmpdir(), buildCommand: "make build" });
  expect(() => code.of("no-such-function")).toThrow(NotBuiltError);
  expect(() => code.of("no-such-function")).toThrow("'make build'");
});
