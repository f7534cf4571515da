import { Stack } from "aws-cdk-lib";
import { Match, Template } from "aws-cdk-lib/assertions";
import { TableEncryptionV2 } from "aws-cdk-lib/aws-dynamodb";
import { EventBus } from "aws-cdk-lib/aws-events";
import { AccountRootPrincipal, ArnPrincipal, Role } from "aws-cdk-lib/aws-iam";
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

test("log level TRACE is rejected unless events may be logged", () => {
  expect(() => outbox(new Stack(), { logLevel: TRACE })).toThrow(
    "logLevel TRACE logs the requests to AWS, and with them the events' data: choose DEBUG, " +
      "or set logsMayContainEvents if events may be logged",
  );
  const stack = new Stack();
  outbox(stack, { logLevel: TRACE, logsMayContainEvents: true });
  Template.fromStack(stack).allResourcesProperties("AWS::Lambda::Function", {
    LoggingConfig: Match.objectLike({ ApplicationLogLevel: "TRACE" }),
  });
});

test.each([undefined, INFO, DEBUG])("log level %s keeps the metrics", (level) => {
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
    expect(granted).toContain("kms:GenerateDataKey on Key");
  }
});

test("concurrency is reserved for each function if the app says so", () => {
  const stack = new Stack();
  outbox(stack, { relayReservedConcurrency: 10, sweeperReservedConcurrency: 2 });
  const template = Template.fromStack(stack);
  for (const [timeout, reserved] of [
    [60, 10],
    [240, 2],
  ]) {
    template.hasResourceProperties("AWS::Lambda::Function", {
      Timeout: timeout,
      ReservedConcurrentExecutions: reserved,
    });
  }
});

test("no concurrency is reserved by default", () => {
  const stack = new Stack();
  outbox(stack);
  Template.fromStack(stack).allResourcesProperties("AWS::Lambda::Function", {
    ReservedConcurrentExecutions: Match.absent(),
  });
});

test.each([0, -1, 1.5])("%d invocations can't be reserved", (reserved) => {
  for (const name of ["relayReservedConcurrency", "sweeperReservedConcurrency"]) {
    expect(() => outbox(new Stack(), { [name]: reserved })).toThrow(
      `${name} is ${reserved}: reserve a whole number of invocations, 1 or more`,
    );
  }
});

test("the functions' logs are retained by default", () => {
  const stack = new Stack();
  outbox(stack);
  Template.fromStack(stack).allResources("AWS::Logs::LogGroup", { DeletionPolicy: "Retain" });
});

test("the principals that may assume the operator role can be given", () => {
  const stack = new Stack();
  const account = new AccountRootPrincipal().withConditions({
    Bool: { "aws:MultiFactorAuthPresent": "true" },
  });
  const onCall = new ArnPrincipal("arn:aws:iam::111122223333:role/on-call");
  outbox(stack, { operatorPrincipals: [account, onCall] });
  const [trust] = Object.values(Template.fromStack(stack).findResources("AWS::IAM::Role"))
    .filter(({ Properties }) => /republishes/.test(Properties.Description))
    .map(({ Properties }) => Properties.AssumeRolePolicyDocument.Statement);
  expect(trust).toEqual([
    expect.objectContaining({
      Action: "sts:AssumeRole",
      Condition: { Bool: { "aws:MultiFactorAuthPresent": "true" } },
    }),
    {
      Effect: "Allow",
      Action: "sts:AssumeRole",
      Principal: { AWS: "arn:aws:iam::111122223333:role/on-call" },
    },
  ]);
});

test("the operator role needs a principal", () => {
  expect(() => outbox(new Stack(), { operatorPrincipals: [] })).toThrow(
    "operatorPrincipals is empty, so no principal could repair the outbox",
  );
});
