// That the book's pages about the API and its events say what the documents say.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Outside, REPOSITORY } from "./outside.ts";

const script = join(REPOSITORY, "scripts/write-reference-pages");
const documents = ["shared/orders-service/openapi.json", "shared/orders/asyncapi.json"] as const;
const pages = ["docs/orders-api.md", "docs/orders-events.md"] as const;

const read = (path: string): string => readFileSync(join(REPOSITORY, path), "utf8");

/** Returns a folder with the documents and the pages of this project. */
function copied(): Outside {
  const outside = new Outside();
  for (const path of [...documents, ...pages]) {
    outside.write(path, read(path));
  }
  return outside;
}

test("they are current", () => {
  expect(new Outside().run(script, ["--check"]).stderr).toBe("");
});

test.each([
  [documents[0], pages[0], "Place an order", "Order something"],
  [documents[1], pages[1], "A customer placed an order.", "Somewhere an order was placed."],
])("a change of %s is not in %s until that is written", (document, page, before, after) => {
  const outside = copied();
  expect(outside.run(script, ["--check", "."])).toMatchObject({ status: 0, stderr: "" });
  outside.write(document, read(document).replaceAll(before, after));
  expect(outside.run(script, ["--check", "."])).toMatchObject({
    status: 1,
    stderr: `${page} is not what ${document} says: run 'make schemas'\n`,
  });
  expect(outside.run(script, ["."]).status).toBe(0);
  expect(outside.run(script, ["--check", "."]).status).toBe(0);
  expect(readFileSync(outside.path(page), "utf8")).toContain(after);
});

test("the page of the API has every operation, status and field", () => {
  const api = JSON.parse(read(documents[0]));
  const page = read(pages[0]);
  for (const [path, operations] of Object.entries<Record<string, Operation>>(api.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      if (method !== "parameters") {
        expect(page).toContain(`\`${method.toUpperCase()} ${path}\``);
        for (const status of Object.keys(operation.responses)) {
          expect(page).toContain(`\n| ${status} | `);
        }
      }
    }
  }
  for (const [name, schema] of Object.entries<Schema>(api.components.schemas)) {
    expect(page).toContain(`\n### ${name}\n`);
    for (const field of Object.keys(schema.properties ?? {})) {
      expect(page).toContain(`\n| \`${field}\` | `);
    }
  }
});

interface Operation {
  readonly responses: Readonly<Record<string, unknown>>;
}

interface Schema {
  readonly properties?: Readonly<Record<string, unknown>>;
}
