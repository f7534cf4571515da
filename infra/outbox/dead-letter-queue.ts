import { Duration } from "aws-cdk-lib";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { Queue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { acknowledgeQueueWithoutKey } from "./acknowledge-check.ts";
import { acknowledgeDeadLetterQueue } from "./acknowledged-findings.ts";
import { queueEncryption } from "./encryption-key.ts";

/** Creates the queue for dead letters about records and rows that could not be published. */
export function createDeadLetterQueue(scope: Construct, id: string, key?: IKey): Queue {
  const queue = new Queue(scope, id, {
    // The longest retention of SQS. There is no redrive: Lambda's messages are
    // pointers into the stream, which SQS cannot replay.
    retentionPeriod: Duration.days(14),
    ...queueEncryption(key),
    enforceSSL: true,
  });
  acknowledgeDeadLetterQueue(
    queue,
    "It is itself the dead-letter queue of the stream mapping, the relay and the sweeper.",
  );
  if (key === undefined) {
    acknowledgeQueueWithoutKey(queue);
  }
  return queue;
}
