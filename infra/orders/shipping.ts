import { Duration, Stack } from "aws-cdk-lib";
import type { TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { type IEventBus, Rule } from "aws-cdk-lib/aws-events";
import { SqsQueue } from "aws-cdk-lib/aws-events-targets";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { Queue, type QueueProps } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import {
  acknowledgeQueueWithoutKey,
  type BuiltFunctionCode,
  grantOnQueue,
  grantOnTable,
  queueEncryption,
} from "transactional-outbox";
import { acknowledge } from "./acknowledge.ts";
import type { Environment } from "./environments.ts";
import { EVENT_SOURCE } from "./event-source.ts";
import { OrdersFunction } from "./orders-function.ts";
import { OrdersTable } from "./orders-table.ts";

/** The timeout of `start-shipping` for one batch. */
const TIMEOUT = Duration.seconds(30);

/** How often a message is received before it becomes a dead letter. */
const MAX_RECEIVES = 5;

/**
 * Invocations of `start-shipping` at once. At the API's limit of 400 requests a second, 40
 * batches arrive in a second, and one takes less than half of it. Without a limit, a
 * backlog would use up the account's concurrency, which the relay needs, too.
 */
const MAX_CONCURRENCY = 20;

export interface ShippingProps {
  /** The bus with the events of orders. */
  readonly eventBus: IEventBus;

  /** The functions' code, built for the environment's processor. */
  readonly code: BuiltFunctionCode;

  /** The settings of the environment. */
  readonly settings: Environment;

  /** The key for table, queues and logs; otherwise AWS's. */
  readonly encryptionKey?: IKey;
}

/**
 * A consumer of the events: it starts the shipment of a placed order, and stops it if the
 * order is cancelled.
 *
 * A rule on the bus sends events to the queue, and the queue invokes the function. Each of
 * the two steps has a dead-letter queue of its own. Both contain events as they were
 * published, but the failure differs, and so does what the operator does about it.
 */
export class Shipping extends Construct {
  /** The shipment of each order. */
  readonly table: TableV2;

  /** The queue of events that the function has not handled yet. */
  readonly queue: Queue;

  /** The queue of events that the function failed to handle. */
  readonly deadLetterQueue: Queue;

  /** The queue of events that EventBridge could not send to `queue`. */
  readonly ruleDeadLetterQueue: Queue;

  /** The rule that selects the events for the queue. */
  readonly rule: Rule;

  /** The function that handles them. */
  readonly startShipping: LambdaFunction;

  readonly #settings: Environment;
  readonly #encryptionKey: IKey | undefined;

  constructor(scope: Construct, id: string, props: ShippingProps) {
    super(scope, id);
    this.table = new OrdersTable(this, "Shipments", props.settings, props.encryptionKey);
    this.#settings = props.settings;
    this.#encryptionKey = props.encryptionKey;
    this.deadLetterQueue = this.#createDeadLetterQueue("DeadLetterQueue");
    this.queue = this.#createQueue("Queue", {
      // AWS recommends six times the function's timeout: a message must stay hidden
      // while Lambda retries a throttled invocation.
      visibilityTimeout: Duration.seconds(6 * TIMEOUT.toSeconds()),
      // SQS deletes older messages without a dead letter. Seven days are longer than a
      // mapping is disabled over a long weekend. The dead-letter queue's 14 days count
      // from when a message was first sent, so this leaves a week to handle it there.
      retentionPeriod: Duration.days(7),
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: MAX_RECEIVES },
    });
    this.ruleDeadLetterQueue = this.#createDeadLetterQueue("RuleDeadLetterQueue");
    acknowledge(
      this.ruleDeadLetterQueue,
      ["AwsSolutions"],
      "SQS3",
      "It is itself the dead-letter queue of an EventBridge rule.",
    );
    this.rule = new Rule(this, "Rule", {
      description: "Sends events of orders to shipping",
      eventBus: props.eventBus,
      eventPattern: { source: [EVENT_SOURCE], detailType: ["OrderCreated", "OrderCancelled"] },
      targets: [new SqsQueue(this.queue, { deadLetterQueue: this.ruleDeadLetterQueue })],
    });
    this.startShipping = this.#createStartShipping(props);
  }

  #createStartShipping(props: ShippingProps): LambdaFunction {
    const startShipping = new OrdersFunction(this, "StartShipping", {
      description: "Starts and stops shipments of orders",
      crate: "start-shipping",
      code: props.code,
      timeout: TIMEOUT,
      environment: {
        SHIPMENTS_TABLE: this.table.tableName,
        // Events that another account puts on the bus are rejected.
        EVENT_ACCOUNT: Stack.of(this).account,
        DEAD_LETTER_QUEUE_URL: this.deadLetterQueue.queueUrl,
      },
      settings: props.settings,
      ...(props.encryptionKey && { encryptionKey: props.encryptionKey }),
    });
    grantOnTable(
      this.table,
      startShipping,
      "dynamodb:ConditionCheckItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
    );
    // Lambda reads the queue with the function's role.
    grantOnQueue(
      this.queue,
      startShipping,
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
    );
    // What it rejects, it sends there itself, with the reason.
    grantOnQueue(this.deadLetterQueue, startShipping, "sqs:SendMessage");
    startShipping.addEventSourceMapping("QueueMapping", {
      eventSourceArn: this.queue.queueArn,
      batchSize: 10,
      // Of the mapping, not of the function: throttled messages would count as received.
      maxConcurrency: MAX_CONCURRENCY,
      // Without it, one failed event would make SQS redeliver the whole batch.
      reportBatchItemFailures: true,
    });
    acknowledge(
      startShipping,
      ["Serverless"],
      "LambdaEventSourceMappingDestination",
      "A mapping of a queue has none: the queue's redrive policy moves failed messages.",
    );
    return startShipping;
  }

  #createDeadLetterQueue(id: string): Queue {
    // The longest retention of SQS. A message's age counts from when it was first sent,
    // so this must be longer than the retention of the queue before it.
    const queue = this.#createQueue(id, { retentionPeriod: Duration.days(14) });
    acknowledge(
      queue,
      ["Serverless"],
      "SQSRedrivePolicy",
      "It is itself a dead-letter queue, whose messages the operator handles.",
    );
    return queue;
  }

  #createQueue(id: string, own: QueueProps): Queue {
    const queue = new Queue(this, id, {
      ...own,
      ...queueEncryption(this.#encryptionKey),
      enforceSSL: true,
      // A published event is no longer in the outbox, so the queue may have the only copy.
      removalPolicy: this.#settings.tableRemovalPolicy,
    });
    if (this.#encryptionKey === undefined) {
      acknowledgeQueueWithoutKey(queue);
    }
    return queue;
  }
}
