import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Template } from "aws-cdk-lib/assertions";
import { expect, test } from "vitest";
import { outputsForOutboxctl } from "./template.ts";

/** The largest template that CloudFormation takes from S3, in bytes. */
const LARGEST_TEMPLATE = 1_000_000;

const infra = fileURLToPath(new URL("..", import.meta.url));

function write(sources: string): { status: number | null; stderr: string; text?: string } {
  const file = join(mkdtempSync(join(tmpdir(), "plain-")), "outbox.template.json");
  const { status, stderr } = spawnSync(
    join(infra, "node_modules/.bin/tsx"),
    ["plain/write-template.ts", sources, file],
    { cwd: infra, encoding: "utf8" },
  );
  return { status, stderr, ...(status === 0 && { text: readFileSync(file, "utf8") }) };
}

test("the template needs no CDK, and has parameters for what differs", () => {
  const { text = "" } = write("orders,billing.refunds");
  expect(text.length).toBeLessThan(LARGEST_TEMPLATE);
  expect(text).not.toMatch(/cdk-hnb659fds|BootstrapVersion|aws:cdk:path/);
  const template = Template.fromJSON(JSON.parse(text));
  expect(Object.keys(template.findParameters("*")).sort()).toEqual(
    ["CodeBucket", "RelayKey", "SweeperKey", "PageTopicArn", "TicketTopicArn"].sort(),
  );
  template.hasResourceProperties("AWS::Lambda::Function", {
    Code: { S3Bucket: { Ref: "CodeBucket" }, S3Key: { Ref: "RelayKey" } },
    Environment: { Variables: { EVENT_SOURCES: "orders,billing.refunds" } },
  });
  template.resourceCountIs("AWS::Lambda::EventSourceMapping", 1);
  expect(Object.keys(template.findResources("AWS::CloudWatch::Alarm")).length).toBeGreaterThan(10);
  expect(Object.keys(template.findOutputs("*")).sort()).toEqual(
    [...outputsForOutboxctl(), "OutboxTableArn"].sort(),
  );
});

test.each([
  ["", "say which CloudEvents sources the outbox publishes"],
  ["orders,", "sources[1]"],
  ["aws.orders", "which only AWS may publish"],
])("SOURCES=%s is rejected with the reason", (sources, reason) => {
  const { status, stderr } = write(sources);
  expect(status).toBe(2);
  expect(stderr).toContain(reason);
});
