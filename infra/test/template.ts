import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, type AppProps } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { BuiltFunctionCode } from "transactional-outbox";
import type { EnvironmentName } from "../orders/environments.ts";
import { OrdersStack } from "../orders/orders-stack.ts";

/** The feature flags in cdk.json. */
const { context } = JSON.parse(readFileSync(new URL("../cdk.json", import.meta.url), "utf8")) as {
  context: Record<string, unknown>;
};

/** The functions' crates. */
const functionNames = [
  "cancel-order",
  "create-order",
  "get-order",
  "publish-events",
  "start-shipping",
  "sweep-outbox",
];

/** Creates placeholders for the functions' code, since templates need no build. */
export function placeholderCode(): BuiltFunctionCode {
  const directory = mkdtempSync(join(tmpdir(), "functions-"));
  for (const name of functionNames) {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, "bootstrap"), name);
  }
  return new BuiltFunctionCode({ directory, buildCommand: "make build" });
}

/** Creates the orders stack of an environment in an app of its own. */
export function ordersStack(environmentName: EnvironmentName, props: AppProps = {}): OrdersStack {
  return new OrdersStack(new App({ context, ...props }), `orders-${environmentName}`, {
    environmentName,
    code: placeholderCode(),
  });
}

/** Creates the orders stack of an environment with a key of its own, for which it needs a Region. */
export function ordersStackWithKey(environmentName: EnvironmentName): OrdersStack {
  return new OrdersStack(new App({ context }), `orders-${environmentName}`, {
    environmentName,
    code: placeholderCode(),
    customerManagedKey: true,
    env: { region: "eu-central-1" },
  });
}

/** Returns the template of the orders stack in an environment. */
export function ordersTemplate(environmentName: EnvironmentName): Template {
  return Template.fromStack(ordersStack(environmentName));
}

/** Returns the logical id that begins with a construct path. */
export function logicalId(template: Template, prefix: string): string {
  const resources: Record<string, unknown> = template.toJSON().Resources;
  const found = Object.keys(resources).find((id) => new RegExp(`^${prefix}[0-9A-F]{8}$`).test(id));
  return found ?? `no resource ${prefix}`;
}

/** Returns the properties of the resource whose logical id begins with a construct path. */
export function propertiesOf(template: Template, prefix: string): unknown {
  return template.toJSON().Resources[logicalId(template, prefix)]?.Properties;
}

/** Returns the Region and the root of the account in the template of an environment: fixed in the local one. */
export function placeOf(name: EnvironmentName): {
  readonly region: unknown;
  readonly root: unknown;
} {
  if (name === "local") {
    return { region: "eu-central-1", root: "arn:aws:iam::000000000000:root" };
  }
  const [partition, account] = [{ Ref: "AWS::Partition" }, { Ref: "AWS::AccountId" }];
  return {
    region: { Ref: "AWS::Region" },
    root: { "Fn::Join": ["", ["arn:", partition, ":iam::", account, ":root"]] },
  };
}

/** The log level and log retention of each environment. */
export const logging = {
  local: { level: "DEBUG", retentionInDays: 1 },
  dev: { level: "DEBUG", retentionInDays: 7 },
  staging: { level: "INFO", retentionInDays: 30 },
  prod: { level: "INFO", retentionInDays: 365 },
} as const satisfies Record<EnvironmentName, object>;

/** A policy statement of a template. */
interface Statement {
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: Readonly<Record<string, unknown>>;
}

/** Returns the statements of a queue's own policy. */
export function queuePolicy(template: Template, queueId: string): Statement[] {
  return Object.values(template.findResources("AWS::SQS::QueuePolicy"))
    .filter(({ Properties }) =>
      Properties.Queues.some(({ Ref }: { Ref: string }) => Ref === queueId),
    )
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement as Statement[]);
}

/** Returns the statement that denies access to a queue without TLS. */
export function denyPlainText(queueId: string): object {
  return {
    Effect: "Deny",
    Principal: { AWS: "*" },
    Action: "sqs:*",
    Resource: { "Fn::GetAtt": [queueId, "Arn"] },
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  };
}

/** Returns the statements of a role's policies. */
export function statements(template: Template, roleName: RegExp): Statement[] {
  return Object.values(template.findResources("AWS::IAM::Policy"))
    .filter((policy) => roleName.test(JSON.stringify(policy.Properties.Roles)))
    .flatMap((policy) => policy.Properties.PolicyDocument.Statement as Statement[]);
}

/**
 * Returns a role's permissions, sorted, as `action on logicalId`.
 */
export function grants(template: Template, roleName: RegExp): string[] {
  const granted = statements(template, roleName).flatMap(({ Action, Resource }) =>
    [Action].flat().flatMap((action) => targets(Resource).map((on) => `${action} on ${on}`)),
  );
  return [...new Set(granted)].sort();
}

function targets(resource: unknown): string[] {
  return [resource].flat().map((target) => {
    const text = JSON.stringify(target);
    const [, stack] = /:(stack\/[^"]+)/.exec(text) ?? [];
    if (stack !== undefined) {
      return stack;
    }
    if (typeof target === "string") {
      return target;
    }
    const [, logicalId] =
      /"(?:Fn::GetAtt":\["|Ref":")([A-Za-z0-9]+?)(?:[0-9A-F]{8})?"/.exec(text) ?? [];
    return `${logicalId ?? text}${partOf(text)}`;
  });
}

/** Returns which part of a resource an ARN means, if not the whole. */
function partOf(target: string): string {
  if (target.includes("/stream/*")) {
    return " any stream";
  }
  return target.includes("StreamArn") ? " stream" : "";
}

/** Returns the stack outputs that outboxctl reads, the sources', and its role's. */
export function outputsForOutboxctl(): string[] {
  const source = readFileSync(
    new URL("../../scripts/outboxctl/src/deployment.rs", import.meta.url),
    "utf8",
  );
  const asked = [...source.matchAll(/output\("(\w+)"\)/g)].map(([, name = ""]) => name);
  return [...new Set([...asked, "EventOrder", "EventSources", "OperatorRoleArn"])].sort();
}
