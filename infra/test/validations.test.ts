import { readFileSync } from "node:fs";
import { join } from "node:path";
import { App, Fn, Stack, Validations } from "aws-cdk-lib";
import { TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { CfnQueue } from "aws-cdk-lib/aws-sqs";
import { AwsSolutionsChecks } from "cdk-nag";
import { TransactionalOutbox } from "transactional-outbox";
import { describe, expect, test } from "vitest";
import { environmentNames } from "../orders/environments.ts";
import { ordersStack, placeholderCode } from "./template.ts";

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

/** Synthesizes the app as for a deployment, with cdk-nag's rules and the CDK's own. */
function validate(app: App): Report {
  const exitCode = process.exitCode;
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
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

describe.each(environmentNames)("the stack of %s", (name) => {
  const local = name === "local";
  const { pluginReports } = validate(ordersStack(name).node.root as App);

  test("breaks no rule of cdk-nag or the CDK unacknowledged", () => {
    expect(
      pluginReports.flatMap(({ violations }) => violations.flatMap(describeViolation)),
    ).toEqual([]);
  });

  test("acknowledges these rules and no others", () => {
    const acknowledged = pluginReports.flatMap((report) => report.suppressedViolations ?? []);
    expect(acknowledged.flatMap(describeViolation).sort()).toEqual([
      ...(local
        ? [
            "AwsSolutions-APIG4 at Api/GET--orders--{id}/Resource",
            "AwsSolutions-APIG4 at Api/POST--orders--{id}--cancel/Resource",
            "AwsSolutions-APIG4 at Api/POST--orders/Resource",
          ]
        : []),
      "AwsSolutions-IAM5[Resource::*] at CancelOrderRole/DefaultPolicy/Resource",
      "AwsSolutions-IAM5[Resource::*] at CreateOrderRole/DefaultPolicy/Resource",
      "AwsSolutions-IAM5[Resource::*] at GetOrderRole/DefaultPolicy/Resource",
      "AwsSolutions-IAM5[Resource::*] at Outbox/Operator/DefaultPolicy/Resource",
      "AwsSolutions-IAM5[Resource::*] at Shipping/StartShippingRole/DefaultPolicy/Resource",
      "AwsSolutions-IAM5[Resource::<OutboxTableF17138FA.Arn>/stream/*] at Outbox/Operator/DefaultPolicy/Resource",
      `AwsSolutions-IAM5[Resource::${
        local
          ? "arn:aws:cloudformation:eu-central-1:000000000000"
          : "arn:<AWS::Partition>:cloudformation:<AWS::Region>:<AWS::AccountId>"
      }:stack/orders-${name}/*] at Outbox/Operator/DefaultPolicy/Resource`,
      "AwsSolutions-SQS3 at Outbox/DeadLetterQueue/Resource",
      "AwsSolutions-SQS3 at Shipping/RuleDeadLetterQueue/Resource",
    ]);
    for (const { ruleName, reason } of acknowledged) {
      expect(reason, ruleName).toMatch(/^[A-Z].{20,}\.$/);
    }
  });
});

test("both validations find a stack that breaks rules", () => {
  const stack = ordersStack("prod");
  new CfnQueue(stack, "Queue", { messageRetentionPeriod: 5 });
  const { pluginReports } = validate(stack.node.root as App);
  expect(pluginReports.map(({ pluginName }) => pluginName)).toEqual([
    "AwsSolutions",
    "CloudFormation Validate",
  ]);
  const broken = pluginReports.flatMap(({ violations }) => violations.flatMap(describeViolation));
  expect(broken.sort()).toEqual([
    "AwsSolutions-SQS3 at Queue",
    "AwsSolutions-SQS4 at Queue",
    "F3034 at Queue",
  ]);
});

test("an outbox breaks no rule, with its own or an existing table", () => {
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
