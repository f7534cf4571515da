import { STSClient } from "@aws-sdk/client-sts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { describeAccount } from "../deployed/caller.ts";
import { CommandError, runCommand } from "../deployed/command.ts";
import { OrdersDeployment } from "../deployed/orders-deployment.ts";
import { smokeTest } from "../deployed/smoke-test.ts";
import { AwsStub } from "./aws-stub.ts";

const ORDER = "0197f0a0-0000-7000-8000-000000000001";
const CANCEL = `POST /orders/${ORDER}/cancel`;
const CANCELLED = { body: JSON.stringify({ id: ORDER, status: "cancelled" }) };
const NONE = { body: JSON.stringify({ Items: [] }) };
const PENDING = { body: JSON.stringify({ Items: [{}] }) };
const PARKED = {
  body: JSON.stringify({ Items: [{ parked: { M: { reason: { S: "it is too large" } } } }] }),
};
const NO_SHIPMENT = { body: "{}" };
const STARTED = shipment("started");
const STOPPED = shipment("stopped");
const FAULT = { status: 500, body: "out of order" };
const OUTPUTS = { OutboxTableName: "outbox", ShipmentsTableName: "shipments" };

let aws: AwsStub;

beforeEach(async () => {
  aws = await AwsStub.start();
  aws.answer("DescribeStacks", stack({ ApiUrl: aws.url, ...OUTPUTS }));
  aws.answer("POST /orders", { status: 201, body: JSON.stringify({ id: ORDER }) });
  aws.answer("Query", NONE);
  aws.answer("GetItem", STARTED, STOPPED);
  aws.answer(CANCEL, CANCELLED);
  vi.spyOn(console, "log").mockReturnValue();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await aws.stop();
});

function stack(outputs: Record<string, string>) {
  const members = Object.entries(outputs).map(
    ([key, value]) =>
      `<member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member>`,
  );
  return {
    body: `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>orders-dev</StackName>
      <Outputs>${members.join("")}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`,
  };
}

function shipment(status: string) {
  return { body: JSON.stringify({ Item: { status: { S: status } } }) };
}

async function smoke() {
  const deployment = await OrdersDeployment.find(aws.clients, "dev");
  await smokeTest(deployment, { atMost: 500, between: 10 });
}

function received(target: string) {
  return aws.received.filter((request) => request.target === target);
}

test("an order goes through the whole, and is cancelled", async () => {
  aws.answer("Query", PENDING, PENDING, NONE, PENDING, NONE);
  aws.answer("GetItem", NO_SHIPMENT, STARTED, STARTED, STOPPED);
  await smoke();

  expect(aws.received.map(({ target }) => target)).toEqual([
    "DescribeStacks",
    "POST /orders",
    ...["Query", "Query", "Query"],
    ...["GetItem", "GetItem"],
    CANCEL,
    ...["Query", "Query"],
    ...["GetItem", "GetItem"],
  ]);
});

test.each(["POST /orders", CANCEL])("%s is sent as IAM asks for", async (target) => {
  await smoke();
  expect(received(target)[0]?.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=access-key\/\d{8}\/eu-central-1\/execute-api\/aws4_request/,
  );
});

test("a repeated request does not place a second order", async () => {
  await smoke();
  expect(received("POST /orders")[0]?.idempotencyKey).toMatch(/^smoke-test /);
});

test("the tables are asked for this order, as it is now", async () => {
  await smoke();
  expect(JSON.parse(received("Query")[0]?.body ?? "")).toMatchObject({
    TableName: "outbox",
    ExpressionAttributeValues: { ":order": { S: `order#${ORDER}` } },
    ConsistentRead: true,
  });
  expect(JSON.parse(received("GetItem")[0]?.body ?? "")).toMatchObject({
    TableName: "shipments",
    Key: { pk: { S: `shipment#${ORDER}` } },
    ConsistentRead: true,
  });
});

test("an event that does not leave fails the test, and the order is cancelled", async () => {
  aws.answer("Query", PENDING);
  await expect(smoke()).rejects.toThrow(
    `OrderCreated of order ${ORDER} is still in the outbox after 0.5 s: look at the relay's log`,
  );
  expect(received(CANCEL)).toHaveLength(1);
});

test("a parked event fails the test at once, with its reason, and the order is cancelled", async () => {
  aws.answer("Query", PENDING, PARKED);
  await expect(smoke()).rejects.toThrow(
    `OrderCreated of order ${ORDER} is parked: it is too large`,
  );
  expect(received("Query")).toHaveLength(2);
  expect(received(CANCEL)).toHaveLength(1);
});

test.each([
  ["there", NO_SHIPMENT],
  ["started", STOPPED],
])("a shipment that is not %s fails the test, and the order is cancelled", async (_, answer) => {
  aws.answer("GetItem", answer);
  await expect(smoke()).rejects.toThrow(
    `the shipment of order ${ORDER} is still not started after 0.5 s: look at start-shipping's log ` +
      "and at shipping's dead-letter queues, see docs/operations.md#dead-letters-of-shipping",
  );
  expect(received(CANCEL)).toHaveLength(1);
});

