import { existsSync } from "node:fs";
import { join } from "node:path";
import { Code } from "aws-cdk-lib/aws-lambda";

/** A function's executable is missing. */
export class NotBuiltError extends Error {
  constructor(path: string) {
    super(`${path} does not exist: build the functions first, with 'make build'`);
    this.name = "NotBuiltError";
  }
}

/**
 * The code of functions that cargo-lambda has built.
 *
 * The directory becomes the asset, not cargo-lambda's zip: a zip holds the time
 * of the build, so every build would look like a change.
 */
export class BuiltFunctionCode {
  readonly #directory: string;

  /** @param directory cargo-lambda's output, `target/lambda` */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * The code of one function.
   *
   * @param name the function's crate
   * @throws NotBuiltError if it has not been built
   */
  of(name: string): Code {
    const directory = join(this.#directory, name);
    const executable = join(directory, "bootstrap");
    if (!existsSync(executable)) {
      throw new NotBuiltError(executable);
    }
    return Code.fromAsset(directory);
  }
}
