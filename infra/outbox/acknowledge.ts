import type { Construct } from "constructs";

/**
 * Records why a construct may break a rule of cdk-nag's AwsSolutions, in the format of the CDK's
 * `Validations.acknowledge`. That class itself is missing in the older CDK versions that this package supports.
 */
export function acknowledge(construct: Construct, rule: string, reason: string): void {
  construct.node.addMetadata("aws:cdk:acknowledged-rules", { [`AwsSolutions::${rule}`]: reason });
}
