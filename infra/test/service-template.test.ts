import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { helpDesk, templateFile, templateFiles } from "./service-template.ts";

// What the template repeats of this project must not differ from it. 'make test-template'
// generates a service, builds it and runs it.

test("the relay and the sweeper of a service are those of this project", () => {
  for (const path of [
    "lambdas/publish-events/src/main.rs",
    "lambdas/sweep-outbox/src/main.rs",
    ".cargo/config.toml",
  ]) {
    expect(templateFile(path), path).toBe(ours(path));
  }
});

test("a service depends on the crates in the versions of this project", () => {
  const known = dependencies(ours("Cargo.toml"));
  const used = dependencies(templateFile("Cargo.toml"));
  // Those of the outbox come from a clone or a registry.
  expect(used.size).toBeGreaterThan(10);
  for (const [name, { version }] of used) {
    expect(version, name).toBe(known.get(name)?.version);
  }
});

test("a service depends on the packages in the versions of this project", () => {
  const { dependencies, devDependencies } = JSON.parse(ours("infra/package.json"));
  const known = { ...dependencies, ...devDependencies };
  // The version of the construct depends on where it comes from.
  const construct = /"transactional-outbox": ".*",?\n/;
  const manifest = templateFile("infra/package.json").replace(construct, "");
  const { dependencies: used, devDependencies: usedHere } = JSON.parse(
    withoutTrailingCommas(manifest),
  );
  for (const [name, version] of Object.entries({ ...used, ...usedHere })) {
    expect(version, name).toBe(known[name]);
  }
});

test("files have variables that cargo lambda new asks for", () => {
  const asked = [...ours("templates/service/CargoLambda.toml").matchAll(/prompts\.(\w+)\]/g)];
  const known = ["project_name", ...asked.map(([, name]) => name)];
  expect(known.sort()).toEqual(Object.keys(helpDesk).sort());
  for (const path of templateFiles()) {
    const variables = `${path}${templateFile(path)}`.matchAll(/\{[{%]-? (?:if )?(\w+)/g);
    const used = [...variables].map(([, name]) => name);
    const tags = ["else", "endif"];
    expect(
      used.filter((name) => !known.includes(name) && !tags.includes(name ?? "")),
      path,
    ).toEqual([]);
  }
});

/** Returns a file of this project. */
function ours(path: string): string {
  return readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");
}

/** Returns the dependencies of a workspace that a registry has, by their names. */
function dependencies(manifest: string): Map<string, { version: string }> {
  const [, section = ""] = manifest.split("[workspace.dependencies]");
  const [lines = ""] = section.split("\n[");
  const versions = lines
    .split("\n")
    .map((line) => line.match(/^([\w-]+) = (?:"|\{ version = ")([\d.]+)"/))
    .filter((match) => match !== null)
    .map(([, name = "", version = ""]) => [name, { version }] as const)
    .filter(([name]) => !name.startsWith("outbox"));
  return new Map(versions);
}

function withoutTrailingCommas(json: string): string {
  return json.replace(/,(\s*\})/g, "$1");
}
