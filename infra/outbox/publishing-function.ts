import { RemovalPolicy } from "aws-cdk-lib";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import {
  type ApplicationLogLevel,
  Architecture,
  type Code,
  type FunctionProps,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
} from "aws-cdk-lib/aws-lambda";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import {
  acknowledgeFunction,
  acknowledgeInlinePolicy,
  acknowledgeLogsWithoutKey,
} from "./acknowledged-findings.ts";
import { sourceList } from "./event-sources.ts";
import { grantPublishing, type PublishingResources } from "./outbox-grants.ts";
import { PrebuiltFunctionCode } from "./prebuilt-function-code.ts";

/** Settings of the relay and the sweeper. */
export interface FunctionSettings {
  /**
   * The processor `relayCode` and `sweeperCode` are built for.
   *
   * @default Architecture.ARM_64
   */
  readonly architecture?: Architecture;

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
}

/** One of the functions that publish. */
export interface PublishingFunctionProps
  extends Pick<
    FunctionProps,
    | "description"
    | "timeout"
    | "environment"
    | "retryAttempts"
    | "maxEventAge"
    | "reservedConcurrentExecutions"
  > {
  /** The crate that the code is built from. */
  readonly crate: string;

  /**
   * The code of the function.
   *
   * @default the code in this package
   */
  readonly code?: Code;

  /** What both functions have in common, and the key of their logs. */
  readonly settings: FunctionSettings & { readonly encryptionKey?: IKey };

  /** Why Lambda sends no failed invocation of this function to a dead-letter queue. */
  readonly withoutDeadLetterQueue: string;
}

/**
 * Creates a function that publishes, with its role and its log group: the relay and the sweeper
 * need the same table, bus and dead-letter queue.
 */
export function createPublishingFunction(
  outbox: PublishingResources & Construct,
  id: string,
  props: PublishingFunctionProps,
): LambdaFunction {
  const { crate, settings, withoutDeadLetterQueue, ...own } = props;
  const architecture = settings.architecture ?? Architecture.ARM_64;
  const logGroup = createLogGroup(outbox, `${id}Logs`, props);
  const publisher = new LambdaFunction(outbox, id, {
    ...own,
    code: own.code ?? new PrebuiltFunctionCode().of(crate, architecture),
    role: createRole(outbox, `${id}Role`, logGroup),
    runtime: Runtime.PROVIDED_AL2023,
    architecture,
    handler: "bootstrap",
    memorySize: 512,
    loggingFormat: LoggingFormat.JSON,
    ...(settings.logLevel && { applicationLogLevelV2: settings.logLevel }),
    logGroup,
    environment: {
      OUTBOX_TABLE: outbox.table.tableName,
      EVENT_BUS_NAME: outbox.eventBus.eventBusName,
      EVENT_SOURCES: sourceList(outbox.sources),
      EVENT_ORDER: outbox.order,
      DEAD_LETTER_QUEUE_URL: outbox.deadLetterQueue.queueUrl,
      // The AWS SDK sends it with every call, so CloudTrail shows which function made the call.
      AWS_SDK_UA_APP_ID: crate,
      ...own.environment,
    },
  });
  acknowledgeFunction(publisher, {
    withoutDeadLetterQueue,
    reservedConcurrency: own.reservedConcurrentExecutions !== undefined,
  });
  grantPublishing(outbox, publisher);
  return publisher;
}

function createLogGroup(
  scope: Construct,
  id: string,
  { settings }: PublishingFunctionProps,
): LogGroup {
  const logGroup = new LogGroup(scope, id, {
    retention: settings.logRetention ?? RetentionDays.ONE_MONTH,
    removalPolicy: settings.logRemovalPolicy ?? RemovalPolicy.RETAIN,
    ...(settings.encryptionKey && { encryptionKey: settings.encryptionKey }),
  });
  if (settings.encryptionKey === undefined) {
    acknowledgeLogsWithoutKey(logGroup);
  }
  return logGroup;
}

/** Creates the role of a function. The CDK's default role may write to every log group. */
function createRole(scope: Construct, id: string, logGroup: LogGroup): Role {
  const role = new Role(scope, id, {
    assumedBy: new ServicePrincipal("lambda.amazonaws.com"),
  });
  logGroup.grantWrite(role);
  acknowledgeInlinePolicy(role);
  return role;
}
