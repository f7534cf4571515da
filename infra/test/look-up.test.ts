// Which records the relay looks up before it publishes them.
import { App, Stack } from "aws-cdk-lib";
import { Match, Template } from "aws-cdk-lib/assertions";
import { expect, test } from "vitest";
import { type LookUp, TransactionalOutbox } from "../outbox/index.ts";
import { placeholderCode, propertiesOf } from "./template.ts";

const code = placeholderCode();

function outbox(lookUp?: LookUp): TransactionalOutbox {
  return new TransactionalOutbox(new Stack(new App(), "Stack"), "Outbox", {
    relayCode: code.of("publish-events"),
    sweeperCode: code.of("sweep-outbox"),
    sources: ["orders"],
    ...(lookUp && { lookUp }),
  });
}

test.each([
  [undefined, "WhenOld"],
  ["WhenOld", "WhenOld"],
  ["Always", "Always"],
] as const)("look-up %s: the relay knows it, and it alone", (lookUp, name) => {
  const made = outbox(lookUp);
  expect(made.lookUp).toBe(name);
  const template = Template.fromStack(Stack.of(made));
  expect(propertiesOf(template, "OutboxRelay")).toMatchObject({
    Environment: { Variables: { LOOK_UP: name } },
  });
  // The sweeper publishes what it has just read from the table.
  template.resourcePropertiesCountIs(
    "AWS::Lambda::Function",
    { Environment: { Variables: { LOOK_UP: Match.anyValue() } } },
    1,
  );
});

test("an unknown look-up is rejected", () => {
  expect(() => outbox("Never" as LookUp)).toThrow('lookUp is "Never": use one of WhenOld, Always');
});
