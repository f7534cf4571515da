import { afterEach, beforeEach, expect, test } from "vitest";
import { AuditedProject } from "./audited-project.ts";

const RUST = "advisories of Rust crates were not checked";
const NPM = "advisories of npm packages were not checked";
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

test("an audit that finds nothing ends well", async () => {
  const { status, said } = await project.audit();
  expect(said).toContain("advisories ok");
  expect(said).toContain("found 0 vulnerabilities");
  expect(said).not.toContain("were not checked");
  expect(status).toBe(0);
});

test("what is known of a crate fails the audit", async () => {
  project.knowOfCrate("RUSTSEC-2026-0001");
  const { status, said } = await project.audit();
  expect(said).toContain("RUSTSEC-2026-0001");
  expect(said).toContain("found 0 vulnerabilities");
  expect(status).toBe(1);
});

test("what is known of a package fails the audit, however little and for development alone", async () => {
  project.registryAnswers(COIN);
  const { status, said } = await project.audit({ NODE_ENV: "production" });
  expect(said).toContain("Always heads");
  expect(said).not.toContain("were not checked");
  expect(status).toBe(1);
});

test("a database that cannot be reached is no finding and no success", async () => {
  project.loseDatabase();
  const { status, said } = await project.audit();
  expect(said).toContain(`${RUST}: `);
  expect(said).toContain("failed to fetch advisory database");
  expect(said).toContain("found 0 vulnerabilities");
  expect(status).toBe(2);
});

test("a registry that does not tell is no finding and no success", async () => {
  project.registryAnswers({ status: 405, body: "" });
  const { status, said } = await project.audit();
  expect(said).toContain("advisories ok");
  expect(said).toContain(`${NPM}: `);
  expect(said).toContain("405 Method Not Allowed");
  expect(status).toBe(2);
});

test("whether a crate is yanked is not known without its index", async () => {
  project.askForYanked();
  const { status, said } = await project.audit();
  expect(said).toContain("unable to check for yanked crates");
  expect(said).toContain(RUST);
  expect(status).toBe(2);
});

test("a finding counts even if the other side could not be asked", async () => {
  project.loseDatabase();
  project.registryAnswers(COIN);
  const { status, said } = await project.audit();
  expect(said).toContain(RUST);
  expect(said).toContain("Always heads");
  expect(status).toBe(1);
});

test("npm asks although its configuration says no", async () => {
  project.registryAnswers(COIN);
  const { status, said } = await project.audit({
    npm_config_offline: "true",
    npm_config_audit_level: "high",
  });
  expect(said).toContain("Always heads");
  expect(status).toBe(1);
});
