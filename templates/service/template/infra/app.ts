import { App } from "aws-cdk-lib";
import { ServiceStack } from "./service-stack.ts";

const app = new App();
const environments = ["local", "dev", "prod"] as const;
const name: unknown = app.node.tryGetContext("env");
const environment = environments.find((known) => known === name);
if (environment === undefined) {
  throw new Error(`choose an environment with -c env=NAME: ${environments.join(", ")}`);
}
new ServiceStack(app, `{{ project_name }}-${environment}`, {
  environment,
  // Without authorization and with dummy keys, so no real account may have it.
  ...(environment === "local" && { env: { account: "000000000000", region: "eu-central-1" } }),
});
