import { App } from "aws-cdk-lib";
import { BuiltFunctionCode } from "transactional-outbox";
import { OrdersStack } from "../orders/orders-stack.ts";

/** The local stack with other functions, as the next release would have them. */
const directory = process.env["FUNCTIONS"];
if (directory === undefined) {
  throw new Error("FUNCTIONS names the directory of the functions");
}
new OrdersStack(new App(), "orders-local", {
  environmentName: "local",
  code: new BuiltFunctionCode({ directory, buildCommand: "make build-local" }),
});
