import { CfnOutput, Duration, RemovalPolicy, Stack } from "aws-cdk-lib";
import type { ITable } from "aws-cdk-lib/aws-dynamodb";
import { type IEventBus, Rule, Schedule } from "aws-cdk-lib/aws-events";
import { LambdaFunction as LambdaTarget } from "aws-cdk-lib/aws-events-targets";
import {
  type Grant,
  type IGrantable,
  type IPrincipal,
  Role,
  ServicePrincipal,
} from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import {
  Alias,
  type ApplicationLogLevel,
  Architecture,
  type CfnEventSourceMapping,
  type Code,
  EventSourceMapping,
  FilterCriteria,
  FilterRule,
  type FunctionProps,
  Function as LambdaFunction,
  LoggingFormat,
  MetricType,
  Runtime,
  StartingPosition,
} from "aws-cdk-lib/aws-lambda";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { acknowledge } from "./acknowledge.ts";
import {
  acknowledgeDeadLetterQueue,
  acknowledgeFunction,
  acknowledgeInlinePolicy,
  acknowledgeLogsWithoutKey,
} from "./acknowledged-findings.ts";
import type { AlarmTopics } from "./alarm-topics.ts";
import { allowLogs, queueEncryption, requireRegionForKey } from "./encryption-key.ts";
import { requireEventSources } from "./event-sources.ts";
import { requireGracePeriod } from "./grace-period.ts";
import { requireLogLevel } from "./log-level.ts";
import { createOperatorRole, grantOperate } from "./operator-role.ts";
import { OutboxAlarms } from "./outbox-alarms.ts";
import {
  eventBusFaults,
  OutboxEventBus,
  rejectOtherPublishers,
  requireEventBus,
} from "./outbox-event-bus.ts";
import { grantOnTable, grantPublishing, grantReadStream } from "./outbox-grants.ts";
import { OutboxMetrics } from "./outbox-metrics.ts";
import {
  createOutboxTable,
  type OutboxTableProps,
  outboxTableFaults,
  requireNoTableProps,
  requireStream,
} from "./outbox-table.ts";
import {
  type ReservedConcurrencyProps,
  requireReservedConcurrency,
} from "./reserved-concurrency.ts";
import {
  requireStreamMapping,
  STREAM_MAPPING_DEFAULTS,
  type StreamMappingSettings,
} from "./stream-mapping.ts";
import { streamReaders } from "./stream-readers.ts";
import { SWEEP_DEFAULTS } from "./sweep-defaults.ts";

/** Mostly reserved for retries: a batch takes well under a second. */
const RELAY_TIMEOUT = Duration.seconds(60);

