import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const template = fileURLToPath(new URL("../../templates/service/template", import.meta.url));

/** The variables of the template, as `cargo lambda new` asks for them. */
export const helpDesk = {
  project_name: "help-desk",
  aggregate: "ticket",
  created: "TicketOpened",
  completed: "TicketClosed",
  clone: "../transactional-outbox",
  dependencies: "released",
} as const;

/** Returns the paths of the template's files, with the names of variables in them. */
export function templateFiles(): string[] {
  return readdirSync(template, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(template.length + 1));
}

/** Returns a file of the template, not rendered. */
export function templateFile(path: string): string {
  return readFileSync(join(template, path), "utf8");
}

/** Returns a file of the template as `cargo lambda new` renders it. It may have no tags, only variables. */
export function rendered(path: string, variables: Readonly<Record<string, string>>): string {
  return templateFile(path).replace(
    /\{\{-? (\w+)(?: \| (\w+))? -?\}\}/g,
    (expression, name: string, filter: string | undefined) => {
      const value = variables[name];
      if (value === undefined) {
        throw new Error(`${path} has ${expression}, and no variable has this name`);
      }
      return filtered(value, filter);
    },
  );
}

function filtered(value: string, filter: string | undefined): string {
  switch (filter) {
    case undefined:
      return value;
    case "upcase":
      return value.toUpperCase();
    case "capitalize":
      return value.charAt(0).toUpperCase() + value.slice(1).toLowerCase();
    default:
      throw new Error(`the filter ${filter} is not known here`);
  }
}
