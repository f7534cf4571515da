import { Duration, RemovalPolicy, Stack } from "aws-cdk-lib";
import {
  AttributeType,
  Billing,
  StreamViewType,
  type TableEncryptionV2,
  TableV2,
} from "aws-cdk-lib/aws-dynamodb";
import { type IEventBus, Rule, Schedule } from "aws-cdk-lib/aws-events";
import { LambdaFunction as LambdaTarget } from "aws-cdk-lib/aws-events-targets";
import { AccountRootPrincipal, Grant, type IGrantable, Role } from "aws-cdk-lib/aws-iam";
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
import { SqsDlq } from "aws-cdk-lib/aws-lambda-event-sources";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import type { AlarmTopics } from "./alarm-topics.ts";
import { OutboxAlarms } from "./outbox-alarms.ts";
import { OutboxMetrics } from "./outbox-metrics.ts";
import { STREAM_MAPPING_DEFAULTS } from "./stream-mapping-defaults.ts";
import { SWEEP_DEFAULTS } from "./sweep-defaults.ts";

/** Most of it is for retries: a batch takes well under a second. */
const RELAY_TIMEOUT = Duration.seconds(60);

/** The levels at which Lambda keeps the lines that hold the functions' metrics. */
const LOG_LEVELS_WITH_METRICS: readonly ApplicationLogLevel[] = [
  ApplicationLogLevel.INFO,
  ApplicationLogLevel.DEBUG,
  ApplicationLogLevel.TRACE,
];

export interface TransactionalOutboxProps {
  /** The relay: the `publish-events` function, built for `architecture`. */
  readonly relayCode: Code;

  /** The sweeper: the `sweep-outbox` function, built for `architecture`. */
  readonly sweeperCode: Code;

  /** Where events are published. It must exist as long as the outbox does. */
  readonly eventBus: IEventBus;

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
   * What becomes of the table when the stack goes.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;

  /**
   * Whether the table refuses to be deleted.
   *
   * @default true
   */
  readonly deletionProtection?: boolean;

  /**
   * Whether the table can be restored to a point in time. A restore brings back
   * events that were published since, or loses those committed since.
   *
   * @default true
   */
  readonly pointInTimeRecovery?: boolean;

  /**
   * How the table is encrypted.
   *
   * @default a key owned by AWS
   */
  readonly tableEncryption?: TableEncryptionV2;

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
  readonly table: TableV2;

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

  readonly #eventBus: IEventBus;

  constructor(scope: Construct, id: string, props: TransactionalOutboxProps) {
    super(scope, id);
    requireMetrics(props.logLevel);
    this.#eventBus = props.eventBus;
    this.table = this.#createTable(props);
    this.deadLetterQueue = new Queue(this, "DeadLetterQueue", {
      // The longest there is. No redrive from here: Lambda's messages are
      // pointers into the stream, which SQS cannot replay.
      retentionPeriod: Duration.days(14),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
    });
    this.relay = this.#createFunction("Relay", props, {
      description: "Publishes the events of the outbox",
      code: props.relayCode,
      timeout: RELAY_TIMEOUT,
    });
    this.#grantPublishing(this.relay);
    this.table.grantStreamRead(this.relay);
    this.sweeper = this.#createSweeper(props);
    this.sweepSchedule = this.#createSweepSchedule();
    this.relayAlias = new Alias(this, "RelayAlias", {
      aliasName: "live",
      version: this.relay.currentVersion,
    });
    this.streamMapping = this.#createStreamMapping(id, props.streamMappingEnabled ?? true);
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
    // The stack's outputs name everything else. A stack that is asked for by name
    // is checked against this ARN, without the id at its end.
    const stackArn = Stack.of(this).formatArn({
      service: "cloudformation",
      resource: "stack",
      resourceName: `${Stack.of(this).stackName}/*`,
    });
    grant(grantee, stackArn, "cloudformation:DescribeStacks");
  }

  #createTable(props: TransactionalOutboxProps): TableV2 {
    return new TableV2(this, "Table", {
      partitionKey: { name: "aggregateId", type: AttributeType.STRING },
      sortKey: { name: "position", type: AttributeType.STRING },
      billing: Billing.onDemand(),
      dynamoStream: StreamViewType.NEW_IMAGE,
      // Only what a person has discarded has the attribute: nothing that is not
      // settled ever expires.
      timeToLiveAttribute: "expiresAt",
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
      deletionProtection: props.deletionProtection ?? true,
      pointInTimeRecoverySpecification: {
        pointInTimeRecoveryEnabled: props.pointInTimeRecovery ?? true,
      },
      ...(props.tableEncryption && { encryption: props.tableEncryption }),
    });
  }

  /** Every publisher needs the same: the table, the bus, the dead-letter queue. */
  #createFunction(
    id: string,
    props: TransactionalOutboxProps,
    own: Pick<FunctionProps, "code" | "description" | "timeout" | "retryAttempts" | "maxEventAge">,
  ): LambdaFunction {
    return new LambdaFunction(this, id, {
      ...own,
      runtime: Runtime.PROVIDED_AL2023,
      architecture: props.architecture ?? Architecture.ARM_64,
      handler: "bootstrap",
      memorySize: 512,
      loggingFormat: LoggingFormat.JSON,
      ...(props.logLevel && { applicationLogLevelV2: props.logLevel }),
      logGroup: new LogGroup(this, `${id}Logs`, {
        retention: props.logRetention ?? RetentionDays.ONE_MONTH,
        removalPolicy: RemovalPolicy.DESTROY,
      }),
      environment: {
        OUTBOX_TABLE: this.table.tableName,
        EVENT_BUS_NAME: props.eventBus.eventBusName,
        DEAD_LETTER_QUEUE_URL: this.deadLetterQueue.queueUrl,
      },
    });
  }

  #createSweeper(props: TransactionalOutboxProps): LambdaFunction {
    const sweeper = this.#createFunction("Sweeper", props, {
      description: "Publishes what the stream of the outbox has left behind",
      code: props.sweeperCode,
      timeout: SWEEP_DEFAULTS.timeout,
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
    grant(publisher, this.#eventBus.eventBusArn, "events:DescribeEventBus", "events:PutEvents");
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
    grant(
      operator,
      // A stream that was replaced can still be read for 24 hours.
      `${this.table.tableArn}/stream/*`,
      "dynamodb:GetRecords",
      "dynamodb:GetShardIterator",
    );
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

  #createStreamMapping(id: string, enabled: boolean): EventSourceMapping {
    const streamArn = this.table.tableStreamArn;
    if (streamArn === undefined) {
      throw new Error("a table created with a stream has the ARN of one");
    }
    const mapping = new EventSourceMapping(this, "StreamMapping", {
      ...STREAM_MAPPING_DEFAULTS,
      target: this.relayAlias,
      eventSourceArn: streamArn,
      enabled,
      // LATEST could miss events committed while the mapping is created.
      startingPosition: StartingPosition.TRIM_HORIZON,
      filters: [FilterCriteria.filter({ eventName: FilterRule.isEqual("INSERT") })],
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      onFailure: new SqsDlq(this.deadLetterQueue),
      metricsConfig: { metrics: [MetricType.EVENT_COUNT] },
    });
    // A new logical id would make a new mapping beside the old one: both would
    // read the stream from its start, and publish what is pending twice.
    const resource = mapping.node.defaultChild as CfnEventSourceMapping;
    resource.overrideLogicalId(`${id}StreamMapping`);
    return mapping;
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
