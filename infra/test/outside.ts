import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

/** The project. */
export const REPOSITORY = resolve(import.meta.dirname, "../..");

/** How a program ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder outside of the project, in which programs are run that scripts of the project call. */
export class Outside {
  readonly directory = mkdtempSync(join(tmpdir(), "out side-"));

  path(name: string): string {
    return join(this.directory, name);
  }

  write(name: string, content: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), content);
  }

  /** A program, by its lines of shell. */
  program(name: string, ...lines: string[]): void {
    this.write(name, ["#!/bin/sh", "set -eu", ...lines, ""].join("\n"));
    chmodSync(this.path(name), 0o755);
  }

  /** Runs a program here, and finds those in `bin` before others. */
  run(program: string, parameters: string[], environment: Record<string, string> = {}): Ended {
    return spawnSync(program, parameters, {
      cwd: this.directory,
      encoding: "utf8",
      env: { ...process.env, PATH: `${this.path("bin")}:${process.env.PATH}`, ...environment },
    });
  }
}
