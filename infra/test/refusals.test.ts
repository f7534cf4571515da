import { readFileSync } from "node:fs";
import { App, CfnResource, Duration, Fn, RemovalPolicy, Stack, Stage } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import {
  AttributeType,
  StreamViewType,
  Table,
  TableEncryptionV2,
  type TablePropsV2,
  TableV2,
} from "aws-cdk-lib/aws-dynamodb";
import { EventBus } from "aws-cdk-lib/aws-events";
import {
  CfnEventSourceMapping,
  EventSourceMapping,
  Function as LambdaFunction,
  Runtime,
  StartingPosition,
} from "aws-cdk-lib/aws-lambda";
import { DynamoEventSource } from "aws-cdk-lib/aws-lambda-event-sources";
import { CfnPipe } from "aws-cdk-lib/aws-pipes";
import { describe, expect, test } from "vitest";
import {
  SWEEP_DEFAULTS,
  TransactionalOutbox,
  type TransactionalOutboxProps,
} from "../outbox/index.ts";
import { placeholderCode } from "./template.ts";

const env = { account: "111122223333", region: "eu-central-1" };
const code = placeholderCode();

/** Creates a stack with an outbox. */
function stackWith(props: (stack: Stack) => Partial<TransactionalOutboxProps>): Stack {
  const stack = new Stack(new App(), "Stack", { env });
  new TransactionalOutbox(stack, "Outbox", {
    relayCode: code.of("publish-events"),
    sweeperCode: code.of("sweep-outbox"),
    sources: ["orders"],
    ...props(stack),
  });
  return stack;
}

/** Creates a table for an outbox, with some properties changed. */
function table(stack: Stack, otherwise: Partial<TablePropsV2> = {}): TableV2 {
  return new TableV2(stack, "Existing", {
    partitionKey: { name: "aggregateId", type: AttributeType.STRING },
    sortKey: { name: "position", type: AttributeType.STRING },
    dynamoStream: StreamViewType.NEW_IMAGE,
    timeToLiveAttribute: "expiresAt",
    ...otherwise,
  });
}

describe("the stream mapping", () => {
  test.each([
    [{ batchSize: 10_001 }, "batchSize is 10001: Lambda accepts whole numbers from 1 to 10,000"],
    [{ batchSize: 0 }, "batchSize is 0: Lambda accepts whole numbers from 1 to 10,000"],
    [{ batchSize: 1.5 }, "batchSize is 1.5: Lambda accepts whole numbers from 1 to 10,000"],
    [
      { parallelizationFactor: 11 },
      "parallelizationFactor is 11: Lambda accepts whole numbers from 1 to 10",
    ],
    [
      { maxBatchingWindow: Duration.seconds(301) },
      "maxBatchingWindow, in seconds, is 301: Lambda accepts whole numbers from 0 to 300",
    ],
  ])("%j is rejected", (settings, message) => {
    expect(() => stackWith(() => settings)).toThrow(message);
  });

  test.each([
    { batchSize: 1, parallelizationFactor: 1, maxBatchingWindow: Duration.seconds(0) },
    { batchSize: 10_000, parallelizationFactor: 10, maxBatchingWindow: Duration.minutes(5) },
  ])("%j is accepted", (settings) => {
    Template.fromStack(stackWith(() => settings)).hasResourceProperties(
      "AWS::Lambda::EventSourceMapping",
      {
        BatchSize: settings.batchSize,
        ParallelizationFactor: settings.parallelizationFactor,
        MaximumBatchingWindowInSeconds: settings.maxBatchingWindow.toSeconds(),
      },
    );
  });
});

