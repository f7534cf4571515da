import { afterEach, beforeEach, expect, test } from "vitest";
import { AuditedProject } from "./audited-project.ts";

const RUST = "advisories of Rust crates were not checked";
const NPM = "advisories of npm packages were not checked";
const PYTHON = "advisories of Python packages were not checked";
const DOMINO = {
  status: 200,
  body: JSON.stringify({
    vulns: [
      {
        id: "PYSEC-2026-1",
        summary: "Always six",
        affected: [
          {
            package: { name: "domino", ecosystem: "PyPI" },
            ranges: [{ type: "ECOSYSTEM", events: [{ introduced: "0" }, { fixed: "2.0" }] }],
          },
        ],
      },
    ],
  }),
};
const COIN = {
  status: 200,
  body: JSON.stringify({
    coin: [
      {
        id: 1,
        url: "https://example.com/coin",
        title: "Always heads",
        severity: "low",
        vulnerable_versions: "<2.0.0",
      },
    ],
  }),
};

let project: AuditedProject;

beforeEach(async () => {
  project = await AuditedProject.start();
});

afterEach(() => project.stop());

test("an audit without findings succeeds", async () => {
  const { status, output } = await project.audit();
  expect(output).toContain("advisories ok");
  expect(output).toContain("found 0 vulnerabilities");
  expect(output).toContain("Python packages without advisories: 1");
  expect(output).not.toContain("were not checked");
  expect(status).toBe(0);
});

test("an advisory for a Python package fails the audit", async () => {
  project.setIndexResponse(DOMINO);
  project.requireDominoTwice();
  const { status, output } = await project.audit();
  expect(output).toMatch(/domino +1\.1 +PYSEC-2026-1 +2\.0/);
  expect(output).toMatch(/domino +1\.2 +PYSEC-2026-1 +2\.0/);
  expect(output).toContain("found 0 vulnerabilities");
  expect(output).not.toContain("were not checked");
  expect(status).toBe(1);
});

test("an index of Python packages without advisories is no finding and no success", async () => {
  project.setIndexResponse({ status: 503, body: "" });
  const { status, output } = await project.audit();
  expect(output).toContain(PYTHON);
  expect(output).toContain("503 Server Error");
  expect(output).toContain("advisories ok");
  expect(status).toBe(2);
});

test("an advisory for a crate fails the audit", async () => {
  project.addAdvisory("RUSTSEC-2026-0001");
  const { status, output } = await project.audit();
  expect(output).toContain("RUSTSEC-2026-0001");
  expect(output).toContain("found 0 vulnerabilities");
  expect(status).toBe(1);
});

test("a low advisory for a development package fails the audit", async () => {
  project.setRegistryResponse(COIN);
  const { status, output } = await project.audit({ NODE_ENV: "production" });
  expect(output).toContain("Always heads");
  expect(output).not.toContain("were not checked");
  expect(status).toBe(1);
});

test("a database that cannot be reached is no finding and no success", async () => {
  project.loseDatabase();
  const { status, output } = await project.audit();
  expect(output).toContain(`${RUST}: `);
  expect(output).toContain("failed to fetch advisory database");
  expect(output).toContain("found 0 vulnerabilities");
  expect(status).toBe(2);
});

test("a registry without advisories is no finding and no success", async () => {
  project.setRegistryResponse({ status: 405, body: "" });
  const { status, output } = await project.audit();
  expect(output).toContain("advisories ok");
  expect(output).toContain(`${NPM}: `);
  expect(output).toContain("405 Method Not Allowed");
  expect(status).toBe(2);
});

test("a check for yanked crates fails without their index", async () => {
  project.checkForYanked();
  const { status, output } = await project.audit();
  expect(output).toContain("unable to check for yanked crates");
  expect(output).toContain(RUST);
  expect(status).toBe(2);
});

test("a finding counts even if the other source is unreachable", async () => {
  project.loseDatabase();
  project.setRegistryResponse(COIN);
  const { status, output } = await project.audit();
  expect(output).toContain(RUST);
  expect(output).toContain("Always heads");
  expect(status).toBe(1);
});

test("npm audits even if its configuration disables it", async () => {
  project.setRegistryResponse(COIN);
  const { status, output } = await project.audit({
    npm_config_offline: "true",
    npm_config_audit_level: "high",
  });
  expect(output).toContain("Always heads");
  expect(status).toBe(1);
});
