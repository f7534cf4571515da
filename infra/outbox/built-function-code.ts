import { existsSync } from "node:fs";
import { join } from "node:path";
import { Code } from "aws-cdk-lib/aws-lambda";

/** A function's executable is missing. */
export class NotBuiltError extends Error {
  constructor(path: string, buildCommand: string) {
    super(`${path} does not exist: build the functions first, with '${buildCommand}'`);
    this.name = "NotBuiltError";
  }
}

export interface BuiltFunctionCodeProps {
  /** cargo-lambda's output directory. */
  readonly directory: string;

  /** What a person runs to fill it. */
  readonly buildCommand: string;
}

/**
 * The code of functions that cargo-lambda has built.
 *
 * The directory becomes the asset, not cargo-lambda's zip: a zip holds the time
 * of the build, so every build would look like a change.
 */
export class BuiltFunctionCode {
  readonly #props: BuiltFunctionCodeProps;

  constructor(props: BuiltFunctionCodeProps) {
    this.#props = props;
  }

  /**
   * The code of one function.
   *
   * @param name the function's crate
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
