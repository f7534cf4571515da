import { AttributeType, Billing, TableV2 } from "aws-cdk-lib/aws-dynamodb";
import type { Construct } from "constructs";
import type { Environment } from "./environments.ts";

/**
 * A table of the orders service, outside of its outbox: items that are found by
 * one key, and gone after their `expiresAt` if they have one.
 */
export class OrdersTable extends TableV2 {
  constructor(scope: Construct, id: string, settings: Environment) {
    super(scope, id, {
      partitionKey: { name: "pk", type: AttributeType.STRING },
      billing: Billing.onDemand(),
      timeToLiveAttribute: "expiresAt",
      removalPolicy: settings.tableRemovalPolicy,
      deletionProtection: settings.deletionProtection,
      pointInTimeRecoverySpecification: {
        pointInTimeRecoveryEnabled: settings.pointInTimeRecovery,
      },
    });
  }
}
