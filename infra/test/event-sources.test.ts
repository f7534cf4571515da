// That an outbox publishes events of its own sources only, and that its bus may reject other publishers.
import { readFileSync } from "node:fs";
import { App, Stack } from "aws-cdk-lib";
import { Match, Template } from "aws-cdk-lib/assertions";
import { EventBus } from "aws-cdk-lib/aws-events";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { describe, expect, test } from "vitest";
import { environmentNames } from "../orders/environments.ts";
import { EVENT_SOURCE } from "../orders/event-source.ts";
import { TransactionalOutbox, type TransactionalOutboxProps } from "../outbox/index.ts";
import { logicalId, ordersTemplate, placeholderCode, statements } from "./template.ts";

const code = placeholderCode();

function stackWith(
  sources: readonly string[],
  props: (stack: Stack) => Partial<TransactionalOutboxProps> = () => ({}),
): Stack {
  const stack = new Stack(new App(), "Stack");
  const outbox = new TransactionalOutbox(stack, "Outbox", {
    relayCode: code.of("publish-events"),
    sweeperCode: code.of("sweep-outbox"),
    sources,
    ...props(stack),
  });
  outbox.addOperatorOutputs();
  return stack;
}

test.each<[string, readonly string[], string]>([
  ["none", [], "sources is empty: give the CloudEvents sources of the events"],
  ["an empty one", ["orders", ""], 'sources[1], "", is empty'],
  ["a line feed", ["or\nders"], 'sources[0], "or\\nders", contains a control character'],
  ["a C1 control", ["or\u009bders"], "contains a control character"],
  ["a comma", ["orders,payments"], 'sources[0], "orders,payments", contains a comma'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: IAM's syntax, not TypeScript's.
  ["a policy variable", ["${aws:username}"], "contains a policy variable, which IAM would replace"],
  ["257 characters", ["a".repeat(257)], "is longer than the 256 characters"],
  ["a source of AWS", ["aws.s3"], 'sources[0], "aws.s3", begins with aws., which only AWS'],
])("%s is rejected", (_, sources, message) => {
  expect(() => stackWith(sources)).toThrow(message);
});

test("a token is rejected, since it can't be checked", () => {
  expect(() => stackWith([new Stack().stackId])).toThrow(
    "is known only when the stack is deployed",
  );
});

test("256 characters of any kind are accepted", () => {
  expect(() => stackWith(["é".repeat(256), "https://example.com/orders", "awsome"])).not.toThrow();
});

test("functions and outboxctl get all sources", () => {
  const template = Template.fromStack(stackWith(["orders", "payments"]));
  template.allResourcesProperties("AWS::Lambda::Function", {
    Environment: { Variables: { EVENT_SOURCES: "orders,payments" } },
  });
  template.hasOutput("EventSources", { Value: "orders,payments" });
});

test.each([/OutboxRelay/, /OutboxSweeper/, /OutboxOperator/])(
  "%s may publish events of these sources and no others",
  (role) => {
    const template = Template.fromStack(stackWith(["orders", "payments"]));
    const publishing = statements(template, role).filter(({ Action }) =>
      [Action].flat().includes("events:PutEvents"),
    );
    expect(publishing).toEqual([
      {
        Effect: "Allow",
        Action: "events:PutEvents",
        Resource: { "Fn::GetAtt": [logicalId(template, "OutboxEventBus"), "Arn"] },
        Condition: { "ForAllValues:StringEquals": { "events:source": ["orders", "payments"] } },
      },
    ]);
  },
);

test.each(["create-order", "cancel-order"])("%s appends with the app's source", (crate) => {
  const main = readFileSync(new URL(`../../lambdas/${crate}/src/main.rs`, import.meta.url), "utf8");
  expect(main).toContain(`const SOURCE: &str = "${EVENT_SOURCE}";`);
});

describe("the policy of the bus", () => {
  test("rejects every publisher but the relay, the sweeper and the operator", () => {
    const template = Template.fromStack(
      stackWith(["orders"], () => ({ rejectOtherPublishers: true })),
    );
    const bus = logicalId(template, "OutboxEventBus");
    const roles = ["OutboxRelayRole", "OutboxSweeperRole", "OutboxOperator"];
    template.resourceCountIs("AWS::Events::EventBusPolicy", 1);
    template.hasResourceProperties("AWS::Events::EventBusPolicy", {
      EventBusName: { Ref: bus },
      Statement: {
        Sid: Match.stringLikeRegexp("RejectOtherPublishers$"),
        Effect: "Deny",
        Principal: "*",
        Action: "events:PutEvents",
        Resource: { "Fn::GetAtt": [bus, "Arn"] },
        Condition: {
          ArnNotEquals: {
            "aws:PrincipalArn": roles.map((role) => ({
              "Fn::GetAtt": [logicalId(template, role), "Arn"],
            })),
          },
          Bool: { "aws:PrincipalIsAWSService": "false" },
        },
      },
    });
  });

  test("admits other publishers that the app names", () => {
    const template = Template.fromStack(
      stackWith(["orders"], (stack) => ({
        rejectOtherPublishers: true,
        otherPublishers: [
          new Role(stack, "Forwarder", { assumedBy: new ServicePrincipal("events.amazonaws.com") }),
          "arn:aws:iam::111122223333:role/invoicing",
          "arn:aws:iam::111122223333:role/invoicing-*",
        ],
      })),
    );
    template.hasResourceProperties("AWS::Events::EventBusPolicy", {
      Statement: {
        Effect: "Deny",
        Condition: {
          ArnNotEquals: {
            "aws:PrincipalArn": [
              "OutboxRelayRole",
              "OutboxSweeperRole",
              "OutboxOperator",
              "Forwarder",
            ]
              .map((role): unknown => ({ "Fn::GetAtt": [logicalId(template, role), "Arn"] }))
              .concat([
                "arn:aws:iam::111122223333:role/invoicing",
                "arn:aws:iam::111122223333:role/invoicing-*",
              ]),
          },
          Bool: { "aws:PrincipalIsAWSService": "false" },
        },
      },
    });
  });

  test.each([
    "",
    "*",
    "111122223333",
    "arn:aws:iam::111122223333:root",
    "arn:aws:sts::111122223333:assumed-role/invoicing/session",
    "arn:aws:lambda:eu-central-1:111122223333:function:invoicing",
  ])("can't admit %j, which is no role or user", (arn) => {
    const stack = () =>
      stackWith(["orders"], () => ({ rejectOtherPublishers: true, otherPublishers: [arn] }));
    expect(stack).toThrow(
      `otherPublishers[0], ${JSON.stringify(arn)}, is not the ARN of a role or a user: ` +
        "write one like arn:aws:iam::111122223333:role/name",
    );
  });

  test("can't name publishers without rejecting the others", () => {
    const otherPublishers = ["arn:aws:iam::111122223333:role/invoicing"];
    expect(() => stackWith(["orders"], () => ({ otherPublishers }))).toThrow(
      "otherPublishers has no effect without rejectOtherPublishers",
    );
  });

  test("is none by default", () => {
    const template = Template.fromStack(stackWith(["orders"]));
    template.resourceCountIs("AWS::Events::EventBusPolicy", 0);
  });

  test("can't be set for an imported bus", () => {
    const imported = (stack: Stack) => ({
      eventBus: EventBus.fromEventBusName(stack, "Bus", "company"),
      rejectOtherPublishers: true,
    });
    expect(() => stackWith(["orders"], imported)).toThrow(
      "rejectOtherPublishers needs a bus of this app, but eventBus Stack/Bus is imported: " +
        "set the policy where the bus is created",
    );
  });

  test.each(environmentNames)("is there in %s, unless that is local", (name) => {
    const template = ordersTemplate(name);
    const policies = Object.values(template.findResources("AWS::Events::EventBusPolicy"));
    const admitted = policies.map(
      ({ Properties }) => Properties.Statement.Condition.ArnNotEquals["aws:PrincipalArn"],
    );
    const roles = [
      "OutboxRelayRole",
      "OutboxSweeperRole",
      "OutboxOperator",
      // They publish at once.
      "CreateOrderRole",
      "CancelOrderRole",
    ].map((role) => ({ "Fn::GetAtt": [logicalId(template, role), "Arn"] }));
    expect(admitted).toEqual(name === "local" ? [] : [roles]);
  });
});
