import { fileURLToPath } from "node:url";
import { App, type Environment, Tags } from "aws-cdk-lib";
import { BuiltFunctionCode } from "transactional-outbox";
import { environment, parseEnvironmentName } from "./environments.ts";
import { OrdersStack } from "./orders-stack.ts";

const app = new App();
const environmentName = parseEnvironmentName(app.node.tryGetContext("env"));
const stack = new OrdersStack(app, `orders-${environmentName}`, {
  environmentName,
  // Only with a key must the Region be known, which the CDK's CLI takes from the credentials.
  ...(environment(environmentName).customerManagedKey && { env: cliEnvironment() }),
  code: new BuiltFunctionCode(
    environment(environmentName).local
      ? { directory: target("lambda/local"), buildCommand: "make build-local" }
      : { directory: target("lambda/arm64"), buildCommand: "make build" },
  ),
});
Tags.of(stack).add("service", "orders");
Tags.of(stack).add("environment", environmentName);

/** Returns the account and Region of the CLI's credentials. */
function cliEnvironment(): Environment {
  const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = process.env;
  return { ...(account && { account }), ...(region && { region }) };
}

/** Returns a path below Cargo's target directory. */
function target(path: string): string {
  return fileURLToPath(new URL(`../../target/${path}`, import.meta.url));
}