describe("the grace period", () => {
  test("must not end while the relay may still publish", () => {
    expect(() => stackWith(() => ({ sweepGracePeriod: Duration.seconds(59) }))).toThrow(
      "sweepGracePeriod is 59 s, but the relay may take 60 s",
    );
    expect(() =>
      stackWith(() => ({
        sweepGracePeriod: Duration.seconds(99),
        maxBatchingWindow: Duration.seconds(40),
      })),
    ).toThrow("sweepGracePeriod is 99 s, but the relay may take 100 s");
  });

  test("must not exceed what outboxctl and the alarms expect", () => {
    expect(() => stackWith(() => ({ sweepGracePeriod: Duration.minutes(16) }))).toThrow(
      "sweepGracePeriod is 960 s, but outboxctl and the alarms expect the sweeper to publish an event after 900 s",
    );
  });

  test("is passed to the sweeper, at both limits", () => {
    for (const seconds of [60, 900]) {
      const stack = stackWith(() => ({ sweepGracePeriod: Duration.seconds(seconds) }));
      Template.fromStack(stack).hasResourceProperties("AWS::Lambda::Function", {
        Environment: { Variables: { GRACE_PERIOD_SECONDS: String(seconds) } },
      });
    }
  });

  test("is by default the one that outboxctl uses", () => {
    const source = readFileSync(
      new URL("../../shared/outbox/src/handlers/sweeper.rs", import.meta.url),
      "utf8",
    );
    const [, minutes] = /DEFAULT_GRACE: .* = SignedDuration::from_mins\((\d+)\)/.exec(source) ?? [];
    expect(SWEEP_DEFAULTS.gracePeriod.toMinutes()).toBe(Number(minutes));
  });
});

describe("the bus", () => {
  test.each(["", undefined as unknown as string])("must have a name, not %j", (name) => {
    const bus = (stack: Stack) => ({ eventBus: EventBus.fromEventBusName(stack, "Bus", name) });
    expect(() => stackWith(bus)).toThrow(
      "eventBus Stack/Bus has no name: give the name of the bus to publish to",
    );
  });

  test.each([
    [
      "arn:aws:events:eu-west-1:111122223333:event-bus/company",
      "region eu-west-1, the outbox in eu-central-1",
    ],
    [
      "arn:aws:events:eu-central-1:444455556666:event-bus/company",
      "account 444455556666, the outbox in 111122223333",
    ],
  ])("must be where the outbox is, not at %s", (arn, message) => {
    const bus = (stack: Stack) => ({ eventBus: EventBus.fromEventBusArn(stack, "Bus", arn) });
    expect(() => stackWith(bus)).toThrow(`eventBus Stack/Bus is in ${message}`);
  });

  test("may be the default bus, or another stack's", () => {
    expect(() =>
      stackWith((stack) => ({ eventBus: EventBus.fromEventBusName(stack, "Bus", "default") })),
    ).not.toThrow();
    expect(() =>
      stackWith((stack) => {
        const company = new Stack(App.of(stack) as App, "Company", { env });
        return { eventBus: new EventBus(company, "Bus") };
      }),
    ).not.toThrow();
  });

  test("is created if none is given, and outlives the stack", () => {
    const template = Template.fromStack(stackWith(() => ({})));
    template.hasResource("AWS::Events::EventBus", { DeletionPolicy: "Retain" });
    const [bus] = Object.keys(template.findResources("AWS::Events::EventBus"));
    template.hasResourceProperties("AWS::Lambda::Function", {
      Environment: { Variables: { EVENT_BUS_NAME: { Ref: bus } } },
    });
  });
});

