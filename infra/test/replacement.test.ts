import { describe, expect, test } from "vitest";
import { environmentNames } from "../orders/environments.ts";
import { ordersTemplate } from "./template.ts";

/**
 * The properties whose change makes CloudFormation replace a resource, or create a new
 * stream of a table. A changed logical id is always a new resource.
 */
const REPLACING: Readonly<Record<string, readonly string[]>> = {
  "AWS::ApiGatewayV2::Api": ["ProtocolType"],
  "AWS::DynamoDB::GlobalTable": [
    "TableName",
    "KeySchema",
    "AttributeDefinitions",
    "LocalSecondaryIndexes",
    "StreamSpecification",
  ],
  "AWS::Events::EventBus": ["Name"],
  "AWS::Lambda::EventSourceMapping": [
    "EventSourceArn",
    "StartingPosition",
    "StartingPositionTimestamp",
  ],
  "AWS::SQS::Queue": ["QueueName", "FifoQueue"],
};

const byKey = {
  KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
  AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
};

// A difference here means that a deploy loses something: the items of a table, the events
// of a queue or a bus, a mapping's position in the stream, or the API's URL.
describe.each(environmentNames)("an update of %s replaces", (name) => {
  const resources: Record<string, Resource> = ordersTemplate(name).toJSON().Resources;

  test("no table, and not the outbox's stream", () => {
    expect(resourcesOf(resources, "AWS::DynamoDB::GlobalTable")).toEqual({
      OrdersA9B65338: byKey,
      ShippingShipments34DDDF2D: byKey,
      OutboxTableF17138FA: {
        KeySchema: [
          { AttributeName: "aggregateId", KeyType: "HASH" },
          { AttributeName: "position", KeyType: "RANGE" },
        ],
        AttributeDefinitions: [
          { AttributeName: "aggregateId", AttributeType: "S" },
          { AttributeName: "position", AttributeType: "S" },
        ],
        StreamSpecification: { StreamViewType: "NEW_IMAGE" },
      },
    });
  });

  test("not the bus", () => {
    expect(resourcesOf(resources, "AWS::Events::EventBus")).toEqual({
      EventBus7B8748AA: { Name: `orders-${name}` },
    });
  });

  test("no mapping", () => {
    expect(resourcesOf(resources, "AWS::Lambda::EventSourceMapping")).toEqual({
      OutboxStreamMapping: {
        EventSourceArn: { "Fn::GetAtt": ["OutboxTableF17138FA", "StreamArn"] },
        StartingPosition: "TRIM_HORIZON",
      },
      ShippingStartShippingQueueMappingE15C4D69: {
        EventSourceArn: { "Fn::GetAtt": ["ShippingQueue6957D966", "Arn"] },
      },
    });
  });

  test("no queue", () => {
    expect(resourcesOf(resources, "AWS::SQS::Queue")).toEqual({
      OutboxDeadLetterQueue99946628: {},
      ShippingQueue6957D966: {},
      ShippingDeadLetterQueue2C4BAF0C: {},
      ShippingRuleDeadLetterQueue220929F7: {},
    });
  });

  test("not the API", () => {
    expect(resourcesOf(resources, "AWS::ApiGatewayV2::Api")).toEqual({
      ApiF70053CD: { ProtocolType: "HTTP" },
    });
  });
});

interface Resource {
  readonly Type: string;
  readonly Properties?: Record<string, unknown>;
}

/** Returns the resources of a type: logical ids with the properties of `REPLACING`. */
function resourcesOf(resources: Record<string, Resource>, type: string): Record<string, unknown> {
  const found = Object.entries(resources).filter(([, { Type }]) => Type === type);
  return Object.fromEntries(
    found.map(([logicalId, { Properties = {} }]) => [
      logicalId,
      Object.fromEntries(
        Object.entries(Properties).filter(([property]) => REPLACING[type]?.includes(property)),
      ),
    ]),
  );
}
