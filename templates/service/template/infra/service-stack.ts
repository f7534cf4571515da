import { fileURLToPath } from "node:url";
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib";
import { AttributeType, Billing, TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { Rule } from "aws-cdk-lib/aws-events";
import { SqsQueue } from "aws-cdk-lib/aws-events-targets";
import {
  Architecture,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  Tracing,
} from "aws-cdk-lib/aws-lambda";
import { Queue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { BuiltFunctionCode, TransactionalOutbox } from "transactional-outbox";

/** The `source` of this service's events. */
const SOURCE = "{{ project_name }}";

export interface ServiceStackProps extends StackProps {
  /** `local` is the stack of `make dev`; `prod` keeps its data. */
  readonly environment: "local" | "dev" | "prod";
}

/** {{ aggregate | capitalize }}s, the outbox of their events, and a consumer that counts them. */
export class ServiceStack extends Stack {
  readonly #isLocal: boolean;
  readonly #code: BuiltFunctionCode;
  readonly #removalPolicy: RemovalPolicy;

  constructor(scope: Construct, id: string, props: ServiceStackProps) {
    super(scope, id, props);
    const isProd = props.environment === "prod";
    this.#isLocal = props.environment === "local";
    this.#removalPolicy = isProd ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    this.#code = new BuiltFunctionCode(
      this.#isLocal
        ? { directory: folder("../target/lambda/local"), buildCommand: "make build-local" }
        : { directory: folder("../target/lambda/arm64"), buildCommand: "make build" },
    );
    const outbox = new TransactionalOutbox(this, "Outbox", {
      relayCode: this.#code.of("publish-events"),
      sweeperCode: this.#code.of("sweep-outbox"),
      sources: [SOURCE],
      architecture: this.#architecture(),
      removalPolicy: this.#removalPolicy,
      deletionProtection: isProd,
      pointInTimeRecovery: isProd,
      // The local AWS drives the mapping itself, and has no bus policies.
      streamMappingEnabled: !this.#isLocal,
      rejectOtherPublishers: !this.#isLocal,
    });
    const {{ aggregate }}s = this.#table("{{ aggregate | capitalize }}s");
    const counts = this.#table("Counts");

    const change = this.#function("Change{{ aggregate | capitalize }}", "change-{{ aggregate }}", {
      {{ aggregate | upcase }}S_TABLE: {{ aggregate }}s.tableName,
      OUTBOX_TABLE: outbox.table.tableName,
    });
    {{ aggregate }}s.grant(change, "dynamodb:GetItem", "dynamodb:PutItem");
    outbox.grantAppend(change);

    const get = this.#function("Get{{ aggregate | capitalize }}", "get-{{ aggregate }}", {
      {{ aggregate | upcase }}S_TABLE: {{ aggregate }}s.tableName,
      COUNTS_TABLE: counts.tableName,
    });
    {{ aggregate }}s.grant(get, "dynamodb:GetItem");
    counts.grant(get, "dynamodb:GetItem");

    this.#consume(outbox, counts);

    // The outputs that outboxctl reads, and those by which make dev finds the functions.
    outbox.addOperatorOutputs();
    this.#output("PublishEvents", outbox.relay);
    this.#output("SweepOutbox", outbox.sweeper);
  }

  /** Sends the events to a queue, and the queue's messages to the function that counts them. */
  #consume(outbox: TransactionalOutbox, counts: TableV2): void {
    const timeout = Duration.seconds(30);
    const deadLetters = new Queue(this, "CountDeadLetters", {
      retentionPeriod: Duration.days(14),
      enforceSSL: true,
    });
    const queue = new Queue(this, "CountQueue", {
      // AWS recommends six times the function's timeout.
      visibilityTimeout: Duration.seconds(6 * timeout.toSeconds()),
      retentionPeriod: Duration.days(7),
      deadLetterQueue: { queue: deadLetters, maxReceiveCount: 5 },
      enforceSSL: true,
    });
    const rule = new Rule(this, "CountRule", {
      eventBus: outbox.eventBus,
      eventPattern: { source: [SOURCE], detailType: ["{{ created }}", "{{ completed }}"] },
      targets: [new SqsQueue(queue, { deadLetterQueue: deadLetters })],
    });
    // Events that are published before the rule exists never reach the queue.
    outbox.streamMapping.node.addDependency(rule);
    outbox.sweepSchedule.node.addDependency(rule);

    const count = this.#function(
      "Count{{ aggregate | capitalize }}Events",
      "count-{{ aggregate }}-events",
      // Events that another account puts on the bus are rejected.
      { COUNTS_TABLE: counts.tableName, EVENT_ACCOUNT: this.account },
      timeout,
    );
    counts.grant(count, "dynamodb:PutItem", "dynamodb:UpdateItem");
    queue.grantConsumeMessages(count);
    count.addEventSourceMapping("CountMapping", {
      eventSourceArn: queue.queueArn,
      batchSize: 10,
      // Without it, one failed event would make SQS redeliver the whole batch.
      reportBatchItemFailures: true,
    });
  }

  #table(id: string): TableV2 {
    return new TableV2(this, id, {
      partitionKey: { name: "pk", type: AttributeType.STRING },
      timeToLiveAttribute: "expiresAt",
      billing: Billing.onDemand(),
      removalPolicy: this.#removalPolicy,
      deletionProtection: this.#removalPolicy === RemovalPolicy.RETAIN,
      pointInTimeRecoverySpecification: {
        pointInTimeRecoveryEnabled: this.#removalPolicy === RemovalPolicy.RETAIN,
      },
    });
  }

  #function(
    id: string,
    crate: string,
    environment: Record<string, string>,
    // A commit may take three attempts of 3 s.
    timeout = Duration.seconds(15),
  ): LambdaFunction {
    const created = new LambdaFunction(this, id, {
      runtime: Runtime.PROVIDED_AL2023,
      architecture: this.#architecture(),
      handler: "bootstrap",
      code: this.#code.of(crate),
      memorySize: 512,
      timeout,
      tracing: Tracing.ACTIVE,
      loggingFormat: LoggingFormat.JSON,
      environment,
    });
    this.#output(id, created);
    return created;
  }

  /** Names a function by its crate: the output ChangeOrderFunctionName is of change-order. */
  #output(crate: string, named: { readonly functionName: string }): void {
    new CfnOutput(this, `${crate}FunctionName`, { value: named.functionName });
  }

  #architecture(): Architecture {
    const isX86 = this.#isLocal && process.arch !== "arm64";
    return isX86 ? Architecture.X86_64 : Architecture.ARM_64;
  }
}

/** Returns a path relative to this file. */
function folder(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}
