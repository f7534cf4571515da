// Another service, with an existing table and bus. It is CommonJS and imports the construct
// from its package.
import { App, Duration, Stack } from "aws-cdk-lib";
import { TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { EventBus } from "aws-cdk-lib/aws-events";
import { Architecture, Code, Function as LambdaFunction, Runtime } from "aws-cdk-lib/aws-lambda";
import { TransactionalOutbox } from "transactional-outbox";

const stack = new Stack(new App(), "billing", {
  env: { account: "111122223333", region: "eu-central-1" },
});
const tableArn = "arn:aws:dynamodb:eu-central-1:111122223333:table/billing-outbox";
const outbox = new TransactionalOutbox(stack, "Billing-Outbox", {
  relayCode: Code.fromAsset("functions/publish-events"),
  sweeperCode: Code.fromAsset("functions/sweep-outbox"),
  sources: ["billing", "billing.refunds"],
  lookUp: "Always",
  architecture: Architecture.X86_64,
  eventBus: EventBus.fromEventBusName(stack, "Bus", "company"),
  table: TableV2.fromTableAttributes(stack, "Outbox", {
    tableArn,
    tableStreamArn: `${tableArn}/stream/2026-01-01T00:00:00.000`,
  }),
  batchSize: 1_000,
  parallelizationFactor: 4,
  maxBatchingWindow: Duration.seconds(5),
  sweepGracePeriod: Duration.minutes(5),
});
const invoice = new LambdaFunction(stack, "Invoice", {
  runtime: Runtime.PROVIDED_AL2023,
  handler: "bootstrap",
  code: Code.fromAsset("functions/invoice"),
  environment: { OUTBOX_TABLE: outbox.table.tableName },
});
outbox.grantAppend(invoice);
outbox.grantPublishAtOnce(invoice);
outbox.addOperatorOutputs();
