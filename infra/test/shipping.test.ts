import type { Template } from "aws-cdk-lib/assertions";
import { beforeAll, describe, expect, test } from "vitest";
import { environmentNames } from "../orders/environments.ts";
import {
  denyPlainText,
  grants,
  logging,
  logicalId,
  ordersTemplate,
  placeOf,
  propertiesOf,
  queuePolicy,
} from "./template.ts";

const DAY = 24 * 60 * 60;

describe.each(environmentNames)("shipping in %s", (name) => {
  const prod = name === "prod";
  let template: Template;

  beforeAll(() => {
    template = ordersTemplate(name);
  });

  test("shipments have one key, a time to live, and no stream", () => {
    expect(propertiesOf(template, "ShippingShipments")).toEqual({
      AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
      BillingMode: "PAY_PER_REQUEST",
      TimeToLiveSpecification: { AttributeName: "expiresAt", Enabled: true },
      Replicas: [
        {
          Region: placeOf(name).region,
          DeletionProtectionEnabled: prod,
          PointInTimeRecoverySpecification: {
            PointInTimeRecoveryEnabled: prod || name === "staging",
          },
        },
      ],
    });
  });

  test("shipments are retained and protected like orders", () => {
    const { Properties: orders, ...ordersPolicies } = resource("Orders");
    const { Properties: shipments, ...shipmentsPolicies } = resource("ShippingShipments");
    expect(shipments).toEqual(orders);
    expect(shipmentsPolicies).toEqual(ordersPolicies);
  });

  test("the queue has these timeouts and a limit of five receives", () => {
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

  test("queues are retained like tables, since they hold the only copy", () => {
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

  test("the rule sends orders' events to the queue, with its own DLQ", () => {
    expect(propertiesOf(template, "ShippingRule")).toEqual({
      Description: "Sends events of orders to shipping",
      EventBusName: { Ref: id("EventBus") },
      EventPattern: { source: ["orders"], "detail-type": ["OrderCreated", "OrderCancelled"] },
      State: "ENABLED",
      // No input transformer: the function receives events as they were published.
      Targets: [
        {
          Id: "Target0",
          Arn: arn("ShippingQueue"),
          DeadLetterConfig: { Arn: arn("ShippingRuleDeadLetterQueue") },
        },
      ],
    });
    // The other rule is the schedule of the sweeper, which has no bus.
    template.resourceCountIs("AWS::Events::Rule", 2);
  });

  test("the queue accepts messages from the rule only, over TLS", () => {
    expect(queuePolicy(template, id("ShippingQueue"))).toEqual([
      denyPlainText(id("ShippingQueue")),
      {
        ...fromRule("ShippingQueue"),
        Action: ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"],
      },
    ]);
  });

  test("the rule's DLQ accepts messages from the rule only, over TLS", () => {
    expect(queuePolicy(template, id("ShippingRuleDeadLetterQueue"))).toEqual([
      denyPlainText(id("ShippingRuleDeadLetterQueue")),
      {
        ...fromRule("ShippingRuleDeadLetterQueue"),
        Action: "sqs:SendMessage",
        Sid: expect.stringMatching(/^AllowEventRule/),
      },
    ]);
  });

  test("the queue's DLQ accepts messages from no principal", () => {
    // SQS itself moves messages there, which needs no policy.
    expect(queuePolicy(template, id("ShippingDeadLetterQueue"))).toEqual([
      denyPlainText(id("ShippingDeadLetterQueue")),
    ]);
  });

  test("the function has its table, 30 s, and logs like the others", () => {
    const properties = propertiesOf(template, "ShippingStartShipping");
    expect(properties).toMatchObject({
      Description: "Starts and stops shipments of orders",
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
        DEAD_LETTER_QUEUE_URL: { Ref: id("ShippingDeadLetterQueue") },
        EVENT_ACCOUNT: name === "local" ? "000000000000" : { Ref: "AWS::AccountId" },
        SHIPMENTS_TABLE: { Ref: id("ShippingShipments") },
        AWS_SDK_UA_APP_ID: "start-shipping",
      },
    });
  });

  test("the queue invokes the function with these settings", () => {
    const mappings = template.findResources("AWS::Lambda::EventSourceMapping", {
      Properties: { FunctionName: { Ref: id("ShippingStartShipping") } },
    });
    expect(Object.values(mappings).map(({ Properties }) => Properties)).toEqual([
      {
        BatchSize: 10,
        EventSourceArn: arn("ShippingQueue"),
        FunctionName: { Ref: id("ShippingStartShipping") },
        FunctionResponseTypes: ["ReportBatchItemFailures"],
        ScalingConfig: { MaximumConcurrency: 20 },
      },
    ]);
  });

  test("the function has these permissions, and no others", () => {
    expect(grants(template, /StartShipping/)).toEqual([
      "dynamodb:ConditionCheckItem on ShippingShipments",
      "dynamodb:GetItem on ShippingShipments",
      "dynamodb:PutItem on ShippingShipments",
      "logs:CreateLogStream on ShippingStartShippingLogs",
      "logs:PutLogEvents on ShippingStartShippingLogs",
      "sqs:DeleteMessage on ShippingQueue",
      "sqs:GetQueueAttributes on ShippingQueue",
      "sqs:ReceiveMessage on ShippingQueue",
      "sqs:SendMessage on ShippingDeadLetterQueue",
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

  /** Allows EventBridge to send messages for the rule. */
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
