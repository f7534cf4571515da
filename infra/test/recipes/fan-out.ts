import { Duration } from "aws-cdk-lib";
import { type IEventBus, Rule, RuleTargetInput } from "aws-cdk-lib/aws-events";
import { KinesisStream, SnsTopic, SqsQueue } from "aws-cdk-lib/aws-events-targets";
import { Stream } from "aws-cdk-lib/aws-kinesis";
import { Topic } from "aws-cdk-lib/aws-sns";
import { Queue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";

/** Sends the events of orders to a topic, a FIFO queue and a stream. */
export function fanOut(scope: Construct, eventBus: IEventBus): void {
  const deadLetterQueue = new Queue(scope, "Undelivered", { retentionPeriod: Duration.days(14) });

  new Rule(scope, "ToTopic", {
    eventBus,
    eventPattern: { source: ["orders"], detailType: ["OrderCreated"] },
    targets: [new SnsTopic(new Topic(scope, "Created"), { deadLetterQueue })],
  });

  const invoices = new Queue(scope, "Invoices", { fifo: true, contentBasedDeduplication: true });
  new Rule(scope, "ToFifoQueue", {
    eventBus,
    eventPattern: { source: ["orders"], detail: { tenantid: ["t-17"] } },
    targets: [
      new SqsQueue(invoices, {
        // The CloudEvent alone, whose copies are equal: a copy within five minutes is dropped.
        message: RuleTargetInput.fromEventPath("$.detail"),
        messageGroupId: "orders",
        deadLetterQueue,
      }),
    ],
  });

  new Rule(scope, "ToStream", {
    eventBus,
    eventPattern: { source: ["orders"] },
    targets: [
      // The events of an aggregate are in one shard.
      new KinesisStream(new Stream(scope, "Analytics"), {
        partitionKeyPath: "$.detail.subject",
        deadLetterQueue,
      }),
    ],
  });
}
