import { existsSync } from "node:fs";
import { join } from "node:path";
import { Code } from "aws-cdk-lib/aws-lambda";

/** The error for a function whose executable is missing. */
export class NotBuiltError extends Error {
  constructor(path: string, buildCommand: string) {
    super(`${path} does not exist: build the functions first, with '${buildCommand}'`);
    this.name = "NotBuiltError";
  }
}

export interface BuiltFunctionCodeProps {
  /** cargo-lambda's output directory. */
  readonly directory: string;

  /** The command that builds the functions into `directory`; error messages show it. */
  readonly buildCommand: string;
}

/**
 * Finds the code of functions that cargo-lambda has built.
 *
 * The directory becomes the asset, not cargo-lambda's zip: a zip contains the time of
 * the build, so every build would look like a change.
 */
export class BuiltFunctionCode {
  readonly #props: BuiltFunctionCodeProps;

  constructor(props: BuiltFunctionCodeProps) {
    this.#props = props;
  }

  /**
   * Returns the code of one function.
   *
   * @param name the name of the function's crate
   * @throws NotBuiltError if it has not been built
   */
  of(name: string): Code {
    const directory = join(this.#props.directory, name);
    const executable = join(directory, "bootstrap");
    if (!existsSync(executable)) {
      throw new NotBuiltError(executable, this.#props.buildCommand);
    }
    return Code.fromAsset(directory);
  }
}
