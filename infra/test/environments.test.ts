import { expect, test } from "vitest";
import { environmentNames, parseEnvironmentName } from "../orders/environments.ts";

test("every environment is found by its name", () => {
  expect(environmentNames).toEqual(["local", "dev", "staging", "prod"]);
  for (const name of environmentNames) {
    expect(parseEnvironmentName(name)).toBe(name);
  }
});

test.each([undefined, "", "production", "toString", 7])("%j is no environment", (name) => {
  expect(() => parseEnvironmentName(name)).toThrow("choose one of local, dev, staging, prod");
});
