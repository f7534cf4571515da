import { Stack } from "aws-cdk-lib";
import type { Role } from "aws-cdk-lib/aws-iam";
import { acknowledge } from "./acknowledge.ts";

/** An ARN with its tokens resolved, in the forms that cdk-nag reads. */
type Resolved =
  | string
  | { readonly "Fn::Join": readonly [string, readonly Resolved[]] }
  | { readonly "Fn::GetAtt": readonly [string, string] }
  | { readonly "Fn::ImportValue": Resolved }
  | { readonly Ref: string };

/** Records for cdk-nag why a role is granted actions on an ARN with a wildcard. */
export function acknowledgeWildcard(role: Role, resourceArn: string, reason: string): void {
  const arn = cdkNagArn(Stack.of(role).resolve(resourceArn));
  acknowledge(role, ["AwsSolutions"], `IAM5[Resource::${arn}]`, reason);
}

/** Returns an ARN as cdk-nag writes it: tokens that are resolved at deployment in `<>`, as in `<Table.Arn>/stream/*`. */
function cdkNagArn(resolved: Resolved): string {
  if (typeof resolved === "string") {
    return resolved;
  }
  if ("Fn::Join" in resolved) {
    const [delimiter, parts] = resolved["Fn::Join"];
    return parts.map(cdkNagArn).join(delimiter);
  }
  if ("Fn::GetAtt" in resolved) {
    return `<${resolved["Fn::GetAtt"].join(".")}>`;
  }
  if ("Fn::ImportValue" in resolved) {
    return cdkNagArn(resolved["Fn::ImportValue"]);
  }
  return "Ref" in resolved ? `<${resolved.Ref}>` : JSON.stringify(resolved);
}
