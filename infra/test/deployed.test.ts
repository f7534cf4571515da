import { STSClient } from "@aws-sdk/client-sts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { describeAccount } from "../deployed/caller.ts";
import { CommandError, runCommand } from "../deployed/command.ts";
import { OrdersDeployment } from "../deployed/orders-deployment.ts";
import { smokeTest } from "../deployed/smoke-test.ts";
import { AwsStub } from "./aws-stub.ts";

const ORDER = "0197f0a0-0000-7000-8000-000000000001";
const NONE = { body: JSON.stringify({ Items: [] }) };
const PENDING = { body: JSON.stringify({ Items: [{}] }) };
const PARKED = {
  body: JSON.stringify({ Items: [{ parked: { M: { reason: { S: "it is too large" } } } }] }),
};

let aws: AwsStub;

beforeEach(async () => {
  aws = await AwsStub.start();
  aws.answer("DescribeStacks", stack({ ApiUrl: aws.url, OutboxTableName: "outbox" }));
  aws.answer("POST /orders", { status: 201, body: JSON.stringify({ id: ORDER }) });
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

async function smoke() {
  const deployment = await OrdersDeployment.find(aws.clients, "dev");
  await smokeTest(deployment, { atMost: 500, between: 10 });
}

test("an order is placed as IAM asks for, and its event is waited for", async () => {
  aws.answer("Query", PENDING, PENDING, NONE);
  await smoke();

  const [post] = aws.received.filter(({ target }) => target === "POST /orders");
  expect(post?.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=access-key\/\d{8}\/eu-central-1\/execute-api\/aws4_request/,
  );
  expect(post?.idempotencyKey).toMatch(/^smoke-test /);
  const queries = aws.received.filter(({ target }) => target === "Query");
  expect(queries).toHaveLength(3);
  expect(JSON.parse(queries[0]?.body ?? "")).toMatchObject({
    TableName: "outbox",
    ExpressionAttributeValues: { ":order": { S: `order#${ORDER}` } },
    ConsistentRead: true,
  });
});

test("an event that does not leave fails the test", async () => {
  aws.answer("Query", PENDING);
  await expect(smoke()).rejects.toThrow(`the event of order ${ORDER} is still in the outbox`);
});

test("a parked event fails the test at once, with its reason", async () => {
  aws.answer("Query", PENDING, PARKED);
  await expect(smoke()).rejects.toThrow("is parked: it is too large");
});

test("a refused order fails the test with the answer", async () => {
  aws.answer("POST /orders", { status: 403, body: '{"message":"Forbidden"}' });
  await expect(smoke()).rejects.toThrow('answers 403: {"message":"Forbidden"}');
});

test("an API that is not there is named", async () => {
  aws.answer("DescribeStacks", stack({ ApiUrl: "http://127.0.0.1:1", OutboxTableName: "outbox" }));
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
