import {
  CfnResource,
  DefaultTokenResolver,
  type IPostProcessor,
  type IResolvable,
  type IResolveContext,
  Reference,
  Stack,
  Stage,
  StringConcat,
  Token,
  Tokenization,
} from "aws-cdk-lib";
import type { IConstruct } from "constructs";

/** For each resource type that can read a stream, the property with the stream's ARN. */
const STREAM_PROPERTIES: Readonly<Record<string, string>> = {
  "AWS::Lambda::EventSourceMapping": "EventSourceArn",
  "AWS::Pipes::Pipe": "Source",
};

/**
 * Returns the resources of the same stage that read a table's stream, no matter which
 * construct created them. Resources outside of the app are not seen.
 */
export function streamReaders(
  scope: IConstruct,
  table: { readonly tableArn: string; readonly tableStreamArn?: string },
): CfnResource[] {
  const streamArn = comparable(scope, table.tableStreamArn);
  // Another resource may read an older stream of an imported table.
  const anyStreamArn = `${comparable(scope, table.tableArn)}/stream/`;
  return (Stage.of(scope) ?? scope.node.root).node
    .findAll()
    .filter((construct) => CfnResource.isCfnResource(construct))
    .filter((resource) => {
      const read = comparable(resource, streamRead(resource));
      return read === streamArn || read.startsWith(anyStreamArn);
    });
}

/** Returns the ARN of the stream that a resource reads, set by a property or an override. */
function streamRead(resource: CfnResource): unknown {
  const property = STREAM_PROPERTIES[resource.cfnResourceType];
  if (property === undefined) {
    return undefined;
  }
  // The CDK has no public method that returns the properties of any CfnResource. It has
  // rendered templates with this one since its first version.
  const { Resources } = (resource as unknown as Rendered)._toCloudFormation();
  const [rendered] = Object.values(resolve(resource, Resources) as Resources);
  return rendered?.Properties?.[property];
}

type Resources = Record<string, { readonly Properties?: Record<string, unknown> }>;

interface Rendered {
  _toCloudFormation(): { readonly Resources: unknown };
}

/** Returns an ARN as text that is equal for equal ARNs, in whichever stack they are written. */
function comparable(scope: IConstruct, arn: unknown): string {
  const resolved = resolve(scope, arn);
  const text = typeof resolved === "string" ? resolved : (JSON.stringify(resolved) ?? "");
  // An account is in one partition, so a written partition and the token are equal.
  return text.replace(/^arn:(aws[\w-]*|\{"Ref":"AWS::Partition"\}):/, "arn::");
}

function resolve(scope: IConstruct, value: unknown): unknown {
  const resolver = new ComparableTokens(scope);
  return Tokenization.resolve(value, { scope, resolver, preparing: false });
}

/** Joins the parts of a string to text, including tokens that are resolved at deployment. */
class Text extends StringConcat {
  override join(left: unknown, right: unknown): string {
    return [left, right]
      .filter((part) => part !== undefined)
      .map((part) => (typeof part === "string" ? part : JSON.stringify(part)))
      .join("");
  }
}

/**
 * Resolves tokens so that ARNs from different stacks can be compared: a reference within
 * its stack and one by an export become the same text, and the pseudo parameters become
 * the stack's account and Region.
 */
class ComparableTokens extends DefaultTokenResolver {
  readonly #environment: Readonly<Record<string, string>>;

  constructor(scope: IConstruct) {
    super(new Text());
    const { account, region } = Stack.of(scope);
    this.#environment = {
      ...(!Token.isUnresolved(account) && { "AWS::AccountId": account }),
      ...(!Token.isUnresolved(region) && { "AWS::Region": region }),
    };
  }

  override resolveToken(
    token: IResolvable,
    context: IResolveContext,
    postProcessor: IPostProcessor,
  ): unknown {
    if (Reference.isReference(token) && !token.displayName.startsWith("AWS::")) {
      return `<${token.target.node.path} ${token.displayName}>`;
    }
    const resolved: unknown = super.resolveToken(token, context, postProcessor);
    const { Ref: name } = (resolved ?? {}) as { readonly Ref?: string };
    return (name !== undefined && this.#environment[name]) || resolved;
  }
}
