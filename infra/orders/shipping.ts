import { Duration, Validations } from "aws-cdk-lib";
import type { TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { type IEventBus, Rule } from "aws-cdk-lib/aws-events";
import { SqsQueue } from "aws-cdk-lib/aws-events-targets";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { Queue, QueueEncryption, type QueueProps } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import type { BuiltFunctionCode } from "transactional-outbox";
import type { Environment } from "./environments.ts";
import { OrdersFunction } from "./orders-function.ts";
import { OrdersTable } from "./orders-table.ts";

/** How long `start-shipping` may take for a batch. */
const TIMEOUT = Duration.seconds(30);

/** How often a message is tried before a person has to look. */
const MAX_RECEIVES = 5;

export interface ShippingProps {
  /** The bus that tells what happened to orders. */
  readonly eventBus: IEventBus;

  /** The functions' code, built for the environment's processor. */
  readonly code: BuiltFunctionCode;

  /** What is particular to the environment. */
  readonly settings: Environment;
}

/**
 * A consumer of the events: it ships what was ordered, and not what was
 * cancelled.
 *
 * The bus hands an event to the queue, and the queue to the function. Each step
 * has a dead-letter queue of its own: both hold events as they were published,
 * but what failed, and so what a person does about it, differs.
 */
export class Shipping extends Construct {
  /** What shipping knows of each order. */
  readonly table: TableV2;

  /** The events that wait for the function. */
  readonly queue: Queue;

  /** The events that the function could not handle. */
  readonly deadLetterQueue: Queue;

  /** The events that EventBridge could not hand to the queue. */
  readonly ruleDeadLetterQueue: Queue;

  /** Which events the queue gets. */
  readonly rule: Rule;

  /** The function that handles them. */
  readonly startShipping: LambdaFunction;

  readonly #settings: Environment;

  constructor(scope: Construct, id: string, props: ShippingProps) {
    super(scope, id);
    this.table = new OrdersTable(this, "Shipments", props.settings);
    this.#settings = props.settings;
    this.deadLetterQueue = this.#createDeadLetterQueue("DeadLetterQueue");
    this.queue = this.#createQueue("Queue", {
      // AWS recommends six times the function's timeout: a message must stay
      // hidden while Lambda, throttled, tries to get its batch to the function.
      visibilityTimeout: Duration.seconds(6 * TIMEOUT.toSeconds()),
      // What still waits then is dropped without a dead letter: this outlasts a
      // mapping that is disabled over a long weekend. The dead-letter queue's 14
      // days count from when a message was first sent, so that this leaves a
      // week to look there.
      retentionPeriod: Duration.days(7),
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: MAX_RECEIVES },
    });
    this.ruleDeadLetterQueue = this.#createDeadLetterQueue("RuleDeadLetterQueue");
    Validations.of(this.ruleDeadLetterQueue).acknowledge({
      id: "AwsSolutions::AwsSolutions-SQS3",
      reason: "It is a dead-letter queue: of an EventBridge rule.",
    });
    this.rule = new Rule(this, "Rule", {
      description: "Hands to shipping what it needs to know of orders",
      eventBus: props.eventBus,
      eventPattern: { source: ["orders"], detailType: ["OrderCreated", "OrderCancelled"] },
      targets: [new SqsQueue(this.queue, { deadLetterQueue: this.ruleDeadLetterQueue })],
    });
    this.startShipping = this.#createStartShipping(props);
  }

  #createStartShipping(props: ShippingProps): LambdaFunction {
    const startShipping = new OrdersFunction(this, "StartShipping", {
      description: "Starts shipping what was ordered",
      crate: "start-shipping",
      code: props.code,
      timeout: TIMEOUT,
      environment: { SHIPMENTS_TABLE: this.table.tableName },
      settings: props.settings,
    });
    this.table.grant(
      startShipping,
      "dynamodb:ConditionCheckItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
    );
    // What Lambda needs to hand the messages to the function.
    this.queue.grant(
      startShipping,
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
    );
    startShipping.addEventSourceMapping("QueueMapping", {
      eventSourceArn: this.queue.queueArn,
      batchSize: 10,
      // Otherwise one event that fails would bring back the whole batch.
      reportBatchItemFailures: true,
    });
    return startShipping;
  }

  #createDeadLetterQueue(id: string): Queue {
    // The longest there is. A message's age counts from when it was first sent,
    // so it must be more than what the queue before it allows.
    return this.#createQueue(id, { retentionPeriod: Duration.days(14) });
  }

  #createQueue(id: string, own: QueueProps): Queue {
    return new Queue(this, id, {
      ...own,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      // An event in here is nowhere else any more.
      removalPolicy: this.#settings.tableRemovalPolicy,
    });
  }
}
