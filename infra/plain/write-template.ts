// Writes the template of an outbox for deployments without the CDK:
// `write-template.ts SOURCES FILE`, with the sources separated by commas.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "aws-cdk-lib";
import { PlainOutboxStack } from "./plain-outbox-stack.ts";

const [sources, file] = process.argv.slice(2);
if (!sources || file === undefined) {
  console.error(
    "say which CloudEvents sources the outbox publishes: SOURCES=orders, or SOURCES=orders,billing",
  );
  process.exit(2);
}
const outdir = mkdtempSync(join(tmpdir(), "outbox-template-"));
try {
  const app = new App({ outdir });
  const stack = new PlainOutboxStack(app, "outbox", { sources: sources.split(",") });
  const { template } = app.synth().getStackArtifact(stack.artifactId);
  writeFileSync(file, `${JSON.stringify(template, undefined, 2)}\n`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
} finally {
  rmSync(outdir, { recursive: true, force: true });
}
