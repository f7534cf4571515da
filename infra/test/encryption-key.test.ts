// That everything is encrypted with a key of the customer's if there is one, and that roles use it through services only.
import { App, Stack } from "aws-cdk-lib";
import { Match, Template } from "aws-cdk-lib/assertions";
import { TableEncryptionV2, TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { EventBus } from "aws-cdk-lib/aws-events";
import { Key } from "aws-cdk-lib/aws-kms";
import { Queue } from "aws-cdk-lib/aws-sqs";
import { beforeAll, describe, expect, test } from "vitest";
import {
  OutboxEventBus,
  TransactionalOutbox,
  type TransactionalOutboxProps,
} from "../outbox/index.ts";
import {
  logicalId,
  ordersStackWithKey,
  ordersTemplate,
  placeholderCode,
  queuePolicy,
  statements,
} from "./template.ts";

const code = placeholderCode();

function stackWith(
  props: (stack: Stack) => Partial<TransactionalOutboxProps>,
  env = { region: "eu-central-1" },
): Stack {
  const stack = new Stack(new App(), "Stack", { env });
  new TransactionalOutbox(stack, "Outbox", {
    relayCode: code.of("publish-events"),
    sweeperCode: code.of("sweep-outbox"),
    sources: ["orders"],
    ...props(stack),
  });
  return stack;
}

/** Returns the properties of all resources of a type. */
function resources(template: Template, type: string): [string, Record<string, unknown>][] {
  return Object.entries(template.findResources(type)).map(([id, { Properties }]) => [
    id,
    Properties,
  ]);
}

describe.each([
  {
    what: "an outbox",
    make: () => stackWith((stack) => ({ encryptionKey: new Key(stack, "Key") })),
    busQueue: "OutboxEventBusDeadLetterQueue",
  },
  {
    what: "the orders stack",
    make: () => ordersStackWithKey("prod"),
    busQueue: "EventBusDeadLetterQueue",
  },
])("$what with a key", ({ make, busQueue }) => {
  let template: Template;
  let arn: object;

  beforeAll(() => {
    template = Template.fromStack(make());
    arn = { "Fn::GetAtt": [logicalId(template, "Key"), "Arn"] };
  });

  test("encrypts every table", () => {
    for (const [id, { Replicas, SSESpecification }] of resources(
      template,
      "AWS::DynamoDB::GlobalTable",
    )) {
      expect(SSESpecification, id).toEqual({ SSEEnabled: true, SSEType: "KMS" });
      expect(Replicas, id).toEqual([
        expect.objectContaining({ SSESpecification: { KMSMasterKeyId: arn } }),
      ]);
    }
  });

  test("encrypts every queue but that of the bus, which is there for when the key can't be used", () => {
    for (const [id, properties] of resources(template, "AWS::SQS::Queue")) {
      expect(properties, id).toMatchObject(
        id === logicalId(template, busQueue)
          ? { SqsManagedSseEnabled: true }
          : { KmsMasterKeyId: arn },
      );
    }
  });

  test("encrypts every log group and topic, and the archive", () => {
    template.allResourcesProperties("AWS::Logs::LogGroup", { KmsKeyId: arn });
    for (const [id, { KmsMasterKeyId }] of resources(template, "AWS::SNS::Topic")) {
      expect(KmsMasterKeyId, id).toEqual(arn);
    }
    for (const [id, { KmsKeyIdentifier }] of resources(template, "AWS::Events::Archive")) {
      expect(KmsKeyIdentifier, id).toEqual(arn);
    }
  });

  test("encrypts the bus, whose dead-letter queue accepts messages from it only", () => {
    const queue = logicalId(template, busQueue);
    const bus = busQueue.replace("DeadLetterQueue", "");
    template.hasResourceProperties("AWS::Events::EventBus", {
      KmsKeyIdentifier: arn,
      DeadLetterConfig: { Arn: { "Fn::GetAtt": [queue, "Arn"] } },
    });
    expect(queuePolicy(template, queue)).toContainEqual({
      Sid: "AllowEventBus",
      Effect: "Allow",
      Principal: { Service: "events.amazonaws.com" },
      Action: "sqs:SendMessage",
      Resource: { "Fn::GetAtt": [queue, "Arn"] },
      Condition: {
        ArnEquals: { "aws:SourceArn": { "Fn::GetAtt": [logicalId(template, bus), "Arn"] } },
      },
    });
  });

  test("lets roles use the key through DynamoDB and SQS only, without wildcards", () => {
    const granted = statements(template, /./).filter(({ Action }) =>
      JSON.stringify(Action).includes("kms:"),
    );
    expect(granted.length).toBeGreaterThan(4);
    for (const statement of granted) {
      expect([statement.Action].flat()).not.toContainEqual(expect.stringContaining("*"));
      expect(statement).toMatchObject({
        Resource: arn,
        Condition: {
          StringEquals: {
            "kms:ViaService": expect.stringMatching(
              /^(dynamodb|sqs)\.eu-central-1\.amazonaws\.com$/,
            ),
          },
        },
      });
    }
  });

  test.each([
    [/OutboxRelay/, ["dynamodb", "sqs"]],
    [/OutboxSweeper/, ["dynamodb", "sqs"]],
    [/OutboxOperator/, ["dynamodb", "sqs"]],
  ])("%s may use it through %j", (role, services) => {
    expect(keyUsedThrough(role)).toEqual(services);
  });

  test("lets CloudWatch Logs and EventBridge use the key for this account", () => {
    template.hasResourceProperties("AWS::KMS::Key", {
      KeyPolicy: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Principal: { Service: "logs.eu-central-1.amazonaws.com" },
            Condition: { ArnLike: { "kms:EncryptionContext:aws:logs:arn": Match.anyValue() } },
          }),
          Match.objectLike({
            Principal: { Service: "events.amazonaws.com" },
            Action: "kms:DescribeKey",
          }),
        ]),
      },
    });
  });

  test("has no circle of references", () => {
    // The bus refers to the key, so the key's policy must not refer to the bus.
    const [key] = Object.values(template.findResources("AWS::KMS::Key"));
    const referred = JSON.stringify(key).matchAll(/"(?:Ref":|Fn::GetAtt":\[)"(\w+)"/g);
    expect([...referred].map(([, id]) => id)).toEqual([]);
  });

  /** Returns the services through which a role may use the key. */
  function keyUsedThrough(role: RegExp): string[] {
    const text = JSON.stringify(statements(template, role).map(({ Condition }) => Condition));
    return [...text.matchAll(/"kms:ViaService":"(\w+)\./g)]
      .map(([, service = ""]) => service)
      .sort();
  }
});

test("a key that is set later replaces nothing", () => {
  const types = [
    "AWS::DynamoDB::GlobalTable",
    "AWS::Events::Archive",
    "AWS::Events::EventBus",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
  ];
  const idsIn = (template: Template) =>
    types.flatMap((type) => Object.keys(template.findResources(type)));
  const before = idsIn(ordersTemplate("prod"));
  const after = Template.fromStack(ordersStackWithKey("prod"));
  const added = idsIn(after).filter((id) => !before.includes(id));
  expect(idsIn(after)).toEqual(expect.arrayContaining(before));
  expect(added).toEqual([logicalId(after, "EventBusDeadLetterQueue")]);
});

test("every function of the orders stack may use the key of what it reads", () => {
  const template = Template.fromStack(ordersStackWithKey("prod"));
  for (const [role, services] of [
    [/CreateOrder/, ["dynamodb"]],
    [/CancelOrder/, ["dynamodb"]],
    [/GetOrder/, ["dynamodb"]],
    [/StartShipping/, ["dynamodb", "sqs"]],
  ] as const) {
    const text = JSON.stringify(statements(template, role));
    for (const service of services) {
      expect(text, String(role)).toContain(`"kms:ViaService":"${service}.eu-central-1`);
    }
  }
});

test("the key of the orders stack is rotated, retained, and usable by alarms", () => {
  const template = Template.fromStack(ordersStackWithKey("dev"));
  template.hasResource("AWS::KMS::Key", {
    DeletionPolicy: "Retain",
    Properties: {
      EnableKeyRotation: true,
      KeyPolicy: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Principal: { Service: "cloudwatch.amazonaws.com" },
            Condition: { StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } } },
          }),
        ]),
      },
    },
  });
});

