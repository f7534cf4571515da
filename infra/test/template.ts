import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { BuiltFunctionCode } from "transactional-outbox";
import type { EnvironmentName } from "../orders/environments.ts";
import { OrdersStack } from "../orders/orders-stack.ts";

/** The feature flags that the app is deployed with. */
const { context } = JSON.parse(readFileSync(new URL("../cdk.json", import.meta.url), "utf8")) as {
  context: Record<string, unknown>;
};

/** Code that stands in for the functions: templates need no build. */
export function placeholderCode(): BuiltFunctionCode {
  const directory = mkdtempSync(join(tmpdir(), "functions-"));
  for (const name of ["create-order", "publish-events", "sweep-outbox"]) {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, "bootstrap"), name);
  }
  return new BuiltFunctionCode({ directory, buildCommand: "make build" });
}

/** The template of the orders stack in an environment. */
export function ordersTemplate(environmentName: EnvironmentName): Template {
  const stack = new OrdersStack(new App({ context }), `orders-${environmentName}`, {
    environmentName,
    code: placeholderCode(),
  });
  return Template.fromStack(stack);
}

/** A policy statement as it lies in a template. */
interface Statement {
  readonly Action: string | string[];
  readonly Resource: unknown;
}

/**
 * What a role may do: actions and the logical ids they are granted on, sorted,
 * `action on logicalId`.
 */
export function grants(template: Template, roleName: RegExp): string[] {
  const granted = Object.values(template.findResources("AWS::IAM::Policy"))
    .filter((policy) => roleName.test(JSON.stringify(policy.Properties.Roles)))
    .flatMap((policy) => policy.Properties.PolicyDocument.Statement as Statement[])
    .flatMap(({ Action, Resource }) =>
      [Action].flat().flatMap((action) => targets(Resource).map((on) => `${action} on ${on}`)),
    );
  return [...new Set(granted)].sort();
}

function targets(resource: unknown): string[] {
  return [resource].flat().map((target) => {
    if (typeof target === "string") {
      return target;
    }
    const text = JSON.stringify(target);
    const [, stack] = /:(stack\/[^"]+)/.exec(text) ?? [];
    if (stack !== undefined) {
      return stack;
    }
    const [, logicalId] =
      /"(?:Fn::GetAtt":\["|Ref":")([A-Za-z0-9]+?)(?:[0-9A-F]{8})?"/.exec(text) ?? [];
    return `${logicalId ?? text}${partOf(text)}`;
  });
}

/** Which part of a resource is meant, if it is not the whole. */
function partOf(target: string): string {
  if (target.includes("/stream/*")) {
    return " any stream";
  }
  return target.includes("StreamArn") ? " stream" : "";
}
