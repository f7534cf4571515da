import { expect, test } from "vitest";
import { environment, environmentNames } from "../orders/environments.ts";
import { read } from "./runbook.ts";
import { logicalId, ordersTemplate } from "./template.ts";

/** How far back a table can be restored. */
const RECOVERY_DAYS = 35;

test.each([
  { name: "dev", days: 7 },
  { name: "staging", days: 35 },
  { name: "prod", days: 90 },
] as const)("$name keeps published events for $days days", ({ name, days }) => {
  const template = ordersTemplate(name);
  const { DeletionPolicy } = template.toJSON().Resources[logicalId(template, "Orders")];
  template.resourceCountIs("AWS::Events::Archive", 1);
  template.hasResource("AWS::Events::Archive", {
    Properties: {
      SourceArn: { "Fn::GetAtt": [logicalId(template, "EventBus"), "Arn"] },
      EventPattern: { source: ["orders"] },
      RetentionDays: days,
    },
    DeletionPolicy,
    UpdateReplacePolicy: DeletionPolicy,
  });
});

test.each(["README.md", "docs/operations.md"])("%s documents the retention", (path) => {
  const text = read(path).replace(/\s+/g, " ");
  expect(text).toContain("7 days in `dev`, 35 in `staging`");
  expect(text).toContain("90 in `prod`");
});

test("the archive covers as many days as a table can be restored to", () => {
  for (const name of environmentNames) {
    const { pointInTimeRecovery, eventArchiveRetention } = environment(name);
    if (pointInTimeRecovery) {
      expect(eventArchiveRetention?.toDays(), name).toBeGreaterThanOrEqual(RECOVERY_DAYS);
    }
  }
});

test("the local stack has none: the emulator has no archives", () => {
  ordersTemplate("local").resourceCountIs("AWS::Events::Archive", 0);
});
