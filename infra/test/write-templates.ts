// Writes the template of every environment into a directory, without a build:
// `write-templates.ts DIRECTORY`.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { environmentNames } from "../orders/environments.ts";
import { ordersTemplate } from "./template.ts";
import temporaryDirectory from "./temporary-directory.ts";

const [directory] = process.argv.slice(2);
if (directory === undefined) {
  throw new Error("say which directory to write the templates into");
}
const removeTemporaryDirectory = temporaryDirectory();
try {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const name of environmentNames) {
    const template = JSON.stringify(ordersTemplate(name).toJSON(), undefined, 2);
    writeFileSync(join(directory, `orders-${name}.template.json`), template);
  }
} finally {
  removeTemporaryDirectory();
}
