import { Match, type Template } from "aws-cdk-lib/assertions";
import { beforeAll, describe, expect, test } from "vitest";
import { environmentNames } from "../orders/environments.ts";
import { grants, ordersTemplate } from "./template.ts";

describe.each(environmentNames)("orders in %s", (name) => {
  const local = name === "local";
  const prod = name === "prod";
  let template: Template;

  beforeAll(() => {
    template = ordersTemplate(name);
  });

  test("only the outbox has a stream, of new images, and neither table has replicas", () => {
    template.resourceCountIs("AWS::DynamoDB::GlobalTable", 2);
    template.hasResourceProperties("AWS::DynamoDB::GlobalTable", {
      KeySchema: [
        { AttributeName: "aggregateId", KeyType: "HASH" },
        { AttributeName: "position", KeyType: "RANGE" },
      ],
      StreamSpecification: { StreamViewType: "NEW_IMAGE" },
      BillingMode: "PAY_PER_REQUEST",
      TimeToLiveSpecification: { AttributeName: "expiresAt", Enabled: true },
    });
    template.hasResourceProperties("AWS::DynamoDB::GlobalTable", {
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
      StreamSpecification: Match.absent(),
      BillingMode: "PAY_PER_REQUEST",
      TimeToLiveSpecification: { AttributeName: "expiresAt", Enabled: true },
    });
    template.allResourcesProperties("AWS::DynamoDB::GlobalTable", {
      Replicas: [Match.objectLike({ Region: { Ref: "AWS::Region" } })],
    });
  });

  test("tables are kept and protected where it matters", () => {
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
    template.resourceCountIs("AWS::Lambda::EventSourceMapping", 1);
    const mappings = template.findResources("AWS::Lambda::EventSourceMapping");
    expect(Object.keys(mappings)).toEqual(["OutboxStreamMapping"]);
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

  test("the dead-letter queue keeps messages for 14 days and redrives nothing", () => {
    template.resourceCountIs("AWS::SQS::Queue", 1);
    template.hasResourceProperties("AWS::SQS::Queue", {
      MessageRetentionPeriod: 14 * 24 * 60 * 60,
      RedrivePolicy: Match.absent(),
      SqsManagedSseEnabled: true,
    });
  });

  test("the bus outlives the stack outside of the local one", () => {
    template.hasResource("AWS::Events::EventBus", {
      Properties: { Name: `orders-${name}` },
      DeletionPolicy: local ? "Delete" : "Retain",
    });
  });

  test("functions are bootstraps for the right processor, with a deadline and a log level", () => {
    const architecture = local && process.arch !== "arm64" ? "x86_64" : "arm64";
    template.resourceCountIs("AWS::Lambda::Function", 3);
    template.allResourcesProperties("AWS::Lambda::Function", {
      Runtime: "provided.al2023",
      Handler: "bootstrap",
      Architectures: [architecture],
      LoggingConfig: Match.objectLike({
        LogFormat: "JSON",
        ApplicationLogLevel: local || name === "dev" ? "DEBUG" : "INFO",
      }),
    });
    template.hasResourceProperties("AWS::Lambda::Function", {
      Timeout: 60,
      Environment: {
        Variables: {
          OUTBOX_TABLE: { Ref: id("OutboxTable") },
          EVENT_BUS_NAME: { Ref: id("EventBus") },
          DEAD_LETTER_QUEUE_URL: { Ref: id("OutboxDeadLetterQueue") },
        },
      },
    });
    template.hasResourceProperties("AWS::Lambda::Function", {
      Timeout: 10,
      Environment: {
        Variables: {
          ORDERS_TABLE: { Ref: id("Orders") },
          OUTBOX_TABLE: { Ref: id("OutboxTable") },
        },
      },
    });
  });

  test("the relay may do what it does, on its own resources, and nothing else", () => {
    expect(grants(template, /OutboxRelay/)).toEqual([
      "dynamodb:BatchGetItem on OutboxTable",
      "dynamodb:BatchWriteItem on OutboxTable",
      "dynamodb:DescribeStream on OutboxTable stream",
      "dynamodb:GetRecords on OutboxTable stream",
      "dynamodb:GetShardIterator on OutboxTable stream",
      "dynamodb:ListStreams on OutboxTable stream",
      "dynamodb:UpdateItem on OutboxTable",
      "events:DescribeEventBus on EventBus",
      "events:PutEvents on EventBus",
      "sqs:GetQueueAttributes on OutboxDeadLetterQueue",
      "sqs:GetQueueUrl on OutboxDeadLetterQueue",
      "sqs:SendMessage on OutboxDeadLetterQueue",
    ]);
  });

  test("the sweeper runs every five minutes, and its next run is the retry", () => {
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
      Description: "Publishes what the stream of the outbox has left behind",
      Timeout: 240,
    });
  });

  test("the sweeper may read the table beside what the relay may, but no stream", () => {
    expect(grants(template, /OutboxSweeper/)).toEqual([
      "dynamodb:BatchGetItem on OutboxTable",
      "dynamodb:BatchWriteItem on OutboxTable",
      "dynamodb:Scan on OutboxTable",
      "dynamodb:UpdateItem on OutboxTable",
      "events:DescribeEventBus on EventBus",
      "events:PutEvents on EventBus",
      "sqs:SendMessage on OutboxDeadLetterQueue",
    ]);
  });

  test("create-order may read and write orders and only write events", () => {
    expect(grants(template, /CreateOrder/)).toEqual([
      "dynamodb:GetItem on Orders",
      "dynamodb:PutItem on Orders",
      "dynamodb:PutItem on OutboxTable",
    ]);
  });

  test("the operator may see and mend the outbox, pause and resume it, and nothing else", () => {
    expect(grants(template, /OutboxOperator/)).toEqual([
      `cloudformation:DescribeStacks on stack/orders-${name}/*`,
      "dynamodb:BatchGetItem on OutboxTable",
      "dynamodb:BatchWriteItem on OutboxTable",
      "dynamodb:DeleteItem on OutboxTable",
      "dynamodb:DescribeTable on OutboxTable",
      "dynamodb:GetItem on OutboxTable",
      "dynamodb:GetRecords on OutboxTable any stream",
      "dynamodb:GetShardIterator on OutboxTable any stream",
      "dynamodb:PutItem on OutboxTable",
      "dynamodb:Query on OutboxTable",
      "dynamodb:Scan on OutboxTable",
      "dynamodb:UpdateItem on OutboxTable",
      "events:DescribeEventBus on EventBus",
      "events:DescribeRule on OutboxSweepSchedule",
      "events:DisableRule on OutboxSweepSchedule",
      "events:EnableRule on OutboxSweepSchedule",
      "events:PutEvents on EventBus",
      "lambda:GetEventSourceMapping on OutboxStreamMapping",
      "lambda:UpdateEventSourceMapping on OutboxStreamMapping",
      "sqs:ChangeMessageVisibility on OutboxDeadLetterQueue",
      "sqs:DeleteMessage on OutboxDeadLetterQueue",
      "sqs:GetQueueAttributes on OutboxDeadLetterQueue",
      "sqs:ReceiveMessage on OutboxDeadLetterQueue",
      "sqs:SendMessage on OutboxDeadLetterQueue",
    ]);
  });

  test("the account alone decides who is an operator", () => {
    const partition = { Ref: "AWS::Partition" };
    const account = { Ref: "AWS::AccountId" };
    const role = template.toJSON().Resources[id("OutboxOperator")];
    // Nothing beside: no managed policy, no inline one.
    expect(role.Properties).toEqual({
      Description: "Sees what waits in the outbox and puts right what is stuck",
      AssumeRolePolicyDocument: {
        Version: "2012-10-17",
        Statement: [
          {
            Action: "sts:AssumeRole",
            Effect: "Allow",
            Principal: {
              AWS: { "Fn::Join": ["", ["arn:", partition, ":iam::", account, ":root"]] },
            },
          },
        ],
      },
    });
  });

  test("only IAM principals may place orders outside of the local stack", () => {
    template.resourceCountIs("AWS::ApiGatewayV2::Route", 1);
    template.hasResourceProperties("AWS::ApiGatewayV2::Route", {
      RouteKey: "POST /orders",
      AuthorizationType: local ? "NONE" : "AWS_IAM",
    });
  });

  test("what people and tools need to know is an output", () => {
    expect(Object.keys(template.findOutputs("*")).sort()).toEqual([
      "ApiUrl",
      "CreateOrderFunctionName",
      "DeadLetterQueueUrl",
      "EventBusName",
      "OperatorRoleArn",
      "OrdersTableName",
      "OutboxTableName",
      "PublishEventsFunctionName",
      "StreamMappingId",
      "SweepOutboxFunctionName",
      "SweepScheduleName",
    ]);
  });

  /** The logical id that begins with a construct path. */
  function id(prefix: string): string {
    const resources: Record<string, unknown> = template.toJSON().Resources;
    const found = Object.keys(resources).find((logicalId) =>
      new RegExp(`^${prefix}[0-9A-F]{8}$`).test(logicalId),
    );
    return found ?? `no resource ${prefix}`;
  }
});
