import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Template } from "aws-cdk-lib/assertions";
import { beforeAll, expect, test } from "vitest";
import { helpDesk, rendered } from "./service-template.ts";
import { grants, logicalId, outputsForOutboxctl } from "./template.ts";

const infra = fileURLToPath(new URL("..", import.meta.url));
const modules = join(infra, "node_modules");

/** Where the peer dependencies are installed; scripts/check-oldest-cdk sets a folder with older versions. */
const peers = process.env.PEER_MODULES ?? modules;

/** The tarball and its files. */
let filename: string;
let packed: string[];

/** A directory in which npm installed the package, with two compiled and synthesized apps. */
let apps: string;

beforeAll(() => {
  const home = mkdtempSync(join(tmpdir(), "package-"));
  const [report] = JSON.parse(
    run(
      infra,
      "npm",
      "pack",
      "--json",
      "--silent",
      "--ignore-scripts=false",
      "--dry-run=false",
      "--workspace=outbox",
      "--pack-destination",
      home,
    ),
  ) as { filename: string; files: { path: string }[] }[];
  if (report === undefined) {
    throw new Error("npm pack packed nothing");
  }
  filename = report.filename;
  packed = report.files.map(({ path }) => path);
  apps = join(home, "help-desk/infra");
  mkdirSync(apps, { recursive: true });
  install(join(home, filename));
  for (const file of ["app.ts", "service-stack.ts"]) {
    writeFileSync(join(apps, file), rendered(`infra/${file}`, helpDesk));
  }
  buildFunctions(join(home, "help-desk/target/lambda/arm64"));
  cpSync(join(infra, "test/billing.cts"), join(apps, "billing.cts"));
  cpSync(join(infra, "test/archive.cts"), join(apps, "archive.cts"));
  addFunctions(join(apps, "node_modules/transactional-outbox/functions"));
  buildFunctions(join(apps, "functions"));
  run(
    apps,
    ...[join(modules, ".bin/tsc"), "--strict", "--skipLibCheck", "--target", "es2023"],
    ...["--module", "nodenext", "--types", "node", "--rewriteRelativeImportExtensions"],
    ...["app.ts", "billing.cts", "archive.cts"],
  );
  run(apps, process.execPath, "app.js");
  run(apps, process.execPath, "billing.cjs");
  run(apps, process.execPath, "archive.cjs");
}, 300_000);

test("the package contains modules, types, README and licences only", () => {
  const compiled = readdirSync(join(infra, "outbox"))
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => [file.replace(/ts$/, "d.ts"), file.replace(/ts$/, "js")])
    .map((file) => `dist/${file}`);
  expect(packed.sort()).toEqual(
    [...compiled, "LICENSE-APACHE", "LICENSE-MIT", "README.md", "package.json"].sort(),
  );
});

test("the folder, which has no functions, can't be published", () => {
  const { status, stderr } = spawnSync(
    "npm",
    ["publish", "--dry-run", "--offline", "--ignore-scripts=false"],
    {
      cwd: join(infra, "outbox"),
      encoding: "utf8",
    },
  );
  expect(status).not.toBe(0);
  expect(stderr).toContain("publish the tarball of make dist, which contains the functions");
});

test("the README names the oldest supported CDK", () => {
  // 'make oldest-cdk' tests that it works.
  const { peerDependencies } = JSON.parse(readFileSync(join(infra, "outbox/package.json"), "utf8"));
  const readme = readFileSync(join(infra, "outbox/README.md"), "utf8");
  const oldest = readme.matchAll(/`([\w-]+)` from (\d+\.\d+\.\d+)/g);
  expect(Object.fromEntries([...oldest].map(([, name, version]) => [name, `^${version}`]))).toEqual(
    peerDependencies,
  );
});

test("a service of the template, an ES module, uses it", () => {
  const template = synthesized("help-desk-dev");
  template.resourceCountIs("AWS::Events::EventBus", 1);
  template.resourceCountIs("AWS::DynamoDB::GlobalTable", 3);
  expect(grants(template, /ChangeTicket/)).toEqual(
    expect.arrayContaining([
      "dynamodb:GetItem on Tickets",
      "dynamodb:PutItem on OutboxTable",
      "dynamodb:PutItem on Tickets",
    ]),
  );
  const outputs = Object.keys(template.findOutputs("*"));
  expect(outputs.filter((name) => !name.endsWith("FunctionName")).sort()).toEqual(
    outputsForOutboxctl(),
  );
});

