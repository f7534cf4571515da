import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Gives the tests and the CDK a temporary directory, and deletes it at the end. */
export default function temporaryDirectory(): () => void {
  const directory = mkdtempSync(join(tmpdir(), "infra-test-"));
  process.env.TMPDIR = directory;
  return () => rmSync(directory, { recursive: true });
}