test("without a key there is neither key nor dead-letter queue of the bus", () => {
  const template = ordersTemplate("prod");
  template.resourceCountIs("AWS::KMS::Key", 0);
  template.hasResourceProperties("AWS::Events::EventBus", {
    KmsKeyIdentifier: Match.absent(),
    DeadLetterConfig: Match.absent(),
  });
});

test("a key needs a stack with a Region", () => {
  const stack = new Stack(new App(), "Anywhere");
  expect(
    () =>
      new TransactionalOutbox(stack, "Outbox", {
        relayCode: code.of("publish-events"),
        sweeperCode: code.of("sweep-outbox"),
        sources: ["orders"],
        encryptionKey: new Key(stack, "Key"),
      }),
  ).toThrow("encryptionKey needs a stack with a Region");
});

test("a table is encrypted in one way only", () => {
  expect(() =>
    stackWith((stack) => ({
      encryptionKey: new Key(stack, "Key"),
      tableEncryption: TableEncryptionV2.awsManagedKey(),
    })),
  ).toThrow("encryptionKey also encrypts the table: leave out tableEncryption, or encryptionKey");
});

test("a given table keeps its own encryption", () => {
  const tableArn = "arn:aws:dynamodb:eu-central-1:111122223333:table/outbox";
  const stack = stackWith((within) => ({
    encryptionKey: new Key(within, "Key"),
    table: TableV2.fromTableAttributes(within, "Table", {
      tableArn,
      tableStreamArn: `${tableArn}/stream/2026-01-01T00:00:00.000`,
    }),
  }));
  Template.fromStack(stack).resourceCountIs("AWS::DynamoDB::GlobalTable", 0);
});

describe("a given bus with a key", () => {
  test("is rejected without a dead-letter queue", () => {
    const stack = stackWith((within) => ({
      eventBus: new EventBus(within, "Bus", { kmsKey: new Key(within, "Key") }),
    }));
    expect(() => Template.fromStack(stack)).toThrow(
      "eventBus Stack/Bus has a key of its own and no dead-letter queue: EventBridge drops events that it has " +
        "accepted if it can't use the key. Give the bus a dead-letter queue, or create it with OutboxEventBus",
    );
  });

  test("is accepted with one", () => {
    const stack = stackWith((within) => ({
      eventBus: new EventBus(within, "Bus", {
        kmsKey: new Key(within, "Key"),
        deadLetterQueue: new Queue(within, "Queue"),
      }),
    }));
    expect(() => Template.fromStack(stack)).not.toThrow();
  });

  test("is accepted if it is an OutboxEventBus", () => {
    const stack = stackWith((within) => ({
      eventBus: new OutboxEventBus(within, "Bus", { encryptionKey: new Key(within, "Key") }),
    }));
    expect(() => Template.fromStack(stack)).not.toThrow();
  });
});
