import { readFileSync } from "node:fs";
import { join } from "node:path";
import { App, Fn, Stack, Validations } from "aws-cdk-lib";
import { TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { Key } from "aws-cdk-lib/aws-kms";
import { CfnLogGroup } from "aws-cdk-lib/aws-logs";
import { CfnQueue } from "aws-cdk-lib/aws-sqs";
import {
  AwsSolutionsChecks,
  HIPAASecurityChecks,
  NIST80053R5Checks,
  PCIDSS321Checks,
  ServerlessChecks,
} from "cdk-nag";
import { TransactionalOutbox } from "transactional-outbox";
import { describe, expect, test } from "vitest";
import { type EnvironmentName, environmentNames } from "../orders/environments.ts";
import { ordersStack, ordersStackWithKey, placeholderCode } from "./template.ts";

/** A rule's entry in the validation report. */
interface Violation {
  readonly ruleName: string;
  readonly violatingConstructs: { readonly constructPath: string }[];
  /** Why it is acknowledged. */
  readonly reason?: string;
}

interface Report {
  readonly pluginReports: {
    readonly pluginName: string;
    readonly violations: Violation[];
    readonly suppressedViolations?: Violation[];
  }[];
}

/** The rule packs of cdk-nag. */
const PACKS = [
  AwsSolutionsChecks,
  ServerlessChecks,
  NIST80053R5Checks,
  HIPAASecurityChecks,
  PCIDSS321Checks,
];

/** Synthesizes the app as for a deployment, with the rules of cdk-nag and the CDK's own. */
function validate(app: App): Report {
  const exitCode = process.exitCode;
  Validations.of(app).addPlugins(...PACKS.map((Pack) => new Pack(app)));
  try {
    app.synth();
  } catch (error) {
    if (!String(error).includes("ValidationFailed")) {
      throw error;
    }
  }
  process.exitCode = exitCode;
  return JSON.parse(readFileSync(join(app.outdir, "validation-report.json"), "utf8"));
}

/** Returns `rule at path`, without the stack's name. */
function describeViolation({ ruleName, violatingConstructs }: Violation): string[] {
  return violatingConstructs.map(
    ({ constructPath }) => `${ruleName} at ${constructPath.replace(/^orders-\w+\//, "")}`,
  );
}

/** Returns the acknowledged findings, without the names of the packs, as `rule` with its paths. */
function acknowledgedIn(pluginReports: Report["pluginReports"]): Record<string, string[]> {
  const paths = new Map<string, Set<string>>();
  for (const { pluginName, suppressedViolations = [] } of pluginReports) {
    for (const violation of suppressedViolations) {
      const rule = violation.ruleName.replace(`${pluginName}-`, "");
      const found = paths.get(rule) ?? new Set();
      for (const described of describeViolation(violation)) {
        found.add(described.replace(/^.* at /, "").replace(/(\/DefaultPolicy)?\/Resource$/, ""));
      }
      paths.set(rule, found);
    }
  }
  return Object.fromEntries([...paths].map(([rule, found]) => [rule, [...found].sort()]));
}

const OUTBOX_FUNCTIONS = ["Outbox/Relay", "Outbox/Sweeper"];
const OTHER_FUNCTIONS = ["CancelOrder", "CreateOrder", "GetOrder", "Shipping/StartShipping"];
const FUNCTIONS = [...OTHER_FUNCTIONS, ...OUTBOX_FUNCTIONS].sort();

/** Returns the findings that may be acknowledged, in a stack with or without a key. */
function expectedFindings(name: EnvironmentName, withKey: boolean): Record<string, string[]> {
  const stackArn = {
    local: "arn:aws:cloudformation:eu-central-1:000000000000",
    key: "arn:aws:cloudformation:eu-central-1:<AWS::AccountId>",
    other: "arn:<AWS::Partition>:cloudformation:<AWS::Region>:<AWS::AccountId>",
  }[name === "local" ? name : withKey ? "key" : "other"];
  const deadLetterQueues = ["Outbox/DeadLetterQueue", "Shipping/RuleDeadLetterQueue"];
  if (withKey) {
    deadLetterQueues.unshift("EventBusDeadLetterQueue");
  }
  const findings: Record<string, string[]> = {
    "IAM5[Resource::*]": [...OTHER_FUNCTIONS.map((one) => `${one}Role`), "Outbox/Operator"].sort(),
    "IAM5[Resource::<OutboxTableF17138FA.Arn>/stream/*]": ["Outbox/Operator"],
    [`IAM5[Resource::${stackArn}:stack/orders-${name}/*]`]: ["Outbox/Operator"],
    IAMNoInlinePolicy: [...FUNCTIONS.map((one) => `${one}Role`), "Outbox/Operator"].sort(),
    LambdaAsyncFailureDestination: ["Outbox/Sweeper/EventInvokeConfig"],
    LambdaConcurrency: FUNCTIONS,
    LambdaDLQ: FUNCTIONS,
    LambdaEventSourceMappingDestination: ["Shipping/StartShipping/QueueMapping"],
    LambdaInsideVPC: FUNCTIONS,
    LambdaTracing: OUTBOX_FUNCTIONS,
    EventBusDLQ: ["Outbox/SweepSchedule"],
    SQS3: deadLetterQueues,
    SQSRedrivePolicy: [...deadLetterQueues, "Shipping/DeadLetterQueue"].sort(),
  };
  if (!withKey) {
    const logs = [...FUNCTIONS.map((one) => `${one}Logs`), "Api/AccessLogs"].sort();
    findings.CloudWatchLogGroupEncrypted = logs;
  }
  if (!withKey && name !== "local") {
    findings.SNSEncryptedKMS = ["AlarmTopics/Page", "AlarmTopics/Ticket"];
  }
  if (name === "local") {
    findings.APIG4 = ["GET--orders--{id}", "POST--orders", "POST--orders--{id}--cancel"].map(
      (route) => `Api/${route}`,
    );
  }
  return findings;
}

describe.each([
  ...environmentNames.map((name) => ({ name, withKey: false })),
  { name: "prod" as const, withKey: true },
])("the stack of $name, with a key: $withKey", ({ name, withKey }) => {
  const stack = withKey ? ordersStackWithKey(name) : ordersStack(name);
  const { pluginReports } = validate(stack.node.root as App);

  test("breaks no rule of cdk-nag or the CDK unacknowledged", () => {
    expect(
      pluginReports.flatMap(({ violations }) => violations.flatMap(describeViolation)),
    ).toEqual([]);
  });

  test("acknowledges these rules and no others", () => {
    expect(acknowledgedIn(pluginReports)).toEqual(expectedFindings(name, withKey));
    const acknowledged = pluginReports.flatMap((report) => report.suppressedViolations ?? []);
    for (const { ruleName, reason } of acknowledged) {
      expect(reason, ruleName).toMatch(/^[A-Z].{20,}\.$/);
    }
  });
});

test("all validations find a stack that breaks rules", () => {
  const stack = ordersStack("prod");
  new CfnQueue(stack, "Queue", { messageRetentionPeriod: 5 });
  new CfnLogGroup(stack, "Logs");
  const { pluginReports } = validate(stack.node.root as App);
  expect(pluginReports.map(({ pluginName }) => pluginName)).toEqual([
    "AwsSolutions",
    "Serverless",
    "NIST.800.53.R5",
    "HIPAA.Security",
    "PCI.DSS.321",
    "CloudFormation Validate",
  ]);
  const broken = pluginReports.flatMap(({ violations }) => violations.flatMap(describeViolation));
  expect(broken.sort()).toEqual([
    "AwsSolutions-SQS3 at Queue",
    "AwsSolutions-SQS4 at Queue",
    "F3034 at Queue",
    "HIPAA.Security-CloudWatchLogGroupEncrypted at Logs",
    "HIPAA.Security-CloudWatchLogGroupRetentionPeriod at Logs",
    "NIST.800.53.R5-CloudWatchLogGroupEncrypted at Logs",
    "NIST.800.53.R5-CloudWatchLogGroupRetentionPeriod at Logs",
    "PCI.DSS.321-CloudWatchLogGroupEncrypted at Logs",
    "PCI.DSS.321-CloudWatchLogGroupRetentionPeriod at Logs",
    "Serverless-CloudWatchLogGroupRetentionPeriod at Logs",
    "Serverless-SQSRedrivePolicy at Queue",
  ]);
});

test("an outbox breaks no rule, with its own or an existing table, or with a key", () => {
  const app = new App();
  const code = placeholderCode();
  const functions = () => ({
    relayCode: code.of("publish-events"),
    sweeperCode: code.of("sweep-outbox"),
    sources: ["orders"],
  });
  new TransactionalOutbox(new Stack(app, "Anywhere"), "Outbox", functions());
  const env = { account: "111122223333", region: "eu-central-1" };
  const somewhere = new Stack(app, "Somewhere", { env });
  const tableArn = "arn:aws:dynamodb:eu-central-1:111122223333:table/outbox";
  new TransactionalOutbox(somewhere, "Outbox", {
    ...functions(),
    table: TableV2.fromTableAttributes(somewhere, "Table", {
      tableArn,
      tableStreamArn: `${tableArn}/stream/2026-01-01T00:00:00.000`,
    }),
  });
  const keyed = new Stack(app, "Keyed", { env });
  new TransactionalOutbox(keyed, "Outbox", {
    ...functions(),
    encryptionKey: new Key(keyed, "Key", { enableKeyRotation: true }),
    rejectOtherPublishers: true,
    relayReservedConcurrency: 10,
  });
  const elsewhere = new Stack(app, "Elsewhere");
  new TransactionalOutbox(elsewhere, "Outbox", {
    ...functions(),
    table: TableV2.fromTableAttributes(elsewhere, "Table", {
      tableArn: Fn.importValue("table-arn"),
      tableStreamArn: Fn.importValue("stream-arn"),
    }),
  });
  const { pluginReports } = validate(app);
  expect(pluginReports.map(({ pluginName }) => pluginName)).toContain("AwsSolutions");
  expect(pluginReports.flatMap(({ violations }) => violations.flatMap(describeViolation))).toEqual(
    [],
  );
});
