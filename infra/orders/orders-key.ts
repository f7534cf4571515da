import { Aws, RemovalPolicy, Stack } from "aws-cdk-lib";
import { ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Key } from "aws-cdk-lib/aws-kms";
import type { Construct } from "constructs";
import { allowLogs, keyStatement } from "transactional-outbox";

/**
 * The key for all data of the orders service, rotated every year. Tables, queues, logs and
 * the archive can't be read without it, so it outlives the stack.
 */
export class OrdersKey extends Key {
  constructor(scope: Construct, id: string) {
    super(scope, id, {
      description: "Data of the orders service",
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    allowLogs(this, this);
    this.addToResourcePolicy(
      // The topics of the alarms.
      keyStatement(
        new ServicePrincipal("cloudwatch.amazonaws.com"),
        ["kms:Decrypt", "kms:GenerateDataKey*"],
        { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
      ),
    );
  }

  /** Lets EventBridge use the key for the archive of a bus, of which only the name is known yet. */
  allowArchive(eventBusName: string): void {
    const bus = Stack.of(this).formatArn({
      service: "events",
      resource: "event-bus",
      resourceName: eventBusName,
    });
    this.addToResourcePolicy(
      keyStatement(
        new ServicePrincipal("events.amazonaws.com"),
        ["kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncrypt*"],
        { StringEquals: { "kms:EncryptionContext:aws:events:event-bus:arn": bus } },
      ),
    );
  }
}
