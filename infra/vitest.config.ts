import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // As in tsconfig.json: the source, not what was packed last.
  resolve: {
    alias: { "transactional-outbox": fileURLToPath(new URL("outbox/index.ts", import.meta.url)) },
  },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/temporary-directory.ts",
    // The first test of a file loads all of aws-cdk-lib.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Node.js 20 does; the warning is for those who deploy.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" },
  },
});
