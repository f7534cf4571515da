// Tests scripts/check-template-security with a stub of checkov, and what is acknowledged for checkov in
// the template, with which reasons.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { Outside, REPOSITORY } from "./outside.ts";
import { ordersTemplate } from "./template.ts";

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
  return outside.run("python3", ["-I", script, "tools", "orders-prod.template.json"], {
    CKV_SKIP_CHECK: "CKV_AWS_1",
    BC_API_KEY: "key",
    HOME: outside.directory,
  });
}

const summary = { passed: 12, failed: 0, skipped: 0, parsing_errors: 0 };

test("a template without findings passes, without network and the user's settings", () => {
  const ended = check({ results: { failed_checks: [] }, summary }, 0);
  expect(ended).toMatchObject({ status: 0, stderr: "" });
  expect(ended.stdout).toBe("checkov: 12 checks of orders-prod.template.json passed\n");
  expect(readFileSync(outside.path("asked.txt"), "utf8")).toMatch(
    /^-I tools\/bin\/checkov .*--file orders-prod.template.json .*--skip-download /,
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
  expect(ended.stderr).toContain("acknowledge the check with a reason at the resource");
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

interface Resource {
  readonly Type: string;
  readonly Metadata?: {
    readonly checkov?: {
      readonly skip: readonly { readonly id: string; readonly comment: string }[];
    };
  };
}

function resources(): readonly Resource[] {
  return Object.values(ordersTemplate("prod").toJSON().Resources as Record<string, Resource>);
}

function acknowledged({ Metadata }: Resource) {
  return Metadata?.checkov?.skip ?? [];
}

test.each<[string, number, readonly string[]]>([
  ["AWS::Lambda::Function", 6, ["CKV_AWS_115", "CKV_AWS_116", "CKV_AWS_117", "CKV_AWS_173"]],
  ["AWS::Logs::LogGroup", 7, ["CKV_AWS_158"]],
  ["AWS::SNS::Topic", 2, ["CKV_AWS_26"]],
  ["AWS::SQS::Queue", 4, ["CKV_AWS_27"]],
])("at each %s the same checks are acknowledged", (type, number, checks) => {
  const found = resources().filter(({ Type }) => Type === type);
  expect(found).toHaveLength(number);
  for (const resource of found) {
    const ids = acknowledged(resource).map(({ id }) => id);
    expect(ids.sort()).toEqual(checks);
  }
});

test("nothing else is acknowledged, and each time there is a reason", () => {
  const all = resources().flatMap(acknowledged);
  expect(all).toHaveLength(6 * 4 + 7 + 2 + 4);
  for (const { id, comment } of all) {
    expect(comment, id).toMatch(/^[A-Z].{20,}\.$/);
  }
});

test("the Makefile checks the template of prod", () => {
  const makefile = readFileSync(join(REPOSITORY, "Makefile"), "utf8");
  expect(makefile).toContain(
    "scripts/check-template-security $(CHECKOV) target/templates/orders-prod.template.json",
  );
});
