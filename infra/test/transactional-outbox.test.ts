import { Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { TableEncryptionV2 } from "aws-cdk-lib/aws-dynamodb";
import { EventBus } from "aws-cdk-lib/aws-events";
import { AccountRootPrincipal, Role } from "aws-cdk-lib/aws-iam";
import { Key } from "aws-cdk-lib/aws-kms";
import { ApplicationLogLevel } from "aws-cdk-lib/aws-lambda";
import { expect, test } from "vitest";
import { TransactionalOutbox, type TransactionalOutboxProps } from "../outbox/index.ts";
import { grants, placeholderCode } from "./template.ts";

const { TRACE, DEBUG, INFO, WARN, ERROR, FATAL } = ApplicationLogLevel;

function outbox(stack: Stack, props: Partial<TransactionalOutboxProps> = {}): TransactionalOutbox {
  const code = placeholderCode();
  return new TransactionalOutbox(stack, "Outbox", {
    relayCode: code.of("publish-events"),
    sweeperCode: code.of("sweep-outbox"),
    sources: ["orders"],
    eventBus: new EventBus(stack, "EventBus"),
    ...props,
  });
}

test.each([WARN, ERROR, FATAL])(
  "log level %s would drop the metrics, so it is rejected",
  (level) => {
    expect(() => outbox(new Stack(), { logLevel: level })).toThrow(
      `logLevel ${level} would drop the functions' metrics, which are written to the log as INFO: ` +
        "choose one of INFO, DEBUG, TRACE",
    );
  },
);

test.each([undefined, INFO, DEBUG, TRACE])("log level %s keeps the metrics", (level) => {
  expect(() => outbox(new Stack(), level ? { logLevel: level } : {})).not.toThrow();
});

test("another role can be granted the operator's permissions", () => {
  const stack = new Stack();
  const role = new Role(stack, "OnCall", { assumedBy: new AccountRootPrincipal() });
  const granted = outbox(stack).grantOperate(role);
  expect(granted.success).toBe(true);
  const template = Template.fromStack(stack);
  expect(grants(template, /OnCall/)).toEqual(grants(template, /OutboxOperator/));
});

test("every role that may use the table may use its key", () => {
  const stack = new Stack(undefined, "Stack", { env: { region: "eu-central-1" } });
  const key = new Key(stack, "Key");
  const writer = new Role(stack, "Writer", { assumedBy: new AccountRootPrincipal() });
  const { success, principalStatements } = outbox(stack, {
    tableEncryption: TableEncryptionV2.customerManagedKey(key),
  }).grantAppend(writer);
  expect(success).toBe(true);
  expect(principalStatements.flatMap(({ actions }) => actions)).toEqual(
    expect.arrayContaining(["dynamodb:PutItem", "kms:Decrypt"]),
  );
  const template = Template.fromStack(stack);
  for (const role of [/Writer/, /OutboxRelay/, /OutboxSweeper/, /OutboxOperator/]) {
    const granted = grants(template, role);
    expect(granted).toContain("kms:Decrypt on Key");
    expect(granted).toContain("kms:GenerateDataKey* on Key");
  }
});
