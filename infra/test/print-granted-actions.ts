// Prints the permissions of each function's role as JSON, from a template of the orders
// stack: `print-granted-actions.ts TEMPLATE`.
import { readFileSync } from "node:fs";
import { type FunctionsTemplate, grantedActions } from "./granted-actions.ts";

const [template] = process.argv.slice(2);
if (template === undefined) {
  throw new Error("say which template: cdk.out/orders-local.template.json");
}
const parsed = JSON.parse(readFileSync(template, "utf8")) as FunctionsTemplate;
console.log(JSON.stringify(grantedActions(parsed), undefined, 2));
