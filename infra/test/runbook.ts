import { readFileSync } from "node:fs";

/** A section of the runbook, with the sections below it left out. */
export interface Section {
  /** The anchor in links to it. */
  readonly anchor: string;

  /** Whether it describes a state of the system, rather than a procedure. */
  readonly isState: boolean;

  /** The lines of `outboxctl status` that it explains; `...` stands for variable text. */
  readonly statusLines: string[];

  /** The alarms that link to it, as `grade name`. */
  readonly alarms: string[];

  /** The anchor of the section that this one is a part of. */
  readonly partOf?: string;
}

/** Returns the sections of docs/operations.md. */
export function runbook(): Section[] {
  const sections: Section[] = [];
  let chapter: string | undefined;
  for (const text of read("docs/operations.md")
    .split(/^(?=###? )/m)
    .slice(1)) {
    const [, level, heading = ""] = /^(###?) (.*)$/m.exec(text) ?? [];
    const anchor = heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-");
    const shownBy = /^\*\*Shown by\*\* ([\s\S]*?)\n\n/m.exec(text)?.[1] ?? "";
    if (level === "##") {
      chapter = anchor;
    }
    sections.push({
      anchor,
      isState: text.includes("**What it means.**"),
      statusLines: quoted(shownBy).filter((quote) => quote.includes(" ")),
      alarms: alarmsIn(shownBy),
      ...(level === "###" && chapter !== undefined && { partOf: chapter }),
    });
  }
  return sections;
}

/** Returns the lines of `outboxctl status` for each problem, from outboxctl's own test of them. */
export function statusLines(): string[] {
  const source = read("scripts/outboxctl/src/commands/status/judge.rs");
  const [, test = ""] =
    /fn each_problem_says_what_to_do\(\) \{([\s\S]*?)\n {4}\}\n/.exec(source) ?? [];
  return [...test.matchAll(/"([^"]+?): (?:outboxctl|look at) [^"]*"/g)].map(
    ([, line = ""]) => line,
  );
}

/** Returns whether a quote in the runbook matches this line. */
export function isAbout(words: string, line: string): boolean {
  const pattern = words.split("...").map((part) => part.replace(/[^\w\s]/g, "\\$&"));
  return new RegExp(`^${pattern.join(".*")}$`).test(line);
}

/** Reads a file of the repository. */
export function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
}

function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, quote = ""]) => quote.replaceAll("\n", " "));
}

function alarmsIn(text: string): string[] {
  let grade = "";
  const alarms: string[] = [];
  for (const [word] of text.matchAll(/\b(?:page|ticket)\b|\btickets\b|`\w*Alarms\w+`/g)) {
    if (word.startsWith("`")) {
      alarms.push(`${grade} ${word.slice(1, -1)}`);
    } else {
      grade = word.replace(/s$/, "");
    }
  }
  return alarms;
}
