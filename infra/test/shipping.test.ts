import type { Template } from "aws-cdk-lib/assertions";
import { beforeAll, describe, expect, test } from "vitest";
import { environmentNames } from "../orders/environments.ts";
import {
  grants,
  logging,
  logicalId,
  ordersTemplate,
  propertiesOf,
  queuePolicy,
  refusesPlainText,
} from "./template.ts";

const DAY = 24 * 60 * 60;

describe.each(environmentNames)("shipping in %s", (name) => {
  const prod = name === "prod";
  let template: Template;

  beforeAll(() => {
    template = ordersTemplate(name);
  });

  test("shipments are found by one key, may expire, and have no stream", () => {
    expect(propertiesOf(template, "ShippingShipments")).toEqual({
      AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
      BillingMode: "PAY_PER_REQUEST",
      TimeToLiveSpecification: { AttributeName: "expiresAt", Enabled: true },
      Replicas: [
        {
          Region: { Ref: "AWS::Region" },
          DeletionProtectionEnabled: prod,
          PointInTimeRecoverySpecification: {
            PointInTimeRecoveryEnabled: prod || name === "staging",
          },
        },
      ],
    });
  });

  test("shipments are kept and protected as orders are", () => {
    const { Properties: orders, ...ordersPolicies } = resource("Orders");
    const { Properties: shipments, ...shipmentsPolicies } = resource("ShippingShipments");
    expect(shipments).toEqual(orders);
    expect(shipmentsPolicies).toEqual(ordersPolicies);
  });

  test("the queue hides a message for six timeouts, and gives it up after five receives or a week", () => {
    expect(propertiesOf(template, "ShippingQueue")).toEqual({
      VisibilityTimeout: 6 * 30,
      MessageRetentionPeriod: 7 * DAY,
      RedrivePolicy: { deadLetterTargetArn: arn("ShippingDeadLetterQueue"), maxReceiveCount: 5 },
      SqsManagedSseEnabled: true,
    });
  });

  test.each(["ShippingDeadLetterQueue", "ShippingRuleDeadLetterQueue"])(
    "%s keeps messages for 14 days and redrives nothing",
    (queue) => {
      expect(propertiesOf(template, queue)).toEqual({
        MessageRetentionPeriod: 14 * DAY,
        SqsManagedSseEnabled: true,
      });
    },
  );

  test("queues are kept as tables are: an event in them is nowhere else", () => {
    const { DeletionPolicy } = resource("ShippingShipments");
    for (const queue of [
      "ShippingQueue",
      "ShippingDeadLetterQueue",
      "ShippingRuleDeadLetterQueue",
    ]) {
      expect(resource(queue)).toMatchObject({
        DeletionPolicy,
        UpdateReplacePolicy: DeletionPolicy,
      });
    }
  });

  test("the rule hands orders' events to the queue, and what it cannot to its own dead letters", () => {
    expect(propertiesOf(template, "ShippingRule")).toEqual({
      Description: "Hands to shipping what it needs to know of orders",
      EventBusName: { Ref: id("EventBus") },
      EventPattern: { source: ["orders"], "detail-type": ["OrderCreated", "OrderCancelled"] },
      State: "ENABLED",
      // No input transformer: the function gets events as they were published.
      Targets: [
        {
          Id: "Target0",
          Arn: arn("ShippingQueue"),
          DeadLetterConfig: { Arn: arn("ShippingRuleDeadLetterQueue") },
        },
      ],
    });
    // Beside the schedule of the sweeper, which has no bus.
    template.resourceCountIs("AWS::Events::Rule", 2);
  });

  test("the queue takes messages from the rule alone, over TLS", () => {
    expect(queuePolicy(template, id("ShippingQueue"))).toEqual([
      refusesPlainText(id("ShippingQueue")),
      {
        ...fromRule("ShippingQueue"),
        Action: ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"],
      },
    ]);
  });

  test("the rule's dead-letter queue takes messages from the rule alone, over TLS", () => {
    expect(queuePolicy(template, id("ShippingRuleDeadLetterQueue"))).toEqual([
      refusesPlainText(id("ShippingRuleDeadLetterQueue")),
      {
        ...fromRule("ShippingRuleDeadLetterQueue"),
        Action: "sqs:SendMessage",
        Sid: expect.stringMatching(/^AllowEventRule/),
      },
    ]);
  });

  test("the queue's dead-letter queue lets nobody in by itself", () => {
    // SQS moves messages there without asking the policy.
    expect(queuePolicy(template, id("ShippingDeadLetterQueue"))).toEqual([
      refusesPlainText(id("ShippingDeadLetterQueue")),
    ]);
  });

  test("the function gets its table and half a minute, and logs like the others", () => {
    const properties = propertiesOf(template, "ShippingStartShipping");
    expect(properties).toMatchObject({
      Description: "Starts shipping what was ordered",
      Timeout: 30,
      TracingConfig: { Mode: "Active" },
      LoggingConfig: {
        LogFormat: "JSON",
        ApplicationLogLevel: logging[name].level,
        LogGroup: { Ref: id("ShippingStartShippingLogs") },
      },
    });
    expect(properties).toHaveProperty("Environment", {
      Variables: {
        SHIPMENTS_TABLE: { Ref: id("ShippingShipments") },
        AWS_SDK_UA_APP_ID: "start-shipping",
      },
    });
  });

  test("the queue drives the function with these settings and no others", () => {
    const mappings = template.findResources("AWS::Lambda::EventSourceMapping", {
      Properties: { FunctionName: { Ref: id("ShippingStartShipping") } },
    });
    expect(Object.values(mappings).map(({ Properties }) => Properties)).toEqual([
      {
        BatchSize: 10,
        EventSourceArn: arn("ShippingQueue"),
        FunctionName: { Ref: id("ShippingStartShipping") },
        FunctionResponseTypes: ["ReportBatchItemFailures"],
      },
    ]);
  });

  test("the function may read and write shipments, consume its queue, and nothing else", () => {
    expect(grants(template, /StartShipping/)).toEqual([
      "dynamodb:ConditionCheckItem on ShippingShipments",
      "dynamodb:GetItem on ShippingShipments",
      "dynamodb:PutItem on ShippingShipments",
      "logs:CreateLogStream on ShippingStartShippingLogs",
      "logs:PutLogEvents on ShippingStartShippingLogs",
      "sqs:DeleteMessage on ShippingQueue",
      "sqs:GetQueueAttributes on ShippingQueue",
      "sqs:ReceiveMessage on ShippingQueue",
      "xray:PutTelemetryRecords on *",
      "xray:PutTraceSegments on *",
    ]);
  });

  test("outputs name the table, the function and each queue", () => {
    for (const [output, prefix] of [
      ["ShipmentsTableName", "ShippingShipments"],
      ["StartShippingFunctionName", "ShippingStartShipping"],
      ["ShippingQueueUrl", "ShippingQueue"],
      ["ShippingDeadLetterQueueUrl", "ShippingDeadLetterQueue"],
      ["ShippingRuleDeadLetterQueueUrl", "ShippingRuleDeadLetterQueue"],
    ] as const) {
      template.hasOutput(output, { Value: { Ref: id(prefix) } });
    }
  });

  /** Lets EventBridge in, on behalf of the rule. */
  function fromRule(queue: string): object {
    return {
      Effect: "Allow",
      Principal: { Service: "events.amazonaws.com" },
      Resource: arn(queue),
      Condition: { ArnEquals: { "aws:SourceArn": arn("ShippingRule") } },
    };
  }

  function resource(prefix: string): Record<string, unknown> {
    return template.toJSON().Resources[id(prefix)];
  }

  function arn(prefix: string): object {
    return { "Fn::GetAtt": [id(prefix), "Arn"] };
  }

  function id(prefix: string): string {
    return logicalId(template, prefix);
  }
});
