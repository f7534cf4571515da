// The app for `local` with other functions, which stands for the next release. Tests of the
// local stack deploy it.
import { App, Tags } from "aws-cdk-lib";
import { BuiltFunctionCode } from "transactional-outbox";
import { OrdersStack } from "../orders/orders-stack.ts";

const directory = process.env.FUNCTIONS;
if (directory === undefined) {
  throw new Error("FUNCTIONS names the directory of the functions");
}
const stack = new OrdersStack(new App(), "orders-local", {
  environmentName: "local",
  code: new BuiltFunctionCode({ directory, buildCommand: "make build-local" }),
});
Tags.of(stack).add("service", "orders");
Tags.of(stack).add("environment", "local");