export interface TransactionalOutboxProps
  extends StreamMappingSettings,
    OutboxTableProps,
    ReservedConcurrencyProps {
  /** The relay: the `publish-events` function, built for `architecture`. */
  readonly relayCode: Code;

  /** The sweeper: the `sweep-outbox` function, built for `architecture`. */
  readonly sweeperCode: Code;

  /**
   * The CloudEvents sources that this outbox may publish, such as `orders`. The relay
   * parks rows of any other source, and IAM rejects their events: a writer of the table
   * can't publish under another service's name.
   */
  readonly sources: readonly string[];

  /**
   * The bus that events are published to. It must exist as long as the outbox does.
   *
   * @default a new bus, which outlives the stack
   */
  readonly eventBus?: IEventBus;

  /**
   * Whether the bus rejects events of every other publisher: all roles and users but the
   * relay's, the sweeper's and the operator's. AWS services, such as a replay of an
   * archive, are not affected. Not for an imported bus.
   *
   * @default false, since other services may publish on the bus
   */
  readonly rejectOtherPublishers?: boolean;

  /**
   * An existing table for the events. It needs the keys `aggregateId` and `position`,
   * both strings, a stream of new images, the time-to-live attribute `expiresAt`, and
   * no replicas. Nothing else may read its stream: no other outbox, event source
   * mapping or pipe.
   *
   * @default a new table with `removalPolicy`, `deletionProtection`,
   * `pointInTimeRecovery` and `tableEncryption`
   */
  readonly table?: ITable;

  /**
   * A key of your own for everything that the outbox creates: the table, the dead-letter
   * queue, the log groups and the bus, which gets a dead-letter queue then. A table or a
   * bus that you pass keeps its own encryption. Roles may use the key only through
   * DynamoDB and SQS. The stack needs a Region.
   *
   * The construct adds what services need to the key's policy. That of an imported key
   * must already allow CloudWatch Logs and EventBridge to use it.
   *
   * @default keys of AWS
   */
  readonly encryptionKey?: IKey;

  /**
   * The processor `relayCode` and `sweeperCode` are built for.
   *
   * @default Architecture.ARM_64
   */
  readonly architecture?: Architecture;

  /**
   * Whether Lambda reads the stream. Turn it off if something else invokes the
   * relay: with both, events are published twice.
   *
   * @default true
   */
  readonly streamMappingEnabled?: boolean;

  /**
   * How old an event is before the sweeper publishes it. A shorter period publishes
   * events sooner that the stream missed; it must be longer than the relay may take.
   *
   * @default Duration.minutes(15), which is the maximum
   */
  readonly sweepGracePeriod?: Duration;

  /**
   * How much the functions log: INFO or DEBUG; TRACE only with `logsMayContainEvents`.
   * Their metrics are log lines of level INFO, so any other level would drop them.
   *
   * @default INFO
   */
  readonly logLevel?: ApplicationLogLevel;

  /**
   * Whether events may be logged. At TRACE the AWS SDK logs requests and responses, and
   * with them the events' data, so that level is rejected without this.
   *
   * @default false
   */
  readonly logsMayContainEvents?: boolean;

  /**
   * How long the functions' logs are kept.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;

  /**
   * What happens to the functions' log groups when the stack is deleted.
   *
   * @default RemovalPolicy.RETAIN: logs show who did what until their retention ends
   */
  readonly logRemovalPolicy?: RemovalPolicy;

  /**
   * Who may assume the operator role, such as a role of your identity provider.
   * `new AccountRootPrincipal().withConditions({ Bool: { "aws:MultiFactorAuthPresent": "true" } })`
   * admits only sessions with MFA.
   *
   * @default the account, whose IAM policies then decide
   */
  readonly operatorPrincipals?: readonly IPrincipal[];

  /**
   * The topics for alarms about problems that the outbox cannot fix by itself.
   * CloudWatch must be allowed to publish to them.
   *
   * @default no alarms
   */
  readonly alarmTopics?: AlarmTopics;

  /**
   * The runbook that the alarms link to, by a URL or a path: your copy of
   * `docs/operations.md`, or a document with the same sections.
   *
   * @default docs/operations.md in the repository that this package comes from
   */
  readonly runbookLink?: string;
}

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

  constructor(scope: Construct, id: string, props: TransactionalOutboxProps) {
    super(scope, id);
    requireLogLevel(props.logLevel, props.logsMayContainEvents);
    requireStreamMapping(props);
    requireReservedConcurrency(props);
    requireEventSources(props.sources);
    this.sources = [...props.sources];
    const gracePeriod = props.sweepGracePeriod ?? SWEEP_DEFAULTS.gracePeriod;
    requireGracePeriod(gracePeriod, {
      timeout: RELAY_TIMEOUT,
      maxBatchingWindow: props.maxBatchingWindow ?? STREAM_MAPPING_DEFAULTS.maxBatchingWindow,
    });
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
    this.deadLetterQueue = new Queue(this, "DeadLetterQueue", {
      // The longest retention of SQS. There is no redrive: Lambda's messages are
      // pointers into the stream, which SQS cannot replay.
      retentionPeriod: Duration.days(14),
      ...queueEncryption(key),
      enforceSSL: true,
    });
    acknowledgeDeadLetterQueue(
      this.deadLetterQueue,
      "It is itself the dead-letter queue of the stream mapping, the relay and the sweeper.",
    );
    this.relay = this.#createFunction("Relay", "publish-events", props, {
      description: "Publishes the events of the outbox",
      code: props.relayCode,
      timeout: RELAY_TIMEOUT,
      ...(props.relayReservedConcurrency !== undefined && {
        reservedConcurrentExecutions: props.relayReservedConcurrency,
      }),
    });
    acknowledgeFunction(this.relay, {
      withoutDeadLetterQueue:
        "Lambda never invokes it asynchronously, and its stream mapping has a dead-letter queue.",
      reservedConcurrency: props.relayReservedConcurrency !== undefined,
    });
    grantPublishing(this, this.relay);
    grantReadStream(this.relay, streamArn);
    this.sweeper = this.#createSweeper(props, gracePeriod);
    this.sweepSchedule = this.#createSweepSchedule();
    this.relayAlias = new Alias(this, "RelayAlias", {
      aliasName: "live",
      version: this.relay.currentVersion,
    });
    this.streamMapping = this.#createStreamMapping(props, streamArn);
    this.node.addValidation({ validate: () => this.#otherReaders() });
    this.operatorRole = createOperatorRole(this, "Operator", props.operatorPrincipals);
    if (props.rejectOtherPublishers) {
      rejectOtherPublishers(this.eventBus, [this.relay.role, this.sweeper.role, this.operatorRole]);
    }
    this.metrics = new OutboxMetrics(this);
    if (props.alarmTopics !== undefined) {
      this.alarms = new OutboxAlarms(this, "Alarms", {
        metrics: this.metrics,
        topics: props.alarmTopics,
        relayTimeout: RELAY_TIMEOUT,
        ...(this.eventBus instanceof OutboxEventBus &&
          this.eventBus.deadLetterQueue && {
            busDeadLetterQueue: this.eventBus.deadLetterQueue,
          }),
        ...(props.runbookLink !== undefined && { runbookLink: props.runbookLink }),
      });
    }
  }

  /** Allows writing events as part of a transaction, and nothing else. */
  grantAppend(grantee: IGrantable): Grant {
    return grantOnTable(this.table, grantee, "dynamodb:PutItem");
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
      EventSources: this.#sourceList(),
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

  /** Creates a function that publishes: the relay and the sweeper need the same table, bus and dead-letter queue. */
  #createFunction(
    id: string,
    crate: string,
    props: TransactionalOutboxProps,
    own: Pick<
      FunctionProps,
      | "code"
      | "description"
      | "timeout"
      | "environment"
      | "retryAttempts"
      | "maxEventAge"
      | "reservedConcurrentExecutions"
    >,
  ): LambdaFunction {
    const logGroup = new LogGroup(this, `${id}Logs`, {
      retention: props.logRetention ?? RetentionDays.ONE_MONTH,
      removalPolicy: props.logRemovalPolicy ?? RemovalPolicy.RETAIN,
      ...(props.encryptionKey && { encryptionKey: props.encryptionKey }),
    });
    // Not the CDK's default role, which may write to every log group.
    const role = new Role(this, `${id}Role`, {
      assumedBy: new ServicePrincipal("lambda.amazonaws.com"),
    });
    logGroup.grantWrite(role);
    acknowledgeInlinePolicy(role);
    if (props.encryptionKey === undefined) {
      acknowledgeLogsWithoutKey(logGroup);
    }
    return new LambdaFunction(this, id, {
      ...own,
      role,
      runtime: Runtime.PROVIDED_AL2023,
      architecture: props.architecture ?? Architecture.ARM_64,
      handler: "bootstrap",
      memorySize: 512,
      loggingFormat: LoggingFormat.JSON,
      ...(props.logLevel && { applicationLogLevelV2: props.logLevel }),
      logGroup,
      environment: {
        OUTBOX_TABLE: this.table.tableName,
        EVENT_BUS_NAME: this.eventBus.eventBusName,
        EVENT_SOURCES: this.#sourceList(),
        DEAD_LETTER_QUEUE_URL: this.deadLetterQueue.queueUrl,
        // The AWS SDK sends it with every call, so CloudTrail shows which function made the call.
        AWS_SDK_UA_APP_ID: crate,
        ...own.environment,
      },
    });
  }

  #createSweeper(props: TransactionalOutboxProps, gracePeriod: Duration): LambdaFunction {
    const sweeper = this.#createFunction("Sweeper", "sweep-outbox", props, {
      description: "Publishes events of the outbox that the stream missed",
      code: props.sweeperCode,
      timeout: SWEEP_DEFAULTS.timeout,
      environment: { GRACE_PERIOD_SECONDS: String(gracePeriod.toSeconds()) },
      // The next sweep is the retry.
      retryAttempts: 0,
      maxEventAge: Duration.seconds(60),
      ...(props.sweeperReservedConcurrency !== undefined && {
        reservedConcurrentExecutions: props.sweeperReservedConcurrency,
      }),
    });
    const retried = "A sweep that fails is not redelivered: the next one is five minutes later.";
    acknowledgeFunction(sweeper, {
      withoutDeadLetterQueue: retried,
      reservedConcurrency: props.sweeperReservedConcurrency !== undefined,
    });
    acknowledge(sweeper, ["Serverless"], "LambdaAsyncFailureDestination", retried);
    grantPublishing(this, sweeper);
    return sweeper;
  }

  #createSweepSchedule(): Rule {
    const schedule = new Rule(this, "SweepSchedule", {
      description: "Sweeps the outbox",
      schedule: Schedule.rate(SWEEP_DEFAULTS.interval),
      targets: [
        new LambdaTarget(this.sweeper, { retryAttempts: 0, maxEventAge: Duration.seconds(60) }),
      ],
    });
    acknowledge(
      schedule,
      ["Serverless"],
      "EventBusDLQ",
      "A tick that doesn't reach the sweeper contains nothing, and the next one comes in five minutes.",
    );
    return schedule;
  }

  #createStreamMapping(props: TransactionalOutboxProps, streamArn: string): EventSourceMapping {
    const mapping = new EventSourceMapping(this, "StreamMapping", {
      ...STREAM_MAPPING_DEFAULTS,
      ...(props.batchSize !== undefined && { batchSize: props.batchSize }),
      ...(props.parallelizationFactor !== undefined && {
        parallelizationFactor: props.parallelizationFactor,
      }),
      ...(props.maxBatchingWindow && { maxBatchingWindow: props.maxBatchingWindow }),
      target: this.relayAlias,
      eventSourceArn: streamArn,
      enabled: props.streamMappingEnabled ?? true,
      // LATEST could miss events that are committed while the mapping is created.
      startingPosition: StartingPosition.TRIM_HORIZON,
      filters: [FilterCriteria.filter({ eventName: FilterRule.isEqual("INSERT") })],
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      // Lambda uses the relay's role, which may already send to the queue. So `bind` adds no grant.
      onFailure: { bind: () => ({ destination: this.deadLetterQueue.queueArn }) },
      metricsConfig: { metrics: [MetricType.EVENT_COUNT] },
    });
    // With a new logical id CloudFormation would create a second mapping before it deletes
    // the first: both would read the stream from its start and publish pending events twice.
    const resource = mapping.node.defaultChild as CfnEventSourceMapping;
    resource.overrideLogicalId(`${this.#idInStack()}StreamMapping`);
    return mapping;
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

  /** Returns the sources as the functions and `outboxctl` read them. */
  #sourceList(): string {
    return this.sources.join(",");
  }

  /** Returns the outbox's path in its stack, as the start of a logical id. */
  #idInStack(): string {
    const scopes = this.node.scopes;
    const ids = scopes.slice(scopes.indexOf(Stack.of(this)) + 1).map(({ node }) => node.id);
    return ids.join("").replaceAll(/[^A-Za-z0-9]/g, "");
  }
}
