import { Token } from "aws-cdk-lib";
import { Match, type Template } from "aws-cdk-lib/assertions";
import { beforeAll, describe, expect, test } from "vitest";
import { environmentNames } from "../orders/environments.ts";
import {
  denyPlainText,
  logging,
  logicalId,
  ordersStack,
  ordersTemplate,
  outputsForOutboxctl,
  placeOf,
  propertiesOf,
  queuePolicy,
} from "./template.ts";

describe.each(environmentNames)("orders in %s", (name) => {
  const local = name === "local";
  const prod = name === "prod";
  let template: Template;

  beforeAll(() => {
    template = ordersTemplate(name);
  });

  test("only the outbox has a stream, of new images, and no table has replicas", () => {
    template.resourceCountIs("AWS::DynamoDB::GlobalTable", 3);
    const streams = Object.values(template.findResources("AWS::DynamoDB::GlobalTable")).filter(
      ({ Properties }) => Properties.StreamSpecification !== undefined,
    );
    expect(streams).toHaveLength(1);
    template.hasResourceProperties("AWS::DynamoDB::GlobalTable", {
      KeySchema: [
        { AttributeName: "aggregateId", KeyType: "HASH" },
        { AttributeName: "position", KeyType: "RANGE" },
      ],
      StreamSpecification: { StreamViewType: "NEW_IMAGE" },
      BillingMode: "PAY_PER_REQUEST",
      TimeToLiveSpecification: { AttributeName: "expiresAt", Enabled: true },
    });
    expect(propertiesOf(template, "Orders")).toMatchObject({
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
      BillingMode: "PAY_PER_REQUEST",
      TimeToLiveSpecification: { AttributeName: "expiresAt", Enabled: true },
    });
    template.allResourcesProperties("AWS::DynamoDB::GlobalTable", {
      Replicas: [Match.objectLike({ Region: placeOf(name).region })],
    });
  });

  test("tables are retained and protected in prod only", () => {
    template.allResources("AWS::DynamoDB::GlobalTable", {
      DeletionPolicy: prod ? "Retain" : "Delete",
      UpdateReplacePolicy: prod ? "Retain" : "Delete",
    });
    const tables = template.findResources("AWS::DynamoDB::GlobalTable");
    for (const table of Object.values(tables)) {
      const [replica] = table.Properties.Replicas;
      expect(replica.DeletionProtectionEnabled).toBe(prod);
      expect(replica.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled).toBe(
        name === "prod" || name === "staging",
      );
    }
  });

  test("the stream drives the relay with these settings and no others", () => {
    template.resourceCountIs("AWS::Lambda::EventSourceMapping", 2);
    const mappings = template.findResources("AWS::Lambda::EventSourceMapping");
    expect(mappings.OutboxStreamMapping?.Properties).toEqual({
      Enabled: !local,
      BatchSize: 100,
      BisectBatchOnFunctionError: true,
      DestinationConfig: {
        OnFailure: { Destination: { "Fn::GetAtt": [id("OutboxDeadLetterQueue"), "Arn"] } },
      },
      EventSourceArn: { "Fn::GetAtt": [id("OutboxTable"), "StreamArn"] },
      FilterCriteria: { Filters: [{ Pattern: '{"eventName":["INSERT"]}' }] },
      FunctionName: expect.anything(),
      FunctionResponseTypes: ["ReportBatchItemFailures"],
      MaximumBatchingWindowInSeconds: 0,
      MaximumRecordAgeInSeconds: 82_800,
      MaximumRetryAttempts: 30,
      MetricsConfig: { Metrics: ["EventCount"] },
      ParallelizationFactor: 1,
      StartingPosition: "TRIM_HORIZON",
    });
  });

  test("the mapping invokes an alias", () => {
    template.hasResourceProperties("AWS::Lambda::Alias", { Name: "live" });
    const mapping = template.toJSON().Resources.OutboxStreamMapping;
    const target = JSON.stringify(mapping.Properties.FunctionName);
    expect(target).toContain(id("OutboxRelayAlias"));
    expect(target).toContain(":live");
  });

  test("the outbox's dead-letter queue keeps messages for 14 days and redrives nothing", () => {
    expect(propertiesOf(template, "OutboxDeadLetterQueue")).toEqual({
      MessageRetentionPeriod: 14 * 24 * 60 * 60,
      SqsManagedSseEnabled: true,
    });
  });

  test("every queue is encrypted, at rest and in transit", () => {
    template.resourceCountIs("AWS::SQS::Queue", 4);
    template.allResourcesProperties("AWS::SQS::Queue", { SqsManagedSseEnabled: true });
    for (const queue of Object.keys(template.findResources("AWS::SQS::Queue"))) {
      expect(queuePolicy(template, queue)).toContainEqual(denyPlainText(queue));
    }
  });

  test("the bus outlives the stack outside of the local one", () => {
    template.hasResource("AWS::Events::EventBus", {
      Properties: { Name: `orders-${name}` },
      DeletionPolicy: local ? "Delete" : "Retain",
    });
  });

  test("functions have the processor, the timeout and the log level", () => {
    const architecture = local && process.arch !== "arm64" ? "x86_64" : "arm64";
    template.resourceCountIs("AWS::Lambda::Function", 6);
    template.allResourcesProperties("AWS::Lambda::Function", {
      Runtime: "provided.al2023",
      Handler: "bootstrap",
      Architectures: [architecture],
      LoggingConfig: Match.objectLike({
        LogFormat: "JSON",
        ApplicationLogLevel: logging[name].level,
      }),
    });
    template.hasResourceProperties("AWS::Lambda::Function", {
      Timeout: 60,
      Environment: {
        Variables: {
          OUTBOX_TABLE: { Ref: id("OutboxTable") },
          EVENT_BUS_NAME: { Ref: id("EventBus") },
          EVENT_SOURCES: "orders",
          LOOK_UP: "Always",
          DEAD_LETTER_QUEUE_URL: { Ref: id("OutboxDeadLetterQueue") },
          AWS_SDK_UA_APP_ID: "publish-events",
        },
      },
    });
  });

  test("a function of the API gets its tables, the bus if it publishes at once, and a timeout of 10 s", () => {
    const orders = {
      ORDERS_TABLE: { Ref: id("Orders") },
      ...(local && { ALLOW_ANONYMOUS_CALLERS: "true" }),
    };
    const ordersAndOutbox = {
      ...orders,
      OUTBOX_TABLE: { Ref: id("OutboxTable") },
      EVENT_BUS_NAME: { Ref: id("EventBus") },
      EVENT_ORDER: "InSequence",
    };
    for (const [handler, crate, Description, tables] of [
      ["CreateOrder", "create-order", "POST /orders", ordersAndOutbox],
      ["CancelOrder", "cancel-order", "POST /orders/{id}/cancel", ordersAndOutbox],
      ["GetOrder", "get-order", "GET /orders/{id}", orders],
    ] as const) {
      const properties = propertiesOf(template, handler);
      expect(properties).toMatchObject({ Description, Timeout: 10 });
      expect(properties).toHaveProperty("Environment", {
        Variables: { ...tables, AWS_SDK_UA_APP_ID: crate },
      });
    }
  });

  test("every function sends its crate's name with its calls", () => {
    const functions = Object.entries(template.findResources("AWS::Lambda::Function"));
    const outputs = Object.entries(template.findOutputs("*"));
    for (const [logicalId, { Properties }] of functions) {
      const [output] = outputs.find(([, { Value }]) => Value.Ref === logicalId) ?? [];
      const crate = Properties.Environment.Variables.AWS_SDK_UA_APP_ID.replaceAll("-", "");
      expect(output?.toLowerCase(), logicalId).toBe(`${crate}functionname`);
    }
  });

  test("the API's and the functions' logs have the environment's retention", () => {
    template.resourceCountIs("AWS::Logs::LogGroup", 7);
    template.allResourcesProperties("AWS::Logs::LogGroup", {
      RetentionInDays: logging[name].retentionInDays,
    });
  });

  test("logs are retained in prod only", () => {
    template.allResources("AWS::Logs::LogGroup", {
      DeletionPolicy: prod ? "Retain" : "Delete",
      UpdateReplacePolicy: prod ? "Retain" : "Delete",
    });
  });

  test("functions are traced, except the relay and the sweeper", () => {
    const functions = Object.entries(template.findResources("AWS::Lambda::Function"));
    const modes = functions.map(([logicalId, { Properties }]) => [
      logicalId.slice(0, -8),
      Properties.TracingConfig?.Mode ?? "not set",
    ]);
    expect(Object.fromEntries(modes)).toEqual({
      CancelOrder: "Active",
      CreateOrder: "Active",
      GetOrder: "Active",
      OutboxRelay: "not set",
      OutboxSweeper: "not set",
      ShippingStartShipping: "Active",
    });
  });

  test("the sweeper runs every five minutes and is not retried", () => {
    template.hasResourceProperties("AWS::Events::Rule", {
      ScheduleExpression: "rate(5 minutes)",
      State: "ENABLED",
      Targets: [
        Match.objectLike({
          Arn: { "Fn::GetAtt": [id("OutboxSweeper"), "Arn"] },
          RetryPolicy: { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 },
        }),
      ],
    });
    template.hasResourceProperties("AWS::Lambda::EventInvokeConfig", {
      FunctionName: { Ref: id("OutboxSweeper") },
      MaximumEventAgeInSeconds: 60,
      MaximumRetryAttempts: 0,
    });
    template.hasResourceProperties("AWS::Lambda::Function", {
      Description: "Publishes events of the outbox that the stream missed",
      Timeout: 240,
    });
  });

  test("nothing in the environment of a function is a secret", () => {
    const variables = Object.values(template.findResources("AWS::Lambda::Function")).flatMap(
      ({ Properties }) => Object.entries<unknown>(Properties.Environment.Variables),
    );
    expect([...new Set(variables.map(([variable]) => variable))].sort()).toEqual([
      // In the local stack alone a request without an identity has a caller.
      ...(local ? ["ALLOW_ANONYMOUS_CALLERS"] : []),
      "AWS_SDK_UA_APP_ID",
      "DEAD_LETTER_QUEUE_URL",
      "EVENT_ACCOUNT",
      "EVENT_BUS_NAME",
      "EVENT_ORDER",
      "EVENT_SOURCES",
      "GRACE_PERIOD_SECONDS",
      "LOOK_UP",
      "ORDERS_TABLE",
      "OUTBOX_TABLE",
      "SHIPMENTS_TABLE",
    ]);
    for (const [variable, value] of variables) {
      // A reference to a resource, except a switch, a number, an account, the events' source and the name of a crate.
      const expected = {
        ALLOW_ANONYMOUS_CALLERS: "true",
        GRACE_PERIOD_SECONDS: "900",
        EVENT_ACCOUNT: local ? "000000000000" : { Ref: "AWS::AccountId" },
        EVENT_SOURCES: "orders",
        EVENT_ORDER: "InSequence",
        LOOK_UP: "Always",
        AWS_SDK_UA_APP_ID: expect.stringMatching(/^[a-z]+-[a-z]+$/),
      }[variable] ?? { Ref: expect.any(String) };
      expect(value, variable).toEqual(expected);
    }
  });

  test("the API is throttled and has an access log", () => {
    template.resourceCountIs("AWS::ApiGatewayV2::Stage", 1);
    const stage = propertiesOf(template, "ApiDefaultStage") as {
      AccessLogSettings: { Format: string };
    };
    expect(stage).toMatchObject({
      StageName: "$default",
      AutoDeploy: true,
      DefaultRouteSettings: { ThrottlingRateLimit: 400, ThrottlingBurstLimit: 800 },
      AccessLogSettings: { DestinationArn: { "Fn::GetAtt": [id("ApiAccessLogs"), "Arn"] } },
    });
    expect(JSON.parse(stage.AccessLogSettings.Format)).toMatchObject({
      caller: "$context.identity.userArn",
      requestId: "$context.requestId",
      // The id that the function's log lines have, too.
      functionRequestId: "$context.integration.requestId",
      routeKey: "$context.routeKey",
      status: "$context.status",
    });
  });

  test("the stack is protected from deletion in prod only", () => {
    expect(ordersStack(name).terminationProtection).toBe(prod);
  });

  test("the local stack can be deployed to no other account", () => {
    const { account, region } = ordersStack(name);
    expect(Token.isUnresolved(account)).toBe(!local);
    expect(Token.isUnresolved(region)).toBe(!local);
    const { PinnedAccount: rule } = template.toJSON().Rules ?? {};
    expect(rule?.Assertions).toEqual(
      local
        ? [
            {
              Assert: { "Fn::Equals": [{ Ref: "AWS::AccountId" }, "000000000000"] },
              AssertDescription: expect.stringContaining("for the local AWS"),
            },
          ]
        : undefined,
    );
    if (local) {
      expect({ account, region }).toEqual({ account: "000000000000", region: "eu-central-1" });
    }
  });

  test("each route has its function, with IAM outside of the local stack", () => {
    const routes = Object.values(template.findResources("AWS::ApiGatewayV2::Route"));
    const handlers = routes.map(({ Properties }) => [Properties.RouteKey, handlerOf(Properties)]);
    expect(Object.fromEntries(handlers)).toEqual({
      "POST /orders": id("CreateOrder"),
      "POST /orders/{id}/cancel": id("CancelOrder"),
      "GET /orders/{id}": id("GetOrder"),
    });
    template.allResourcesProperties("AWS::ApiGatewayV2::Route", {
      AuthorizationType: local ? "NONE" : "AWS_IAM",
    });
  });

  test("nothing is published before shipping's rule exists", () => {
    const resources = template.toJSON().Resources;
    const rule = logicalId(template, "ShippingRule");
    const others = ["OutboxSweepSchedule", "CreateOrder", "CancelOrder"].map(id);
    for (const publisher of ["OutboxStreamMapping", ...others]) {
      expect(resources[publisher].DependsOn).toContain(rule);
    }
  });

  test("the stack has these outputs and no others", () => {
    expect(Object.keys(template.findOutputs("*")).sort()).toEqual([
      "ApiUrl",
      "CancelOrderFunctionName",
      "CreateOrderFunctionName",
      "DeadLetterQueueUrl",
      "EventBusName",
      "EventOrder",
      "EventSources",
      "GetOrderFunctionName",
      "OperatorRoleArn",
      "OrdersTableName",
      "OutboxTableName",
      ...(local ? [] : ["PageTopicArn"]),
      "PublishEventsFunctionName",
      "ShipmentsTableName",
      "ShippingDeadLetterQueueUrl",
      "ShippingQueueUrl",
      "ShippingRuleDeadLetterQueueUrl",
      "StartShippingFunctionName",
      "StreamMappingId",
      "SweepOutboxFunctionName",
      "SweepScheduleName",
      ...(local ? [] : ["TicketTopicArn"]),
    ]);
  });

  test("every output that outboxctl reads exists", () => {
    expect(Object.keys(template.findOutputs("*"))).toEqual(
      expect.arrayContaining(outputsForOutboxctl()),
    );
    expect(outputsForOutboxctl()).toContain("OutboxTableName");
  });

  /** Returns the function that a route's integration calls. */
  function handlerOf(route: { Target: unknown }): unknown {
    const [, integration = ""] = /"Ref":"(\w+)"/.exec(JSON.stringify(route.Target)) ?? [];
    const { IntegrationUri } = template.toJSON().Resources[integration].Properties;
    return IntegrationUri["Fn::GetAtt"][0];
  }

  function id(prefix: string): string {
    return logicalId(template, prefix);
  }
});
