// That the stacks of the recipes can be synthesized, and contain what the recipes say.
import { App, Stack } from "aws-cdk-lib";
import { Match, Template } from "aws-cdk-lib/assertions";
import { EventBus } from "aws-cdk-lib/aws-events";
import { Function as LambdaFunction, Runtime } from "aws-cdk-lib/aws-lambda";
import { TransactionalOutbox } from "transactional-outbox";
import { expect, test } from "vitest";
import { shiftRelayTraffic } from "./recipes/blue-green.ts";
import { fanOut } from "./recipes/fan-out.ts";
import { largeData } from "./recipes/large-data.ts";
import { exportSpans } from "./recipes/opentelemetry.ts";
import { severalOutboxes } from "./recipes/several-outboxes.ts";
import { placeholderCode } from "./template.ts";

test("each target of the fan-out has a dead-letter queue", () => {
  const stack = new Stack(new App(), "Stack");
  fanOut(stack, new EventBus(stack, "Bus"));
  const template = Template.fromStack(stack);
  const rules = Object.values(template.findResources("AWS::Events::Rule"));
  const targets = rules.flatMap(({ Properties }) => Properties.Targets);
  expect(targets).toHaveLength(3);
  for (const target of targets) {
    expect(target.DeadLetterConfig).toBeDefined();
  }
  template.hasResourceProperties("AWS::Events::Rule", {
    EventPattern: { source: ["orders"], detail: { tenantid: ["t-17"] } },
    Targets: [
      Match.objectLike({ InputPath: "$.detail", SqsParameters: { MessageGroupId: "orders" } }),
    ],
  });
  template.hasResourceProperties("AWS::SQS::Queue", { ContentBasedDeduplication: true });
  template.hasResourceProperties("AWS::Events::Rule", {
    Targets: [Match.objectLike({ KinesisParameters: { PartitionKeyPath: "$.detail.subject" } })],
  });
});

test("several outboxes share a bus and have tables, sources and outputs of their own", () => {
  const [shared, ...services] = severalOutboxes(new App(), placeholderCode());
  expect(services).toHaveLength(2);
  for (const stack of services) {
    const template = Template.fromStack(stack);
    template.resourceCountIs("AWS::DynamoDB::GlobalTable", 1);
    template.resourceCountIs("AWS::Events::EventBus", 0);
    template.hasOutput("EventSources", { Value: stack.stackName });
  }
  Template.fromStack(shared as Stack).resourceCountIs("AWS::Events::EventBus", 1);
});

test("CodeDeploy shifts the alias that the stream mapping invokes", () => {
  const stack = new Stack(new App(), "Stack");
  const code = placeholderCode();
  const outbox = new TransactionalOutbox(stack, "Outbox", {
    relayCode: code.of("publish-events"),
    sweeperCode: code.of("sweep-outbox"),
    sources: ["orders"],
  });
  shiftRelayTraffic(stack, outbox);
  const template = Template.fromStack(stack);
  template.hasResource("AWS::Lambda::Alias", {
    UpdatePolicy: { CodeDeployLambdaAliasUpdate: Match.anyValue() },
  });
  template.hasResourceProperties("AWS::CodeDeploy::DeploymentGroup", {
    AlarmConfiguration: { Enabled: true },
    AutoRollbackConfiguration: { Enabled: true },
  });
});

test("objects of the claim check expire, and a missing one is reported as missing", () => {
  const stack = new Stack(new App(), "Stack");
  const code = placeholderCode().of("create-order");
  const lambda = (id: string) =>
    new LambdaFunction(stack, id, {
      runtime: Runtime.PROVIDED_AL2023,
      handler: "bootstrap",
      code,
    });
  largeData(stack, lambda("Writer"), lambda("Consumer"));
  const template = Template.fromStack(stack);
  template.hasResourceProperties("AWS::S3::Bucket", {
    LifecycleConfiguration: {
      Rules: [{ ExpirationInDays: 180, Prefix: "claim-check/", Status: "Enabled" }],
    },
  });
  template.hasResourceProperties("AWS::IAM::Policy", {
    PolicyDocument: {
      Statement: [Match.objectLike({ Action: Match.arrayWith(["s3:GetObject*", "s3:List*"]) })],
    },
  });
});

test("relay and sweeper export their spans by the collector of a layer", () => {
  const stack = new Stack(new App(), "Stack");
  const code = placeholderCode();
  const outbox = new TransactionalOutbox(stack, "Outbox", {
    relayCode: code.of("publish-events"),
    sweeperCode: code.of("sweep-outbox"),
    sources: ["orders"],
  });
  const layer = "arn:aws:lambda:eu-central-1:123456789012:layer:collector:1";
  exportSpans(stack, layer, [outbox.relay, outbox.sweeper]);
  const template = Template.fromStack(stack);
  const traced = {
    Layers: [layer],
    Environment: {
      Variables: Match.objectLike({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318" }),
    },
  };
  template.resourcePropertiesCountIs("AWS::Lambda::Function", traced, 2);
});