test("an order that is not cancelled fails the test, and is cancelled at the second try", async () => {
  aws.answer(CANCEL, FAULT, CANCELLED);
  await expect(smoke()).rejects.toThrow(/\/cancel answers 500: out of order$/);
  expect(received(CANCEL)).toHaveLength(2);
});

test("an order that cannot be cancelled is left to a person", async () => {
  aws.answer("Query", PARKED);
  aws.answer(CANCEL, FAULT);
  await expect(smoke()).rejects.toThrow(
    `is parked: it is too large. And order ${ORDER} could not be cancelled: ` +
      `POST ${aws.url}/orders/${ORDER}/cancel answers 500: out of order. Cancel it by hand`,
  );
});

test("a cancellation that does not leave the outbox fails the test", async () => {
  aws.answer("Query", NONE, PENDING);
  await expect(smoke()).rejects.toThrow(
    `OrderCancelled of order ${ORDER} is still in the outbox after 0.5 s: look at the relay's log`,
  );
  expect(received(CANCEL)).toHaveLength(1);
});

test("a parked cancellation fails the test at once, with its reason", async () => {
  aws.answer("Query", NONE, PARKED);
  await expect(smoke()).rejects.toThrow(
    `OrderCancelled of order ${ORDER} is parked: it is too large`,
  );
  expect(received("Query")).toHaveLength(2);
});

test("a shipment that does not stop fails the test", async () => {
  aws.answer("GetItem", STARTED);
  await expect(smoke()).rejects.toThrow(
    `the shipment of order ${ORDER} is still not stopped after 0.5 s: look at start-shipping's log`,
  );
  expect(received(CANCEL)).toHaveLength(1);
});

test.each([
  ["Query", "the outbox cannot be read: not authorized"],
  ["GetItem", "the shipments cannot be read: not authorized"],
])("a %s that is not allowed says so, and the order is cancelled", async (action, reason) => {
  const denied = { __type: "AccessDeniedException", message: "not authorized" };
  aws.answer(action, { status: 400, body: JSON.stringify(denied) });
  await expect(smoke()).rejects.toThrow(new CommandError(reason));
  expect(received(CANCEL)).toHaveLength(1);
});

test("a refused order fails the test with the answer", async () => {
  aws.answer("POST /orders", { status: 403, body: '{"message":"Forbidden"}' });
  await expect(smoke()).rejects.toThrow('answers 403: {"message":"Forbidden"}');
  expect(aws.received.at(-1)?.target).toBe("POST /orders");
});

test("an API that is not there is named", async () => {
  aws.answer("DescribeStacks", stack({ ApiUrl: "http://127.0.0.1:1", ...OUTPUTS }));
  await expect(smoke()).rejects.toThrow("POST http://127.0.0.1:1/orders got no answer");
});

test("a stack that is not there says how to deploy it", async () => {
  aws.answer("DescribeStacks", {
    status: 400,
    body: `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>
      <Message>Stack with id orders-dev does not exist</Message></Error></ErrorResponse>`,
  });
  await expect(smoke()).rejects.toThrow(
    "Stack with id orders-dev does not exist. Deploy it with 'make deploy ENV=dev'",
  );
});

test("another stack of that name is not taken for the orders service", async () => {
  aws.answer("DescribeStacks", stack({ ApiUrl: aws.url }));
  await expect(smoke()).rejects.toThrow("stack orders-dev has no output OutboxTableName");
});

test("a stack from before there was shipping gets no order", async () => {
  aws.answer("DescribeStacks", stack({ ApiUrl: aws.url, OutboxTableName: "outbox" }));
  await expect(smoke()).rejects.toThrow("no output ShipmentsTableName: deploy it again");
  expect(received("POST /orders")).toEqual([]);
});

test("the account, the Region and the caller are said", async () => {
  aws.answer("GetCallerIdentity", {
    body: `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account>
      <Arn>arn:aws:iam::111122223333:user/ann</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`,
  });
  await expect(describeAccount(aws.sts)).resolves.toBe(
    "account 111122223333, Region eu-central-1, as arn:aws:iam::111122223333:user/ann",
  );
});

test("credentials that AWS does not take say what to do", async () => {
  aws.answer("GetCallerIdentity", {
    status: 403,
    body: `<ErrorResponse><Error><Code>ExpiredToken</Code>
      <Message>The security token included in the request is expired</Message></Error></ErrorResponse>`,
  });
  await expect(describeAccount(aws.sts)).rejects.toThrow(
    "The security token included in the request is expired. Sign in",
  );
});

test("a missing Region says what to do", async () => {
  const region = () => Promise.reject(new Error("Region is missing"));
  await expect(describeAccount(new STSClient({ region }))).rejects.toThrow("export AWS_REGION");
});

test("what a person can put right is said without a stack trace", async () => {
  const said = vi.spyOn(console, "error").mockReturnValue();
  await runCommand(() => Promise.reject(new CommandError("the oven is cold")));
  expect(said).toHaveBeenCalledExactlyOnceWith("error: the oven is cold");
  expect(process.exitCode).toBe(1);
  process.exitCode = 0;
});
