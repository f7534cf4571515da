// Prints which account and Region the commands that follow will change.
import { STSClient } from "@aws-sdk/client-sts";
import { describeAccount } from "./caller.ts";
import { runCommand } from "./command.ts";

await runCommand(async () => console.log(await describeAccount(new STSClient())));
