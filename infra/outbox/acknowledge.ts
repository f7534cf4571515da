import type { Construct } from "constructs";
import { acknowledgeSameCheck } from "./acknowledge-check.ts";

/** The rule packs of cdk-nag whose findings are acknowledged where they arise. */
export type RulePack =
  | "AwsSolutions"
  | "Serverless"
  | "NIST.800.53.R5"
  | "HIPAA.Security"
  | "PCI.DSS.321";

/** The packs of standards, which mostly have the same rules. */
export const STANDARDS = ["NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321"] as const;

/**
 * Records why a construct may break a rule that packs of cdk-nag have, in the format of the
 * CDK's `Validations.acknowledge`. That class itself is missing in the older CDK versions
 * that this package supports. checkov reads the same reason from the template.
 */
export function acknowledge(
  construct: Construct,
  packs: readonly RulePack[],
  rule: string,
  reason: string,
): void {
  for (const pack of packs) {
    construct.node.addMetadata("aws:cdk:acknowledged-rules", {
      [`${pack}::${pack}-${rule}`]: reason,
    });
  }
  acknowledgeSameCheck(construct, rule, reason);
}