test("a CommonJS app uses it with an existing table and bus", () => {
  const template = synthesized("billing");
  template.resourceCountIs("AWS::Events::EventBus", 0);
  template.resourceCountIs("AWS::DynamoDB::GlobalTable", 0);
  const { BillingOutboxStreamMapping: mapping } = template.findResources(
    "AWS::Lambda::EventSourceMapping",
  );
  expect(mapping?.Properties).toMatchObject({
    BatchSize: 1000,
    EventSourceArn: expect.stringMatching(/:table\/billing-outbox\/stream\/2026-/),
    MaximumBatchingWindowInSeconds: 5,
    ParallelizationFactor: 4,
  });
  template.hasResourceProperties("AWS::Lambda::Function", {
    Architectures: ["x86_64"],
    Environment: {
      Variables: {
        OUTBOX_TABLE: "billing-outbox",
        EVENT_BUS_NAME: "company",
        EVENT_SOURCES: "billing,billing.refunds",
        EVENT_ORDER: "InSequence",
        DEAD_LETTER_QUEUE_URL: { Ref: logicalId(template, "BillingOutboxDeadLetterQueue") },
        GRACE_PERIOD_SECONDS: "300",
        AWS_SDK_UA_APP_ID: "sweep-outbox",
      },
    },
  });
  const table = "arn:aws:dynamodb:eu-central-1:111122223333:table/billing-outbox";
  expect(grants(template, /Invoice/)).toEqual([
    `dynamodb:BatchGetItem on ${table}`,
    `dynamodb:BatchWriteItem on ${table}`,
    `dynamodb:PutItem on ${table}`,
    `dynamodb:Query on ${table}`,
    expect.stringMatching(/^events:DescribeEventBus on .*:event-bus\/company"/),
    expect.stringMatching(/^events:PutEvents on .*:event-bus\/company"/),
  ]);
  expect(Object.keys(template.findOutputs("*")).sort()).toEqual(outputsForOutboxctl());
});

test("an app without code of its own gets that of a released package", () => {
  const template = synthesized("archive");
  const code = Object.values(template.findResources("AWS::Lambda::Function")).map(
    ({ Properties }) => Properties.Code.S3Key,
  );
  expect(code).toEqual([
    expect.stringMatching(/^[0-9a-f]{64}\.zip$/),
    expect.stringMatching(/^[0-9a-f]{64}\.zip$/),
  ]);
  expect(code[0]).not.toBe(code[1]);
});

/** Adds what scripts/dist adds to a released package. */
function addFunctions(directory: string): void {
  mkdirSync(directory);
  for (const name of ["publish-events", "sweep-outbox"]) {
    writeFileSync(join(directory, `${name}.zip`), name);
  }
}

/** Installs the package with npm. Its peer dependencies are linked from here, since there may be no network. */
function install(tarball: string): void {
  writeFileSync(join(apps, "package.json"), JSON.stringify({ private: true, type: "module" }));
  run(
    apps,
    "npm",
    "install",
    "--offline",
    "--no-audit",
    "--no-fund",
    "--legacy-peer-deps",
    tarball,
  );
  for (const name of ["aws-cdk-lib", "constructs"]) {
    symlinkSync(join(peers, name), join(apps, "node_modules", name));
  }
  symlinkSync(join(modules, "@types"), join(apps, "node_modules/@types"));
}

function synthesized(stack: string): Template {
  return Template.fromJSON(
    JSON.parse(readFileSync(join(apps, `cdk.out/${stack}.template.json`), "utf8")),
  );
}

/** Writes placeholders for executables: a synthesis runs none. */
function buildFunctions(directory: string): void {
  for (const name of [
    ...["publish-events", "sweep-outbox", "invoice"],
    ...["change-ticket", "get-ticket", "count-ticket-events"],
  ]) {
    mkdirSync(join(directory, name), { recursive: true });
    writeFileSync(join(directory, name, "bootstrap"), name);
  }
}

/** Runs a program and returns its output. */
function run(directory: string, program: string, ...parameters: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, parameters, {
    cwd: directory,
    encoding: "utf8",
    // Without a network, npm needs no configuration.
    env: {
      ...process.env,
      CDK_OUTDIR: "cdk.out",
      CDK_CONTEXT_JSON: JSON.stringify({ env: "dev" }),
      npm_config_userconfig: "/dev/null",
    },
  });
  if (status !== 0) {
    throw new Error(`${program} ${parameters.join(" ")} fails: ${stdout}${stderr}`);
  }
  return stdout;
}
