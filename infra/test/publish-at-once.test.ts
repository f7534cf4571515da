// That functions may publish at once only as far as an outbox allows it.
import { App, Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { AttributeType, StreamViewType, TableV2 } from "aws-cdk-lib/aws-dynamodb";
import { EventBus } from "aws-cdk-lib/aws-events";
import { Key } from "aws-cdk-lib/aws-kms";
import { Function as LambdaFunction, Runtime } from "aws-cdk-lib/aws-lambda";
import { describe, expect, test } from "vitest";
import { TransactionalOutbox, type TransactionalOutboxProps } from "../outbox/index.ts";
import { grants, logicalId, placeholderCode, propertiesOf, statements } from "./template.ts";

const env = { account: "111122223333", region: "eu-central-1" };
const code = placeholderCode();

function stackIn(app: App, id: string): Stack {
  return new Stack(app, id, { env });
}

function outboxIn(
  stack: Stack,
  props: Partial<TransactionalOutboxProps> = {},
): TransactionalOutbox {
  return new TransactionalOutbox(stack, "Outbox", {
    relayCode: code.of("publish-events"),
    sweeperCode: code.of("sweep-outbox"),
    sources: ["orders", "payments"],
    lookUp: "Always",
    ...props,
  });
}

function writerIn(stack: Stack, id = "Writer"): LambdaFunction {
  return new LambdaFunction(stack, id, {
    runtime: Runtime.PROVIDED_AL2023,
    handler: "bootstrap",
    code: code.of("create-order"),
  });
}

/** Returns the template of a stack with a writer that may publish at once. */
function synthesized(props: (stack: Stack) => Partial<TransactionalOutboxProps> = () => ({})) {
  const stack = stackIn(new App(), "Stack");
  outboxIn(stack, props(stack)).grantPublishAtOnce(writerIn(stack));
  return Template.fromStack(stack);
}

const publishing = [
  "dynamodb:BatchGetItem on OutboxTable",
  "dynamodb:BatchWriteItem on OutboxTable",
  "events:DescribeEventBus on OutboxEventBus",
  "events:PutEvents on OutboxEventBus",
];
const reading = "dynamodb:Query on OutboxTable";

test.each([
  ["InSequence", [...publishing, reading].sort()],
  ["Strict", [...publishing, reading].sort()],
  ["BestEffort", publishing],
] as const)(
  "a writer of an outbox with order %s has these permissions, and no others",
  (order, expected) => {
    // No Scan, no UpdateItem and no SendMessage: it leaves to the relay what has to be parked.
    expect(
      grants(
        synthesized(() => ({ order })),
        /Writer/,
      ),
    ).toEqual(expected);
  },
);

test("a writer may publish events of the outbox's sources and no others", () => {
  const template = synthesized();
  const put = statements(template, /Writer/).filter(({ Action }) => Action === "events:PutEvents");
  expect(put).toEqual([
    {
      Effect: "Allow",
      Action: "events:PutEvents",
      Resource: { "Fn::GetAtt": [logicalId(template, "OutboxEventBus"), "Arn"] },
      Condition: { "ForAllValues:StringEquals": { "events:source": ["orders", "payments"] } },
    },
  ]);
});

test("a writer may use the key of the table, through DynamoDB only", () => {
  const template = synthesized((stack) => ({ encryptionKey: new Key(stack, "Key") }));
  const ofKey = statements(template, /Writer/).filter(({ Action }) =>
    [Action].flat().every((action) => action.startsWith("kms:")),
  );
  expect(ofKey).toEqual([
    expect.objectContaining({
      Action: expect.arrayContaining(["kms:Decrypt", "kms:GenerateDataKey"]),
      Resource: { "Fn::GetAtt": [logicalId(template, "Key"), "Arn"] },
      Condition: { StringEquals: { "kms:ViaService": "dynamodb.eu-central-1.amazonaws.com" } },
    }),
  ]);
});

test("the permissions are one grant", () => {
  const stack = stackIn(new App(), "Stack");
  const { success, principalStatements } = outboxIn(stack).grantPublishAtOnce(writerIn(stack));
  expect(success).toBe(true);
  expect(principalStatements.flatMap(({ actions }) => actions).sort()).toEqual([
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:Query",
    "events:DescribeEventBus",
    "events:PutEvents",
  ]);
});

test("a writer knows bus and order, and is updated after the relay", () => {
  const template = synthesized(() => ({ order: "Strict" }));
  expect(propertiesOf(template, "Writer")).toMatchObject({
    Environment: {
      Variables: {
        EVENT_BUS_NAME: { Ref: logicalId(template, "OutboxEventBus") },
        EVENT_ORDER: "Strict",
      },
    },
  });
  expect(template.toJSON().Resources[logicalId(template, "Writer")].DependsOn).toContain(
    logicalId(template, "OutboxRelayAlias"),
  );
});

test("a writer that may only append doesn't know the bus", () => {
  const stack = stackIn(new App(), "Stack");
  outboxIn(stack).grantAppend(writerIn(stack));
  const template = Template.fromStack(stack);
  expect(propertiesOf(template, "Writer")).not.toHaveProperty("Environment");
  expect(grants(template, /Writer/)).toEqual(["dynamodb:PutItem on OutboxTable"]);
});

test("an outbox whose relay looks up old records only is rejected", () => {
  const stack = stackIn(new App(), "Stack");
  const outbox = outboxIn(stack, { lookUp: "WhenOld" });
  const writer = writerIn(stack);
  expect(() => outbox.grantPublishAtOnce(writer)).toThrow(
    'Stack/Writer must not publish at once, because lookUp of outbox Stack/Outbox is "WhenOld": ' +
      'the relay would publish its events a second time. Set lookUp to "Always"',
  );
  const template = Template.fromStack(stack);
  expect(grants(template, /Writer/)).toEqual([]);
  expect(propertiesOf(template, "Writer")).not.toHaveProperty("Environment");
});

describe("the policy of a bus that rejects other publishers", () => {
  /** Returns the roles that the policy admits. */
  function admitted(template: Template): unknown {
    const [policy] = Object.values(template.findResources("AWS::Events::EventBusPolicy"));
    return policy?.Properties.Statement.Condition.ArnNotEquals["aws:PrincipalArn"];
  }

  test("admits the writers that may publish at once, each once", () => {
    const stack = stackIn(new App(), "Stack");
    const partner = "arn:aws:iam::444455556666:role/partner";
    const outbox = outboxIn(stack, { rejectOtherPublishers: true, otherPublishers: [partner] });
    const [first, second] = [writerIn(stack, "First"), writerIn(stack, "Second")];
    outbox.grantAppend(writerIn(stack, "Third"));
    for (const writer of [first, second, first]) {
      outbox.grantPublishAtOnce(writer);
    }
    const template = Template.fromStack(stack);
    const roles = [
      "OutboxRelayRole",
      "OutboxSweeperRole",
      "OutboxOperator",
      "FirstServiceRole",
      "SecondServiceRole",
    ];
    expect(admitted(template)).toEqual([
      ...roles.map((role) => ({ "Fn::GetAtt": [logicalId(template, role), "Arn"] })),
      partner,
    ]);
  });

  test("is none if the bus rejects none", () => {
    synthesized().resourceCountIs("AWS::Events::EventBusPolicy", 0);
  });
});

describe("a writer in another stack", () => {
  test("may publish at once", () => {
    const app = new App();
    const outbox = outboxIn(stackIn(app, "Shared"));
    const stack = stackIn(app, "Service");
    outbox.grantPublishAtOnce(writerIn(stack));
    const granted = grants(Template.fromStack(stack), /Writer/);
    expect(granted).toHaveLength(publishing.length + 1);
  });

  test("may be deployed before the outbox, with the table and the bus", () => {
    const app = new App();
    const service = stackIn(app, "Service");
    const outbox = outboxIn(stackIn(app, "Outbox"), {
      eventBus: new EventBus(service, "Bus"),
      table: new TableV2(service, "Table", {
        partitionKey: { name: "aggregateId", type: AttributeType.STRING },
        sortKey: { name: "position", type: AttributeType.STRING },
        dynamoStream: StreamViewType.NEW_IMAGE,
        timeToLiveAttribute: "expiresAt",
      }),
    });
    outbox.grantPublishAtOnce(writerIn(service));
    expect(() => app.synth()).not.toThrow();
    expect(Stack.of(outbox).dependencies).toEqual([service]);
    expect(service.dependencies).toEqual([]);
  });
});
