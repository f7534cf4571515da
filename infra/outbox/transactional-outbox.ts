import { CfnOutput, Duration, RemovalPolicy, Stack } from "aws-cdk-lib";
import type { ITable } from "aws-cdk-lib/aws-dynamodb";
import { type IEventBus, Rule, Schedule } from "aws-cdk-lib/aws-events";
import { LambdaFunction as LambdaTarget } from "aws-cdk-lib/aws-events-targets";
import {
  AccountRootPrincipal,
  Grant,
  type IGrantable,
  Role,
  ServicePrincipal,
} from "aws-cdk-lib/aws-iam";
import {
  Alias,
  ApplicationLogLevel,
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
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { acknowledge } from "./acknowledge.ts";
import { acknowledgeWildcard } from "./acknowledge-wildcard.ts";
import type { AlarmTopics } from "./alarm-topics.ts";
import { requireGracePeriod } from "./grace-period.ts";
import { OutboxAlarms } from "./outbox-alarms.ts";
import { createEventBus, requireEventBus } from "./outbox-event-bus.ts";
import { OutboxMetrics } from "./outbox-metrics.ts";
import {
  createOutboxTable,
  type OutboxTableProps,
  outboxTableFaults,
  requireNoTableProps,
  requireStream,
} from "./outbox-table.ts";
import { STREAM_MAPPING_DEFAULTS } from "./stream-mapping-defaults.ts";
import { requireStreamMapping, type StreamMappingSettings } from "./stream-mapping-settings.ts";
import { streamReaders } from "./stream-readers.ts";
import { SWEEP_DEFAULTS } from "./sweep-defaults.ts";

/** Most of it is for retries: a batch takes well under a second. */
const RELAY_TIMEOUT = Duration.seconds(60);

/** The levels at which Lambda keeps the lines that hold the functions' metrics. */
const LOG_LEVELS_WITH_METRICS: readonly ApplicationLogLevel[] = [
  ApplicationLogLevel.INFO,
  ApplicationLogLevel.DEBUG,
  ApplicationLogLevel.TRACE,
];

export interface TransactionalOutboxProps extends StreamMappingSettings, OutboxTableProps {
  /** The relay: the `publish-events` function, built for `architecture`. */
  readonly relayCode: Code;

  /** The sweeper: the `sweep-outbox` function, built for `architecture`. */
  readonly sweeperCode: Code;

  /**
   * Where events are published. It must exist as long as the outbox does.
   *
   * @default a bus of its own, which outlives the stack
   */
  readonly eventBus?: IEventBus;

  /**
   * The table that events are written to, if it is there already: with the keys
   * `aggregateId` and `position`, both strings, a stream of new images, the time
   * to live `expiresAt`, and no replicas. Nothing else may read its stream: no
   * other outbox, event source mapping or pipe.
   *
   * @default a table of its own, as `removalPolicy`, `deletionProtection`,
   * `pointInTimeRecovery` and `tableEncryption` say
   */
  readonly table?: ITable;

  /**
   * The processor `relayCode` and `sweeperCode` are built for.
   *
   * @default Architecture.ARM_64
   */
  readonly architecture?: Architecture;

  /**
   * Whether Lambda reads the stream. Turn it off where something else drives
   * the relay: with both, events are published twice.
   *
   * @default true
   */
  readonly streamMappingEnabled?: boolean;

  /**
   * How old an event is before the sweeper takes it on. Shorter is sooner for
   * what the stream left behind; it must be longer than the relay may take.
   *
   * @default Duration.minutes(15), which is the most
   */
  readonly sweepGracePeriod?: Duration;

  /**
   * How much the functions log: INFO, DEBUG or TRACE. Their metrics are lines
   * of the log that Lambda takes for INFO, so any other level would drop them.
   *
   * @default INFO
   */
  readonly logLevel?: ApplicationLogLevel;

  /**
   * How long their logs are kept.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;

  /**
   * Whom the outbox tells of what it cannot mend by itself. CloudWatch must be
   * allowed to publish to the topics.
   *
   * @default there are no alarms
   */
  readonly alarmTopics?: AlarmTopics;
}

/**
 * Events written with the state they tell of, published to a bus, deleted once
 * the bus has them, and kept for an operator if they cannot be published.
 *
 * There is one Region: the table has no replicas, because a replicated row
 * would be published by each Region's relay.
 */
export class TransactionalOutbox extends Construct {
  /** The rows that wait: exactly the events that are not settled yet. */
  readonly table: ITable;

  /** Where they are published. */
  readonly eventBus: IEventBus;

  /** Tells operators of what could not be published. */
  readonly deadLetterQueue: Queue;

  /** The function that publishes. */
  readonly relay: LambdaFunction;

  /** What the stream invokes; it follows the newest version. */
  readonly relayAlias: Alias;

  /** Publishes, every few minutes, what the stream has left behind. */
  readonly sweeper: LambdaFunction;

  /** When the sweeper runs; disabled, it does not. */
  readonly sweepSchedule: Rule;

  /** How the stream invokes the relay. */
  readonly streamMapping: EventSourceMapping;

  /** What can be known of the outbox in CloudWatch. */
  readonly metrics: OutboxMetrics;

  /** What people are told; nothing without `alarmTopics`. */
  readonly alarms?: OutboxAlarms;

  /** Who runs `outboxctl`. The account's IAM decides which people may assume it. */
  readonly operatorRole: Role;

  constructor(scope: Construct, id: string, props: TransactionalOutboxProps) {
    super(scope, id);
    requireMetrics(props.logLevel);
    requireStreamMapping(props);
    const gracePeriod = props.sweepGracePeriod ?? SWEEP_DEFAULTS.gracePeriod;
    requireGracePeriod(gracePeriod, {
      timeout: RELAY_TIMEOUT,
      maxBatchingWindow: props.maxBatchingWindow ?? STREAM_MAPPING_DEFAULTS.maxBatchingWindow,
    });
    this.eventBus = props.eventBus ?? createEventBus(this, "EventBus");
    requireEventBus(this, this.eventBus);
    if (props.table) {
      requireNoTableProps(props);
    }
    this.table = props.table ?? createOutboxTable(this, "Table", props);
    const streamArn = requireStream(this.table);
    // When all is there: replicas, say, can be added later.
    this.node.addValidation({ validate: () => outboxTableFaults(this.table) });
    this.deadLetterQueue = new Queue(this, "DeadLetterQueue", {
      // The longest there is. No redrive from here: Lambda's messages are
      // pointers into the stream, which SQS cannot replay.
      retentionPeriod: Duration.days(14),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
    });
    acknowledge(
      this.deadLetterQueue,
      "AwsSolutions-SQS3",
      "It is a dead-letter queue: of Lambda's stream mapping, of the relay and the sweeper.",
    );
    this.relay = this.#createFunction("Relay", "publish-events", props, {
      description: "Publishes the events of the outbox",
      code: props.relayCode,
      timeout: RELAY_TIMEOUT,
    });
    this.#grantPublishing(this.relay);
    this.table.grantStreamRead(this.relay);
    this.sweeper = this.#createSweeper(props, gracePeriod);
    this.sweepSchedule = this.#createSweepSchedule();
    this.relayAlias = new Alias(this, "RelayAlias", {
      aliasName: "live",
      version: this.relay.currentVersion,
    });
    this.streamMapping = this.#createStreamMapping(props, streamArn);
    this.node.addValidation({ validate: () => this.#otherReaders() });
    this.operatorRole = this.#createOperatorRole();
    this.metrics = new OutboxMetrics(this);
    if (props.alarmTopics !== undefined) {
      this.alarms = new OutboxAlarms(this, "Alarms", {
        metrics: this.metrics,
        topics: props.alarmTopics,
        relayTimeout: RELAY_TIMEOUT,
      });
    }
  }

  /** Allows writing events, as part of a transaction, and nothing else. */
  grantAppend(grantee: IGrantable): void {
    this.#grantOnTable(grantee, "dynamodb:PutItem");
  }

  /**
   * Allows what `outboxctl` does: to see what waits, to replay or remove what is
   * stuck, and to pause and resume publishing.
   */
  grantOperate(grantee: IGrantable): void {
    // A replay publishes.
    this.#grantPublishing(grantee);
    this.#grantMending(grantee);
    this.#grantPausing(grantee);
    // CloudWatch knows no narrower resource.
    grant(grantee, "*", "cloudwatch:GetMetricData");
    // The stack's outputs name everything else.
    grant(grantee, this.#stackArn, "cloudformation:DescribeStacks");
  }

  /**
   * Makes outputs of the stack of what `outboxctl --stack` looks for there: for
   * one outbox a stack.
   */
  addOperatorOutputs(): void {
    const outputs = {
      OutboxTableName: this.table.tableName,
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

  /** Every publisher needs the same: the table, the bus, the dead-letter queue. */
  #createFunction(
    id: string,
    crate: string,
    props: TransactionalOutboxProps,
    own: Pick<
      FunctionProps,
      "code" | "description" | "timeout" | "environment" | "retryAttempts" | "maxEventAge"
    >,
  ): LambdaFunction {
    const logGroup = new LogGroup(this, `${id}Logs`, {
      retention: props.logRetention ?? RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // Not the role that the CDK makes: that may write to every log group.
    const role = new Role(this, `${id}Role`, {
      assumedBy: new ServicePrincipal("lambda.amazonaws.com"),
    });
    logGroup.grantWrite(role);
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
        DEAD_LETTER_QUEUE_URL: this.deadLetterQueue.queueUrl,
        // The AWS SDK tells it in every call, and CloudTrail by which function one was made.
        AWS_SDK_UA_APP_ID: crate,
        ...own.environment,
      },
    });
  }

  #createSweeper(props: TransactionalOutboxProps, gracePeriod: Duration): LambdaFunction {
    const sweeper = this.#createFunction("Sweeper", "sweep-outbox", props, {
      description: "Publishes what the stream of the outbox has left behind",
      code: props.sweeperCode,
      timeout: SWEEP_DEFAULTS.timeout,
      environment: { GRACE_PERIOD_SECONDS: String(gracePeriod.toSeconds()) },
      // The next sweep is the retry.
      retryAttempts: 0,
      maxEventAge: Duration.seconds(60),
    });
    this.#grantPublishing(sweeper);
    this.#grantOnTable(sweeper, "dynamodb:Scan");
    return sweeper;
  }

  #createSweepSchedule(): Rule {
    return new Rule(this, "SweepSchedule", {
      description: "Sweeps the outbox",
      schedule: Schedule.rate(SWEEP_DEFAULTS.interval),
      targets: [
        new LambdaTarget(this.sweeper, { retryAttempts: 0, maxEventAge: Duration.seconds(60) }),
      ],
    });
  }

  #createOperatorRole(): Role {
    const role = new Role(this, "Operator", {
      description: "Sees what waits in the outbox and puts right what is stuck",
      assumedBy: new AccountRootPrincipal(),
    });
    this.grantOperate(role);
    acknowledgeWildcard(
      role,
      this.#anyStreamArn,
      "The name of a stream is the time it was made: one that was replaced can still be read for 24 hours.",
    );
    acknowledgeWildcard(
      role,
      this.#stackArn,
      "The ARN of a stack ends in an id, and the stack is asked for by its name.",
    );
    acknowledgeWildcard(
      role,
      "*",
      "The metrics of the outbox are read by an action that takes no resource.",
    );
    return role;
  }

  #grantOnTable(grantee: IGrantable, ...actions: string[]): void {
    this.table.grant(grantee, ...actions);
    // The table's own `grant` leaves its key out.
    this.table.encryptionKey?.grantEncryptDecrypt(grantee);
  }

  #grantPublishing(publisher: IGrantable): void {
    this.#grantOnTable(
      publisher,
      "dynamodb:BatchGetItem",
      "dynamodb:BatchWriteItem",
      "dynamodb:UpdateItem",
    );
    this.deadLetterQueue.grant(publisher, "sqs:SendMessage");
    grant(publisher, this.eventBus.eventBusArn, "events:DescribeEventBus", "events:PutEvents");
  }

  /** Any row, any dead letter, and the records that Lambda's dead letters point to. */
  #grantMending(operator: IGrantable): void {
    this.#grantOnTable(
      operator,
      "dynamodb:DeleteItem",
      "dynamodb:DescribeTable",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:Scan",
    );
    grant(operator, this.#anyStreamArn, "dynamodb:GetRecords", "dynamodb:GetShardIterator");
    this.deadLetterQueue.grant(
      operator,
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
    );
  }

  /** Both ways out of the outbox: the stream and the sweep. */
  #grantPausing(operator: IGrantable): void {
    grant(
      operator,
      this.streamMapping.eventSourceMappingArn,
      "lambda:GetEventSourceMapping",
      "lambda:UpdateEventSourceMapping",
    );
    grant(
      operator,
      this.sweepSchedule.ruleArn,
      "events:DescribeRule",
      "events:DisableRule",
      "events:EnableRule",
    );
  }

  /** Of the table's stream, and of any that it replaced. */
  get #anyStreamArn(): string {
    return `${this.table.tableArn}/stream/*`;
  }

  /** A stack that is asked for by name is checked against this, without the id at its end. */
  get #stackArn(): string {
    return Stack.of(this).formatArn({
      service: "cloudformation",
      resource: "stack",
      resourceName: `${Stack.of(this).stackName}/*`,
    });
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
      // LATEST could miss events committed while the mapping is created.
      startingPosition: StartingPosition.TRIM_HORIZON,
      filters: [FilterCriteria.filter({ eventName: FilterRule.isEqual("INSERT") })],
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      // The relay may send to it already, which is all that Lambda needs.
      onFailure: { bind: () => ({ destination: this.deadLetterQueue.queueArn }) },
      metricsConfig: { metrics: [MetricType.EVENT_COUNT] },
    });
    // A new logical id would make a new mapping beside the old one: both would
    // read the stream from its start, and publish what is pending twice.
    const resource = mapping.node.defaultChild as CfnEventSourceMapping;
    resource.overrideLogicalId(`${this.#idInStack()}StreamMapping`);
    return mapping;
  }

  /** What else reads the stream, and why it must not. */
  #otherReaders(): string[] {
    return streamReaders(this, this.table)
      .filter((resource) => resource !== this.streamMapping.node.defaultChild)
      .map(({ node }) => {
        const outbox = node.scopes.find((scope) => scope instanceof TransactionalOutbox);
        return outbox !== undefined && outbox !== this
          ? `outbox ${outbox.node.path} has the same table as outbox ${this.node.path}: ` +
              "both relays would publish every event. Give each outbox a table of its own"
          : `${node.path} reads the stream of the Outbox table, as does the relay of ${this.node.path}: ` +
              "a stream serves two readers at most, and outboxctl is the second. " +
              "Let it have the events by a rule of the bus";
      });
  }

  /** The outbox's path in its stack, as a logical id has it. */
  #idInStack(): string {
    const scopes = this.node.scopes;
    const ids = scopes.slice(scopes.indexOf(Stack.of(this)) + 1).map(({ node }) => node.id);
    return ids.join("").replaceAll(/[^A-Za-z0-9]/g, "");
  }
}

function grant(grantee: IGrantable, resourceArn: string, ...actions: string[]): void {
  Grant.addToPrincipal({ grantee, actions, resourceArns: [resourceArn] });
}

/** Refuses a log level that would silence the functions' metrics. */
function requireMetrics(logLevel = ApplicationLogLevel.INFO): void {
  if (!LOG_LEVELS_WITH_METRICS.includes(logLevel)) {
    throw new Error(
      `logLevel ${logLevel} would drop the functions' metrics, which are written to the log as INFO: ` +
        `choose one of ${LOG_LEVELS_WITH_METRICS.join(", ")}`,
    );
  }
}
