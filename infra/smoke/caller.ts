import { GetCallerIdentityCommand, type STSClient } from "@aws-sdk/client-sts";
import { CommandError, reasonOf } from "./command.ts";

/**
 * Returns the account, the Region and the identity that commands use.
 *
 * @throws CommandError if no Region is set, or if AWS rejects the credentials
 */
export async function describeAccount(sts: STSClient): Promise<string> {
  const region = await sts.config.region().catch((cause: unknown) => {
    throw new CommandError("no Region is set: export AWS_REGION, or give your profile one", {
      cause,
    });
  });
  const caller = await sts.send(new GetCallerIdentityCommand()).catch((cause: unknown) => {
    throw new CommandError(
      `AWS rejects the credentials: ${reasonOf(cause)}. Sign in, or export AWS_PROFILE`,
      { cause },
    );
  });
  return `account ${caller.Account}, Region ${region}, as ${caller.Arn}`;
}
