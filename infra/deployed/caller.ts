import { GetCallerIdentityCommand, type STSClient } from "@aws-sdk/client-sts";
import { CommandError, reasonOf } from "./command.ts";

/**
 * The account and Region that commands reach, and as whom.
 *
 * @throws CommandError if there is no Region, or no credentials that AWS takes
 */
export async function describeAccount(sts: STSClient): Promise<string> {
  const region = await sts.config.region().catch((cause: unknown) => {
    throw new CommandError("no Region is set: export AWS_REGION, or give your profile one", {
      cause,
    });
  });
  const caller = await sts.send(new GetCallerIdentityCommand()).catch((cause: unknown) => {
    throw new CommandError(
      `AWS does not say who you are: ${reasonOf(cause)}. Sign in, or export AWS_PROFILE`,
      { cause },
    );
  });
  return `account ${caller.Account}, Region ${region}, as ${caller.Arn}`;
}
