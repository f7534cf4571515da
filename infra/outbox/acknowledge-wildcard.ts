import { Stack } from "aws-cdk-lib";
import type { Role } from "aws-cdk-lib/aws-iam";
import { acknowledge } from "./acknowledge.ts";

/** An ARN with its tokens resolved, as far as cdk-nag looks into it. */
type Resolved =
  | string
  | { readonly "Fn::Join": readonly [string, readonly Resolved[]] }
  | { readonly "Fn::GetAtt": readonly [string, string] }
  | { readonly "Fn::ImportValue": Resolved }
  | { readonly Ref: string };

/** Says why a role is granted something on an ARN with a wildcard, for whoever runs cdk-nag. */
export function acknowledgeWildcard(role: Role, resourceArn: string, reason: string): void {
  const arn = spelledByCdkNag(Stack.of(role).resolve(resourceArn));
  acknowledge(role, `AwsSolutions-IAM5[Resource::${arn}]`, reason);
}

/** cdk-nag's spelling of what is known at deployment only: `<Table.Arn>/stream/*`. */
function spelledByCdkNag(resolved: Resolved): string {
  if (typeof resolved === "string") {
    return resolved;
  }
  if ("Fn::Join" in resolved) {
    const [delimiter, parts] = resolved["Fn::Join"];
    return parts.map(spelledByCdkNag).join(delimiter);
  }
  if ("Fn::GetAtt" in resolved) {
    return `<${resolved["Fn::GetAtt"].join(".")}>`;
  }
  if ("Fn::ImportValue" in resolved) {
    return spelledByCdkNag(resolved["Fn::ImportValue"]);
  }
  return "Ref" in resolved ? `<${resolved.Ref}>` : JSON.stringify(resolved);
}
