import { readFileSync } from "node:fs";

/** A section of the runbook, with the sections below it left out. */
export interface Section {
  /** What links and alarms name it by. */
  readonly anchor: string;

  /** Whether it is about a state of the system, and not about a procedure. */
  readonly isState: boolean;

  /** The lines of `outboxctl status` that lead there, `...` for what varies. */
  readonly statusLines: string[];

  /** The alarms that lead there, as `grade name`. */
  readonly alarms: string[];

  /** The anchor of the section that this one is a part of. */
  readonly partOf?: string;
}

/** The sections of docs/operations.md. */
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

/** What `outboxctl status` says of each problem; its own tests hold it to these lines. */
export function statusLines(): string[] {
  const source = read("scripts/outboxctl/src/commands/status/problems.rs");
  const [, test = ""] =
    /fn each_problem_says_what_to_type\(\) \{([\s\S]*?)\n {4}\}\n/.exec(source) ?? [];
  return [...test.matchAll(/"([^"]+?): (?:outboxctl|look at) [^"]*"/g)].map(
    ([, line = ""]) => line,
  );
}

/** Whether the runbook's words are about this line. */
export function isAbout(words: string, line: string): boolean {
  const pattern = words.split("...").map((part) => part.replace(/[^\w\s]/g, "\\$&"));
  return new RegExp(`^${pattern.join(".*")}$`).test(line);
}

/** A file of the repository. */
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
