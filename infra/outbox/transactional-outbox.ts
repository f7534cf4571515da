import { CfnOutput, type Duration, Stack } from "aws-cdk-lib";
import type { ITable } from "aws-cdk-lib/aws-dynamodb";
import type { IEventBus, Rule } from "aws-cdk-lib/aws-events";
import type { Grant, IGrantable, IRole, Role } from "aws-cdk-lib/aws-iam";
import type { Alias, EventSourceMapping, Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import type { AlarmTopics } from "./alarm-topics.ts";
import { restrictPublishers } from "./bus-publishers.ts";
import { createDeadLetterQueue } from "./dead-letter-queue.ts";
import { allowLogs, requireRegionForKey } from "./encryption-key.ts";
import { type EventOrder, requireEventOrder } from "./event-order.ts";
import { requireEventSources, sourceList } from "./event-sources.ts";
import { requireGracePeriod } from "./grace-period.ts";
import { requireLogLevel } from "./log-level.ts";
import { type LookUp, requireLookUp } from "./look-up.ts";
import { createOperatorRole, grantOperate } from "./operator-role.ts";
import { OutboxAlarms } from "./outbox-alarms.ts";
import { eventBusFaults, OutboxEventBus, requireEventBus } from "./outbox-event-bus.ts";
import { grantOnTable } from "./outbox-grants.ts";
import { OutboxMetrics } from "./outbox-metrics.ts";
import { createStreamMapping } from "./outbox-stream-mapping.ts";
import {
  createOutboxTable,
  outboxTableFaults,
  requireNoTableProps,
  requireStream,
} from "./outbox-table.ts";
import { grantPublishAtOnce } from "./publish-at-once.ts";
import { createRelay, createRelayAlias, RELAY_TIMEOUT } from "./relay.ts";
import { requireReservedConcurrency } from "./reserved-concurrency.ts";
import { requireStreamMapping, STREAM_MAPPING_DEFAULTS } from "./stream-mapping.ts";
import { streamReaders } from "./stream-readers.ts";
import { SWEEP_DEFAULTS } from "./sweep-defaults.ts";
import { createSweeper, createSweepSchedule } from "./sweeper.ts";
import type { TransactionalOutboxProps } from "./transactional-outbox-props.ts";

/**
 * A transactional outbox. Events are written in one transaction with the state that they
 * are about, published to a bus, deleted once the bus has accepted them, and parked for
 * the operator if they can't be published.
 *
 * It works in one Region: the table has no replicas, because each Region's relay would
 * publish a replicated row.
 */
export class TransactionalOutbox extends Construct {
  /** The table of the rows: the events that are not published or discarded yet. */
  readonly table: ITable;

  /** The bus that events are published to. */
  readonly eventBus: IEventBus;

  /** The CloudEvents sources that may be published. */
  readonly sources: readonly string[];

  /** In which order an aggregate's events are published. */
  readonly order: EventOrder;

  /** Which records the relay looks up before it publishes them. */
  readonly lookUp: LookUp;

  /** The queue for dead letters about records and rows that could not be published. */
  readonly deadLetterQueue: Queue;

  /** The function that publishes the stream's events. */
  readonly relay: LambdaFunction;

  /** The alias that the stream mapping invokes; it points to the newest version. */
  readonly relayAlias: Alias;

  /** The function that publishes, every few minutes, events that the stream missed. */
  readonly sweeper: LambdaFunction;

  /** The schedule of the sweeper; disabling it stops the sweeps. */
  readonly sweepSchedule: Rule;

  /** The event source mapping that invokes the relay with the stream's records. */
  readonly streamMapping: EventSourceMapping;

  /** The outbox's metrics in CloudWatch. */
  readonly metrics: OutboxMetrics;

  /** The alarms; undefined without `alarmTopics`. */
  readonly alarms?: OutboxAlarms;

  /** The role for `outboxctl`, which `operatorPrincipals` may assume. */
  readonly operatorRole: Role;

  /** The roles that the policy of the bus admits. */
  readonly #publishers: Set<IRole | undefined>;

  constructor(scope: Construct, id: string, props: TransactionalOutboxProps) {
    super(scope, id);
    const gracePeriod = checkedGracePeriod(props);
    this.sources = [...props.sources];
    this.order = requireEventOrder(props.order);
    this.lookUp = requireLookUp(props.lookUp);
    const key = props.encryptionKey;
    requireRegionForKey(this, key);
    if (key !== undefined) {
      allowLogs(this, key);
    }
    this.eventBus =
      props.eventBus ?? new OutboxEventBus(this, "EventBus", key && { encryptionKey: key });
    requireEventBus(this, this.eventBus);
    this.node.addValidation({ validate: () => eventBusFaults(this.eventBus) });
    if (props.table) {
      requireNoTableProps(props);
    }
    this.table = props.table ?? createOutboxTable(this, "Table", props, key);
    const streamArn = requireStream(this.table);
    // Checked when the app is synthesized, because replicas, for example, can be added later.
    this.node.addValidation({ validate: () => outboxTableFaults(this.table) });
    this.deadLetterQueue = createDeadLetterQueue(this, "DeadLetterQueue", key);
    this.relay = createRelay(this, props, streamArn);
    this.sweeper = createSweeper(this, props, gracePeriod);
    this.sweepSchedule = createSweepSchedule(this, this.sweeper);
    this.relayAlias = createRelayAlias(this, this.relay);
    this.streamMapping = createStreamMapping(this, {
      settings: props,
      streamArn,
      target: this.relayAlias,
      deadLetterQueue: this.deadLetterQueue,
    });
    this.node.addValidation({ validate: () => this.#otherReaders() });
    this.operatorRole = createOperatorRole(this, "Operator", props.operatorPrincipals);
    this.#publishers = new Set([this.relay.role, this.sweeper.role, this.operatorRole]);
    restrictPublishers(this.eventBus, props, this.#publishers);
    this.metrics = new OutboxMetrics(this);
    if (props.alarmTopics !== undefined) {
      this.alarms = this.#createAlarms(props.alarmTopics, props.runbookLink);
    }
  }

  /** Allows writing events as part of a transaction, and nothing else. */
  grantAppend(grantee: IGrantable): Grant {
    return grantOnTable(this.table, grantee, "dynamodb:PutItem");
  }

  /**
   * Allows a function to publish at once: its own events, right after it has returned its
   * response. The stream publishes what the function doesn't. For that the outbox needs `lookUp:
   * "Always"`. Sets the variables `EVENT_BUS_NAME` and `EVENT_ORDER` of the function.
   *
   * The function's code publishes at once with the feature `at-once` of the crate `outbox`. Code
   * and grant can be deployed in any order: without the variables, and without a permission,
   * everything is left to the stream.
   *
   * With `rejectOtherPublishers` the function must be in the stack of the bus, whose policy
   * names its role.
   *
   * @param writer a function that `grantAppend` allows to write events
   * @throws Error if `lookUp` isn't `Always`
   */
  grantPublishAtOnce(writer: LambdaFunction): Grant {
    const granted = grantPublishAtOnce(this, writer);
    this.#publishers.add(writer.role);
    return granted;
  }

  /**
   * Allows everything that `outboxctl` does: list pending and parked events, replay,
   * edit or discard them, and pause and resume publishing.
   */
  grantOperate(grantee: IGrantable): Grant {
    return grantOperate(this, grantee);
  }

  /**
   * Adds the stack outputs that `outboxctl --stack` reads. Their names are fixed, so it
   * works for one outbox per stack.
   */
  addOperatorOutputs(): void {
    const outputs = {
      OutboxTableName: this.table.tableName,
      EventSources: sourceList(this.sources),
      EventOrder: this.order,
      EventBusName: this.eventBus.eventBusName,
      DeadLetterQueueUrl: this.deadLetterQueue.queueUrl,
      StreamMappingId: this.streamMapping.eventSourceMappingId,
      SweepScheduleName: this.sweepSchedule.ruleName,
      OperatorRoleArn: this.operatorRole.roleArn,
    };
    for (const [name, value] of Object.entries(outputs)) {
      new CfnOutput(Stack.of(this), name, { value });
    }
  }

  #createAlarms(topics: AlarmTopics, runbookLink: string | undefined): OutboxAlarms {
    const { eventBus } = this;
    const busDeadLetterQueue =
      eventBus instanceof OutboxEventBus ? eventBus.deadLetterQueue : undefined;
    return new OutboxAlarms(this, "Alarms", {
      metrics: this.metrics,
      topics,
      relayTimeout: RELAY_TIMEOUT,
      ...(busDeadLetterQueue && { busDeadLetterQueue }),
      ...(runbookLink !== undefined && { runbookLink }),
    });
  }

  /** Returns an error for each other resource that reads the table's stream. */
  #otherReaders(): string[] {
    return streamReaders(this, this.table)
      .filter((resource) => resource !== this.streamMapping.node.defaultChild)
      .map(({ node }) => {
        const outbox = node.scopes.find((scope) => scope instanceof TransactionalOutbox);
        return outbox !== undefined && outbox !== this
          ? `outbox ${outbox.node.path} has the same table as outbox ${this.node.path}: ` +
              "both relays would publish every event. Give each outbox a table of its own"
          : `${node.path} reads the stream of the Outbox table, as does the relay of ${this.node.path}: ` +
              "a stream supports two readers at most, and outboxctl is the second. " +
              "Let it receive the events by a rule on the bus";
      });
  }
}

/** Rejects settings that can't work, and returns the grace period. */
function checkedGracePeriod(props: TransactionalOutboxProps): Duration {
  requireLogLevel(props.logLevel, props.logsMayContainEvents);
  requireStreamMapping(props);
  requireReservedConcurrency(props);
  requireEventSources(props.sources);
  const gracePeriod = props.sweepGracePeriod ?? SWEEP_DEFAULTS.gracePeriod;
  requireGracePeriod(gracePeriod, {
    timeout: RELAY_TIMEOUT,
    maxBatchingWindow: props.maxBatchingWindow ?? STREAM_MAPPING_DEFAULTS.maxBatchingWindow,
  });
  return gracePeriod;
}
