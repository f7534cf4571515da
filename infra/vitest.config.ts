import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // The first test of a file loads all of aws-cdk-lib.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
