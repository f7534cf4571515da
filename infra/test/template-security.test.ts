// Tests scripts/check-template-security with a stub of checkov, and that each exception has a reason.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { Outside, REPOSITORY } from "./outside.ts";

let outside: Outside;

beforeEach(() => {
  outside = new Outside();
});

/** Runs the script; checkov reports this and ends with this status. */
function check(report: unknown, status: number) {
  outside.write("report.json", typeof report === "string" ? report : JSON.stringify(report));
  outside.program(
    "tools/bin/python",
    'echo "$@" >asked.txt',
    "env >environment.txt",
    "cat report.json",
    `exit ${status}`,
  );
  const script = join(REPOSITORY, "scripts/check-template-security");
  return outside.run(
    "python3",
    ["-I", script, "tools", "exceptions.yaml", "orders-prod.template.json"],
    { CKV_SKIP_CHECK: "CKV_AWS_1", BC_API_KEY: "key", HOME: outside.directory },
  );
}

const summary = { passed: 12, failed: 0, skipped: 0, parsing_errors: 0 };

test("a template without findings passes, without network and the user's settings", () => {
  const ended = check({ results: { failed_checks: [] }, summary }, 0);
  expect(ended).toMatchObject({ status: 0, stderr: "" });
  expect(ended.stdout).toBe("checkov: 12 checks of orders-prod.template.json passed\n");
  expect(readFileSync(outside.path("asked.txt"), "utf8")).toMatch(
    /^-I tools\/bin\/checkov .*--config-file exceptions.yaml .*--skip-download /,
  );
  const seen = readFileSync(outside.path("environment.txt"), "utf8");
  expect(seen).toContain("CKV_SKIP_PACKAGE_UPDATE_CHECK=true");
  expect(seen).toContain("HOME=/nonexistent");
  expect(seen).not.toMatch(/CKV_SKIP_CHECK|BC_API_KEY/);
});

test("a finding fails and says which resource it is about", () => {
  const finding = {
    check_id: "CKV_AWS_27",
    check_name: "Ensure all data stored in the SQS queue is encrypted",
    resource: "AWS::SQS::Queue.DeadLetters",
  };
  const ended = check({ results: { failed_checks: [finding] }, summary }, 1);
  expect(ended.status).toBe(1);
  expect(ended.stderr).toContain(
    "AWS::SQS::Queue.DeadLetters: CKV_AWS_27: Ensure all data stored in the SQS queue is encrypted",
  );
  expect(ended.stderr).toContain("acknowledge the check with a reason in exceptions.yaml");
});

test.each([
  ["can't be parsed", { summary: { ...summary, parsing_errors: 1 } }, 0],
  ["has nothing to check", { ...summary, passed: 0 }, 0],
  ["checkov fails on", "", 2],
])("a template that %s is not taken for a secure one", (_, report, status) => {
  const ended = check(report, status);
  expect(ended.status).toBe(1);
  expect(ended.stderr).toContain("checkov could not check orders-prod.template.json");
});

test("each exception has a reason, and the Makefile uses the exceptions", () => {
  const lines = readFileSync(join(REPOSITORY, "infra/.checkov.yaml"), "utf8").trim().split("\n");
  const exceptions = lines.slice(lines.indexOf("skip-check:") + 1);
  expect(exceptions.length).toBeGreaterThan(1);
  for (const [index, line] of exceptions.entries()) {
    expect(line).toMatch(/^ {2}(# .+|- CKV2?_AWS_\d+)$/);
    if (line.includes("CKV")) {
      expect(exceptions[index - 1], `the line before ${line}`).toMatch(/^ {2}# /);
    }
  }
  const makefile = readFileSync(join(REPOSITORY, "Makefile"), "utf8");
  expect(makefile).toContain(
    "scripts/check-template-security $(CHECKOV) infra/.checkov.yaml target/templates/orders-prod.template.json",
  );
});
