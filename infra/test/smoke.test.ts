import { STSClient } from "@aws-sdk/client-sts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { describeAccount } from "../smoke/caller.ts";
import { CommandError, runCommand } from "../smoke/command.ts";
import { OrdersDeployment } from "../smoke/orders-deployment.ts";
import { smokeTest } from "../smoke/smoke-test.ts";
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
  aws.respond("DescribeStacks", stack({ ApiUrl: aws.url, ...OUTPUTS }));
  aws.respond("POST /orders", { status: 201, body: JSON.stringify({ id: ORDER }) });
  aws.respond("Query", NONE);
  aws.respond("GetItem", STARTED, STOPPED);
  aws.respond(CANCEL, CANCELLED);
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
  await smokeTest(deployment, { timeout: 500, interval: 10 });
}

function received(target: string) {
  return aws.received.filter((request) => request.target === target);
}

test("an order is placed, shipped and cancelled", async () => {
  aws.respond("Query", PENDING, PENDING, NONE, PENDING, NONE);
  aws.respond("GetItem", NO_SHIPMENT, STARTED, STARTED, STOPPED);
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

test.each(["POST /orders", CANCEL])("%s is signed for IAM", async (target) => {
  await smoke();
  expect(received(target)[0]?.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=access-key\/\d{8}\/eu-central-1\/execute-api\/aws4_request/,
  );
});

test("a repeated request does not place a second order", async () => {
  await smoke();
  expect(received("POST /orders")[0]?.idempotencyKey).toMatch(/^smoke-test /);
});

test("the tables are read consistently, for this order", async () => {
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

test("an event that stays fails the test, and the order is cancelled", async () => {
  aws.respond("Query", PENDING);
  await expect(smoke()).rejects.toThrow(
    `OrderCreated of order ${ORDER} is still in the outbox after 0.5 s: look at the relay's log`,
  );
  expect(received(CANCEL)).toHaveLength(1);
});

test("a parked event fails the test, and the order is cancelled", async () => {
  aws.respond("Query", PENDING, PARKED);
  await expect(smoke()).rejects.toThrow(
    `OrderCreated of order ${ORDER} is parked: it is too large`,
  );
  expect(received("Query")).toHaveLength(2);
  expect(received(CANCEL)).toHaveLength(1);
});

test.each([
  ["there", NO_SHIPMENT],
  ["started", STOPPED],
])("a shipment that is not %s fails the test, and the order is cancelled", async (_, response) => {
  aws.respond("GetItem", response);
  await expect(smoke()).rejects.toThrow(
    `the shipment of order ${ORDER} is still not started after 0.5 s: look at start-shipping's log ` +
      "and at shipping's dead-letter queues, see docs/operations.md#dead-letters-of-shipping",
  );
  expect(received(CANCEL)).toHaveLength(1);
});

test("a failed cancellation fails the test, and is retried", async () => {
  aws.respond(CANCEL, FAULT, CANCELLED);
  await expect(smoke()).rejects.toThrow(/\/cancel returned 500: out of order$/);
  expect(received(CANCEL)).toHaveLength(2);
});

test("an order that cannot be cancelled is left to the operator", async () => {
  aws.respond("Query", PARKED);
  aws.respond(CANCEL, FAULT);
  await expect(smoke()).rejects.toThrow(
    `is parked: it is too large. And order ${ORDER} could not be cancelled: ` +
      `POST ${aws.url}/orders/${ORDER}/cancel returned 500: out of order. Cancel it by hand`,
  );
});

test("a cancellation that does not leave the outbox fails the test", async () => {
  aws.respond("Query", NONE, PENDING);
  await expect(smoke()).rejects.toThrow(
    `OrderCancelled of order ${ORDER} is still in the outbox after 0.5 s: look at the relay's log`,
  );
  expect(received(CANCEL)).toHaveLength(1);
});

test("a parked cancellation fails the test at once, with its reason", async () => {
  aws.respond("Query", NONE, PARKED);
  await expect(smoke()).rejects.toThrow(
    `OrderCancelled of order ${ORDER} is parked: it is too large`,
  );
  expect(received("Query")).toHaveLength(2);
});

test("a shipment that does not stop fails the test", async () => {
  aws.respond("GetItem", STARTED);
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
  aws.respond(action, { status: 400, body: JSON.stringify(denied) });
  await expect(smoke()).rejects.toThrow(new CommandError(reason));
  expect(received(CANCEL)).toHaveLength(1);
});

test("a rejected order fails the test with the response", async () => {
  aws.respond("POST /orders", { status: 403, body: '{"message":"Forbidden"}' });
  await expect(smoke()).rejects.toThrow('returned 403: {"message":"Forbidden"}');
  expect(aws.received.at(-1)?.target).toBe("POST /orders");
});

test("an API that does not respond is named", async () => {
  aws.respond("DescribeStacks", stack({ ApiUrl: "http://127.0.0.1:1", ...OUTPUTS }));
  await expect(smoke()).rejects.toThrow("POST http://127.0.0.1:1/orders got no response");
});

test("a missing stack says how to deploy it", async () => {
  aws.respond("DescribeStacks", {
    status: 400,
    body: `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>
      <Message>Stack with id orders-dev does not exist</Message></Error></ErrorResponse>`,
  });
  await expect(smoke()).rejects.toThrow(
    "Stack with id orders-dev does not exist. Deploy it with 'make deploy ENV=dev'",
  );
});

test("a stack of that name without the outputs is rejected", async () => {
  aws.respond("DescribeStacks", stack({ ApiUrl: aws.url }));
  await expect(smoke()).rejects.toThrow(
    "stack orders-dev has no output OutboxTableName: is it an orders stack?",
  );
});

test("a stack without shipping gets no order", async () => {
  aws.respond("DescribeStacks", stack({ ApiUrl: aws.url, OutboxTableName: "outbox" }));
  await expect(smoke()).rejects.toThrow("If it was deployed before this version, redeploy it");
  expect(received("POST /orders")).toEqual([]);
});

test("the account, the Region and the caller are printed", async () => {
  aws.respond("GetCallerIdentity", {
    body: `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account>
      <Arn>arn:aws:iam::111122223333:user/ann</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`,
  });
  await expect(describeAccount(aws.sts)).resolves.toBe(
    "account 111122223333, Region eu-central-1, as arn:aws:iam::111122223333:user/ann",
  );
});

test("credentials that AWS rejects say what to do", async () => {
  aws.respond("GetCallerIdentity", {
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

test("an error that the user can fix has no stack trace", async () => {
  const said = vi.spyOn(console, "error").mockReturnValue();
  await runCommand(() => Promise.reject(new CommandError("the oven is cold")));
  expect(said).toHaveBeenCalledExactlyOnceWith("error: the oven is cold");
  expect(process.exitCode).toBe(1);
  process.exitCode = 0;
});
