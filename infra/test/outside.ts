import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

/** The root of the repository. */
export const REPOSITORY = resolve(import.meta.dirname, "../..");

/** How a program ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A temporary folder outside of the project, with stubs of the programs that its scripts call. */
export class Outside {
  readonly directory = mkdtempSync(join(tmpdir(), "out side-"));

  path(name: string): string {
    return join(this.directory, name);
  }

  write(name: string, content: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), content);
  }

  /** Writes a program as a shell script with these lines. */
  program(name: string, ...lines: string[]): void {
    this.write(name, ["#!/bin/sh", "set -eu", ...lines, ""].join("\n"));
    chmodSync(this.path(name), 0o755);
  }

  /** Runs a program in this folder, with `bin` first in PATH. */
  run(program: string, parameters: string[], environment: Record<string, string> = {}): Ended {
    return spawnSync(program, parameters, {
      cwd: this.directory,
      encoding: "utf8",
      env: { ...process.env, PATH: `${this.path("bin")}:${process.env.PATH}`, ...environment },
    });
  }
}