describe("the table", () => {
  test("must have a stream", () => {
    const imported = (stack: Stack) => ({
      table: TableV2.fromTableName(stack, "Imported", "outbox"),
    });
    expect(() => stackWith(imported)).toThrow(
      "table Stack/Imported has no stream, from which the relay reads events: " +
        "enable one with NEW_IMAGE; for an imported table, give tableStreamArn",
    );
  });

  test.each<[string, Partial<TablePropsV2>, string]>([
    [
      "another key",
      { partitionKey: { name: "pk", type: AttributeType.STRING } },
      "the key of the Outbox table must be HASH aggregateId (S), RANGE position (S), " +
        "but is HASH pk (S), RANGE position (S)",
    ],
    [
      "a number as its sort key",
      { sortKey: { name: "position", type: AttributeType.NUMBER } },
      "but is HASH aggregateId (S), RANGE position (N)",
    ],
    [
      "keys in its stream only",
      { dynamoStream: StreamViewType.KEYS_ONLY },
      "the stream of the Outbox table must have new images, or the relay receives no events: it is KEYS_ONLY",
    ],
    [
      "another time to live",
      { timeToLiveAttribute: "ttl" },
      "the Outbox table's time to live must be the attribute expiresAt, which deletes discarded events: it is ttl",
    ],
    [
      "a replica",
      { replicas: [{ region: "eu-west-1" }] },
      "the Outbox table has replicas (1): each Region's relay would publish every event. Keep it in one Region",
    ],
  ])("must not have %s", (_, otherwise, message) => {
    const stack = stackWith((within) => ({ table: table(within, otherwise) }));
    expect(() => Template.fromStack(stack)).toThrow(message);
  });

  test("must not get a replica later, created or given", () => {
    const own = stackWith(() => ({}));
    const outbox = own.node.findChild("Outbox") as TransactionalOutbox;
    (outbox.table as TableV2).addReplica({ region: "eu-west-1" });
    expect(() => Template.fromStack(own)).toThrow("the Outbox table has replicas (1)");
    const given = stackWith((stack) => ({ table: table(stack) }));
    (given.node.findChild("Existing") as TableV2).addReplica({ region: "eu-west-1" });
    expect(() => Template.fromStack(given)).toThrow("the Outbox table has replicas (1)");
  });

  test("must not have replicas of the older kind", () => {
    const stack = stackWith((within) => ({
      table: new Table(within, "Older", {
        partitionKey: { name: "aggregateId", type: AttributeType.STRING },
        sortKey: { name: "position", type: AttributeType.STRING },
        stream: StreamViewType.NEW_AND_OLD_IMAGES,
        timeToLiveAttribute: "expiresAt",
        replicationRegions: ["eu-west-1"],
      }),
    }));
    expect(() => Template.fromStack(stack)).toThrow("the Outbox table has replicas (1)");
  });

  test("may exist already, of both kinds, with old images in its stream", () => {
    const dynamoStream = StreamViewType.NEW_AND_OLD_IMAGES;
    const stack = stackWith((within) => ({ table: table(within, { dynamoStream }) }));
    Template.fromStack(stack).resourceCountIs("AWS::DynamoDB::GlobalTable", 1);
    const older = stackWith((within) => ({
      table: new Table(within, "Older", {
        partitionKey: { name: "aggregateId", type: AttributeType.STRING },
        sortKey: { name: "position", type: AttributeType.STRING },
        stream: StreamViewType.NEW_IMAGE,
        timeToLiveAttribute: "expiresAt",
      }),
    }));
    Template.fromStack(older).resourceCountIs("AWS::DynamoDB::Table", 1);
  });

  test.each<Partial<TransactionalOutboxProps>>([
    { removalPolicy: RemovalPolicy.DESTROY },
    { deletionProtection: false },
    { pointInTimeRecovery: false },
    { tableEncryption: TableEncryptionV2.awsManagedKey() },
  ])("has no settings if it exists already: %j", (props) => {
    expect(() => stackWith((stack) => ({ table: table(stack), ...props }))).toThrow(
      `${Object.keys(props)} applies only to a table that the outbox creates: ` +
        "set it where the given table is created",
    );
  });
});

