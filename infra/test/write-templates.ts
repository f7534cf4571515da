// Writes the template of every environment, and that of prod with a key of its own, into a
// directory, without a build:
// `write-templates.ts DIRECTORY`.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Template } from "aws-cdk-lib/assertions";
import { environmentNames } from "../orders/environments.ts";
import { ordersStackWithKey, ordersTemplate } from "./template.ts";
import temporaryDirectory from "./temporary-directory.ts";

const [directory] = process.argv.slice(2);
if (directory === undefined) {
  throw new Error("say which directory to write the templates into");
}
const removeTemporaryDirectory = temporaryDirectory();
try {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const templates = [
    ...environmentNames.map((name) => [`orders-${name}`, ordersTemplate(name)] as const),
    ["orders-prod-with-key", Template.fromStack(ordersStackWithKey("prod"))] as const,
  ];
  for (const [name, template] of templates) {
    const text = JSON.stringify(template.toJSON(), undefined, 2);
    writeFileSync(join(directory, `${name}.template.json`), text);
  }
} finally {
  removeTemporaryDirectory();
}
