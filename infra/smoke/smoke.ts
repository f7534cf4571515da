// Checks that a deployed orders service works: `smoke.ts ENVIRONMENT`.
import { CloudFormationClient } from "@aws-sdk/client-cloudformation";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { AwsClient } from "aws4fetch";
import { parseEnvironmentName } from "../orders/environments.ts";
import { runCommand } from "./command.ts";
import { OrdersDeployment } from "./orders-deployment.ts";
import { smokeTest } from "./smoke-test.ts";

await runCommand(async () => {
  const environment = parseEnvironmentName(process.argv[2]);
  const cloudFormation = new CloudFormationClient();
  const api = new AwsClient({
    ...(await cloudFormation.config.credentials()),
    region: await cloudFormation.config.region(),
    service: "execute-api",
  });
  const clients = { cloudFormation, dynamoDb: new DynamoDBClient(), api };
  await smokeTest(await OrdersDeployment.find(clients, environment));
});
