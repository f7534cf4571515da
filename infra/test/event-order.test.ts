// In which order an outbox publishes the events of an aggregate.
import { App, Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { expect, test } from "vitest";
import { type EventOrder, TransactionalOutbox } from "../outbox/index.ts";
import { grants, placeholderCode } from "./template.ts";

const code = placeholderCode();

function synthesized(order?: EventOrder): Template {
  const stack = new Stack(new App(), "Stack");
  const outbox = new TransactionalOutbox(stack, "Outbox", {
    relayCode: code.of("publish-events"),
    sweeperCode: code.of("sweep-outbox"),
    sources: ["orders"],
    ...(order && { order }),
  });
  outbox.addOperatorOutputs();
  return Template.fromStack(stack);
}

test.each([
  [undefined, "InSequence", true],
  ["InSequence", "InSequence", true],
  ["Strict", "Strict", true],
  ["BestEffort", "BestEffort", false],
] as const)(
  "order %s: functions and operators know it, and the relay may read what precedes",
  (order, name, reads) => {
    const template = synthesized(order);
    template.resourcePropertiesCountIs(
      "AWS::Lambda::Function",
      { Environment: { Variables: { EVENT_ORDER: name } } },
      2,
    );
    template.hasOutput("EventOrder", { Value: name });
    const relay = grants(template, /OutboxRelay/);
    expect(relay.some((grant) => grant.startsWith("dynamodb:Query "))).toBe(reads);
  },
);

test("an unknown order is rejected", () => {
  expect(() => synthesized("sorted" as EventOrder)).toThrow(
    'order is "sorted": use one of InSequence, Strict, BestEffort',
  );
});
