import type { Construct } from "constructs";

/**
 * Says why a rule of cdk-nag's AwsSolutions may be broken, as `Validations.acknowledge` of the CDK
 * records it. Not by that class, which older versions of the CDK lack.
 */
export function acknowledge(construct: Construct, rule: string, reason: string): void {
  construct.node.addMetadata("aws:cdk:acknowledged-rules", { [`AwsSolutions::${rule}`]: reason });
}
