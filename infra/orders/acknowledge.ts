import { Validations } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { acknowledgeSameCheck } from "transactional-outbox";

/** The packs of standards, which mostly have the same rules. */
export const STANDARDS = ["NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321"] as const;

/**
 * Records why a construct may break a rule that these packs of cdk-nag have, and why its resource
 * may fail the check of checkov that finds the same.
 */
export function acknowledge(
  construct: Construct,
  packs: readonly string[],
  rule: string,
  reason: string,
): void {
  Validations.of(construct).acknowledge(
    ...packs.map((pack) => ({ id: `${pack}::${pack}-${rule}`, reason })),
  );
  acknowledgeSameCheck(construct, rule, reason);
}

/** Records why a log group has no key of its own. */
export function acknowledgeLogsWithoutKey(logGroup: Construct): void {
  acknowledge(
    logGroup,
    STANDARDS,
    "CloudWatchLogGroupEncrypted",
    "CloudWatch Logs encrypts it with a key of AWS; the setting customerManagedKey sets another one.",
  );
}
