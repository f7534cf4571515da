import { AttributeType, Billing, TableEncryptionV2, TableV2 } from "aws-cdk-lib/aws-dynamodb";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { Construct } from "constructs";
import type { Environment } from "./environments.ts";

/**
 * A table of the orders service that is not part of its outbox. Items have the partition
 * key `pk` and are deleted after `expiresAt`, if they have it.
 */
export class OrdersTable extends TableV2 {
  constructor(scope: Construct, id: string, settings: Environment, encryptionKey?: IKey) {
    super(scope, id, {
      partitionKey: { name: "pk", type: AttributeType.STRING },
      billing: Billing.onDemand(),
      timeToLiveAttribute: "expiresAt",
      removalPolicy: settings.tableRemovalPolicy,
      deletionProtection: settings.deletionProtection,
      pointInTimeRecoverySpecification: {
        pointInTimeRecoveryEnabled: settings.pointInTimeRecovery,
      },
      ...(encryptionKey && { encryption: TableEncryptionV2.customerManagedKey(encryptionKey) }),
    });
  }
}