describe("the stream", () => {
  const given = "arn:aws:dynamodb:eu-central-1:111122223333:table/given";

  /** Creates an outbox in a stack. */
  function outboxIn(stack: Stack, id: string, props: Partial<TransactionalOutboxProps> = {}) {
    return new TransactionalOutbox(stack, id, {
      relayCode: code.of("publish-events"),
      sweeperCode: code.of("sweep-outbox"),
      sources: ["orders"],
      ...props,
    });
  }

  /** Imports a table with a stream. */
  function imported(
    stack: Stack,
    id: string,
    tableArn: string,
    stream = "2026-01-01T00:00:00.000",
  ) {
    const tableStreamArn = `${tableArn}/stream/${stream}`;
    return TableV2.fromTableAttributes(stack, id, { tableArn, tableStreamArn });
  }

  function anyFunction(stack: Stack): LambdaFunction {
    return new LambdaFunction(stack, "Function", {
      runtime: Runtime.PROVIDED_AL2023,
      handler: "bootstrap",
      code: code.of("publish-events"),
    });
  }

  const twice = "both relays would publish every event. Give each outbox a table of its own";

  test("is not relayed by two outboxes of one stack", () => {
    const stack = new Stack(new App(), "Stack", { env });
    const first = outboxIn(stack, "First", { table: table(stack) });
    outboxIn(stack, "Second", { table: first.table });
    expect(() => Template.fromStack(stack)).toThrow(
      `outbox Stack/Second has the same table as outbox Stack/First: ${twice}`,
    );
    const own = new Stack(new App(), "Stack", { env });
    outboxIn(own, "Second", { table: outboxIn(own, "First").table });
    expect(() => Template.fromStack(own)).toThrow(twice);
  });

  test("is not relayed by outboxes of two stacks", () => {
    const app = new App();
    const first = outboxIn(new Stack(app, "Orders", { env }), "Outbox");
    outboxIn(new Stack(app, "Invoices", { env }), "Outbox", { table: first.table });
    expect(() => app.synth()).toThrow(
      `outbox Invoices/Outbox has the same table as outbox Orders/Outbox: ${twice}`,
    );
    const importing = new App();
    const written = new Stack(importing, "Orders", { env });
    outboxIn(written, "Outbox", { table: imported(written, "Table", given) });
    const composed = new Stack(importing, "Invoices", { env });
    const { partition, region, account } = composed;
    const arn = `arn:${partition}:dynamodb:${region}:${account}:table/given`;
    outboxIn(composed, "Outbox", {
      table: imported(composed, "Table", arn, "2026-02-02T00:00:00.000"),
    });
    expect(() => importing.synth()).toThrow(twice);
  });

  test.each<[string, (stack: Stack, outbox: TransactionalOutbox) => unknown]>([
    [
      "an event source",
      (stack, { table }) =>
        anyFunction(stack).addEventSource(
          new DynamoEventSource(table, { startingPosition: StartingPosition.LATEST }),
        ),
    ],
    [
      "an event source mapping",
      (stack, { table }) =>
        new EventSourceMapping(stack, "Mapping", {
          target: anyFunction(stack),
          eventSourceArn: table.tableStreamArn as string,
          startingPosition: StartingPosition.LATEST,
        }),
    ],
    [
      "a mapping of the relay beside its own",
      (_, { relay, table }) =>
        relay.addEventSourceMapping("Again", {
          eventSourceArn: table.tableStreamArn as string,
          startingPosition: StartingPosition.LATEST,
          enabled: false,
        }),
    ],
    [
      "a resource whose stream is overridden",
      (stack, { table }) =>
        new CfnEventSourceMapping(stack, "Mapping", {
          functionName: "other",
          eventSourceArn: "arn:aws:kinesis:eu-central-1:111122223333:stream/other",
        }).addPropertyOverride("EventSourceArn", table.tableStreamArn),
    ],
    [
      "a resource without a class",
      (stack, { table }) =>
        new CfnResource(stack, "Mapping", {
          type: "AWS::Lambda::EventSourceMapping",
          properties: { FunctionName: "other", EventSourceArn: table.tableStreamArn },
        }),
    ],
    [
      "a pipe",
      (stack, { table }) =>
        new CfnPipe(stack, "Pipe", {
          roleArn: "arn:aws:iam::111122223333:role/pipe",
          source: table.tableStreamArn as string,
          target: "arn:aws:sqs:eu-central-1:111122223333:other",
        }),
    ],
  ])("is not read by %s, in its stack or another", (_, read) => {
    for (const readerStack of ["Stack", "Other"]) {
      const stack = stackWith(() => ({}));
      const outbox = stack.node.findChild("Outbox") as TransactionalOutbox;
      read(
        readerStack === "Stack" ? stack : new Stack(stack.node.root as App, "Other", { env }),
        outbox,
      );
      expect(() => (stack.node.root as App).synth()).toThrow(
        /reads the stream of the Outbox table, as does the relay of Stack\/Outbox: .* by a rule on the bus/,
      );
    }
  });

  test("of another table or environment may be read", () => {
    const app = new App();
    const stack = new Stack(app, "Stack", { env });
    outboxIn(stack, "First");
    outboxIn(stack, "Second");
    outboxIn(stack, "Third", { table: imported(stack, "Given", given) });
    outboxIn(stack, "Fourth", { table: imported(stack, "Longer", `${given}-too`) });
    outboxIn(stack, "Fifth", {
      table: imported(stack, "Exported", Fn.importValue("a"), "2026-01-01T00:00:00.000"),
    });
    const other = anyFunction(stack);
    other.addEventSource(
      new DynamoEventSource(table(stack), { startingPosition: StartingPosition.LATEST }),
    );
    other.addEventSourceMapping("Queue", {
      eventSourceArn: "arn:aws:sqs:eu-central-1:111122223333:queue",
    });
    for (const account of ["111111111111", "222222222222"]) {
      const stage = new Stage(app, `Stage${account}`, { env: { ...env, account } });
      const deployed = new Stack(stage, "Stack");
      const arn = `arn:aws:dynamodb:${deployed.region}:${deployed.account}:table/given`;
      outboxIn(deployed, "Outbox", { table: imported(deployed, "Table", arn) });
    }
    expect(() => app.synth()).not.toThrow();
  });
});
