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

/** By type of resource, the property that holds the ARN of the stream it reads. */
const STREAM_PROPERTIES: Readonly<Record<string, string>> = {
  "AWS::Lambda::EventSourceMapping": "EventSourceArn",
  "AWS::Pipes::Pipe": "Source",
};

/**
 * The resources of the same stage that read a table's stream, whichever construct
 * made them: as far as can be seen when the app is synthesized.
 */
export function streamReaders(
  scope: IConstruct,
  table: { readonly tableArn: string; readonly tableStreamArn?: string },
): CfnResource[] {
  const streamArn = comparable(scope, table.tableStreamArn);
  // Of an imported table, others may name an older stream.
  const anyStreamArn = `${comparable(scope, table.tableArn)}/stream/`;
  return (Stage.of(scope) ?? scope.node.root).node
    .findAll()
    .filter((construct) => CfnResource.isCfnResource(construct))
    .filter((resource) => {
      const read = comparable(resource, streamRead(resource));
      return read === streamArn || read.startsWith(anyStreamArn);
    });
}

/** The ARN of the stream that a resource reads, be it set by a property or an override. */
function streamRead(resource: CfnResource): unknown {
  const property = STREAM_PROPERTIES[resource.cfnResourceType];
  if (property === undefined) {
    return undefined;
  }
  // There is no public way to the properties of every CfnResource. The CDK renders
  // templates by this one, since its first version.
  const { Resources } = (resource as unknown as Rendered)._toCloudFormation();
  const [rendered] = Object.values(resolve(resource, Resources) as Resources);
  return rendered?.Properties?.[property];
}

type Resources = Record<string, { readonly Properties?: Record<string, unknown> }>;

interface Rendered {
  _toCloudFormation(): { readonly Resources: unknown };
}

/** An ARN as text that is the same wherever in the app it is written. */
function comparable(scope: IConstruct, arn: unknown): string {
  const resolved = resolve(scope, arn);
  const text = typeof resolved === "string" ? resolved : (JSON.stringify(resolved) ?? "");
  // An account is in one partition, which may be written or not.
  return text.replace(/^arn:(aws[\w-]*|\{"Ref":"AWS::Partition"\}):/, "arn::");
}

function resolve(scope: IConstruct, value: unknown): unknown {
  const resolver = new ComparableTokens(scope);
  return Tokenization.resolve(value, { scope, resolver, preparing: false });
}

/** Joins the parts of a string to text, those that are known only when deployed too. */
class Text extends StringConcat {
  override join(left: unknown, right: unknown): string {
    return [left, right]
      .filter((part) => part !== undefined)
      .map((part) => (typeof part === "string" ? part : JSON.stringify(part)))
      .join("");
  }
}

/**
 * Resolves what another stack refers to by an export, and itself directly, to the
 * same text, and what depends on the environment to that of the stack.
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
