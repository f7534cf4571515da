import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Whatever the tests and the CDK leave in the temporary directory goes with them. */
export default function temporaryDirectory(): () => void {
  const directory = mkdtempSync(join(tmpdir(), "infra-test-"));
  process.env.TMPDIR = directory;
  return () => rmSync(directory, { recursive: true });
}
