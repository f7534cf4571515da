import { fileURLToPath } from "node:url";
import { App, Tags } from "aws-cdk-lib";
import { BuiltFunctionCode } from "transactional-outbox";
import { parseEnvironmentName } from "./environments.ts";
import { OrdersStack } from "./orders-stack.ts";

const functions = fileURLToPath(new URL("../../target/lambda", import.meta.url));

const app = new App();
const environmentName = parseEnvironmentName(app.node.tryGetContext("env"));
const stack = new OrdersStack(app, `orders-${environmentName}`, {
  environmentName,
  code: new BuiltFunctionCode(functions),
});
Tags.of(stack).add("service", "orders");
Tags.of(stack).add("environment", environmentName);
