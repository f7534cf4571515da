import { Duration, type Environment, RemovalPolicy, Stack, Token } from "aws-cdk-lib";
import { CfnEventBus, EventBus, type IEventBus } from "aws-cdk-lib/aws-events";
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { acknowledgeQueueWithoutKey } from "./acknowledge-check.ts";
import { acknowledgeDeadLetterQueue } from "./acknowledged-findings.ts";
import { keyStatement } from "./encryption-key.ts";

/** The settings of a bus for an outbox. */
export interface OutboxEventBusProps {
  /**
   * The bus's name.
   *
   * @default the CDK chooses one
   */
  readonly eventBusName?: string;

  /**
   * What the bus is for.
   *
   * @default none
   */
  readonly description?: string;

  /**
   * A key of your own for the events on the bus. With it the bus has a dead-letter queue.
   *
   * @default a key owned by AWS
   */
  readonly encryptionKey?: IKey;

  /**
   * What happens to the bus when the stack is deleted.
   *
   * @default RemovalPolicy.RETAIN: PutEvents succeeds even if the bus does not exist, and
   * the events are lost
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** A bus that loses no event if its key can't be used. */
export class OutboxEventBus extends EventBus {
  /** The events that EventBridge could not encrypt or decrypt; only with a key. */
  readonly deadLetterQueue?: Queue;

  constructor(scope: Construct, id: string, props: OutboxEventBusProps = {}) {
    const { encryptionKey, removalPolicy = RemovalPolicy.RETAIN, ...bus } = props;
    const deadLetterQueue = encryptionKey && createBusDeadLetterQueue(scope, id, removalPolicy);
    super(scope, id, {
      ...bus,
      ...(encryptionKey && { kmsKey: encryptionKey }),
      ...(deadLetterQueue && { deadLetterQueue }),
    });
    this.applyRemovalPolicy(removalPolicy);
    // The CDK's statement demands an encryption context, which DescribeKey doesn't have.
    encryptionKey?.addToResourcePolicy(
      keyStatement(new ServicePrincipal("events.amazonaws.com"), ["kms:DescribeKey"]),
    );
    if (deadLetterQueue !== undefined) {
      this.deadLetterQueue = deadLetterQueue;
      deadLetterQueue.addToResourcePolicy(
        new PolicyStatement({
          sid: "AllowEventBus",
          principals: [new ServicePrincipal("events.amazonaws.com")],
          actions: ["sqs:SendMessage"],
          resources: [deadLetterQueue.queueArn],
          conditions: { ArnEquals: { "aws:SourceArn": this.eventBusArn } },
        }),
      );
    }
  }
}

function createBusDeadLetterQueue(
  scope: Construct,
  busId: string,
  removalPolicy: RemovalPolicy,
): Queue {
  const queue = new Queue(scope, `${busId}DeadLetterQueue`, {
    retentionPeriod: Duration.days(14),
    // Not with the bus's key: the queue is needed when that key can't be used. EventBridge
    // sends the events as the bus has stored them, encrypted with the key.
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    removalPolicy,
  });
  acknowledgeDeadLetterQueue(queue, "It is itself the dead-letter queue of an event bus.");
  acknowledgeQueueWithoutKey(queue);
  return queue;
}

/**
 * Returns an error for a bus with a key and without a dead-letter queue, as far as the app
 * shows it. EventBridge drops an accepted event if the key can't be used and there is no
 * queue: EventBridge user guide, "Using dead-letter queues to capture encrypted event errors".
 */
export function eventBusFaults(eventBus: IEventBus): string[] {
  const bus = eventBus.node.defaultChild;
  if (!(bus instanceof CfnEventBus) || !bus.kmsKeyIdentifier || bus.deadLetterConfig) {
    return [];
  }
  return [
    `eventBus ${eventBus.node.path} has a key of its own and no dead-letter queue: EventBridge drops events ` +
      "that it has accepted if it can't use the key. Give the bus a dead-letter queue, or create it with OutboxEventBus",
  ];
}

/** Rejects a bus that the relay would not find: it looks for a name, in its own account and Region. */
export function requireEventBus(scope: Construct, eventBus: IEventBus): void {
  const path = eventBus.node.path;
  if (!eventBus.eventBusName) {
    throw new Error(`eventBus ${path} has no name: give the name of the bus to publish to`);
  }
  for (const what of ["account", "region"] as const satisfies (keyof Environment)[]) {
    const [here, there] = [Stack.of(scope)[what], eventBus.env[what]];
    if (here !== there && !Token.isUnresolved(here) && !Token.isUnresolved(there)) {
      throw new Error(
        `eventBus ${path} is in ${what} ${there}, the outbox in ${here}: ` +
          "publish to a bus in the same account and Region, and let a rule forward the events",
      );
    }
  }
}
