/** An action that a role is allowed, and the stack output that names the resource. */
export interface GrantedAction {
  readonly action: string;
  /** The name of the output, or the logical id if no output names the resource. */
  readonly on: string;
}

/** The permissions of a function's role. */
export interface GrantedActions {
  /** Actions of the function's own code. */
  readonly function: GrantedAction[];
  /** Actions of Lambda with the function's role: logs, traces, reading the event source. */
  readonly lambda: GrantedAction[];
}

/** The parts of a template that are read here. */
export interface FunctionsTemplate {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs: Readonly<Record<string, { readonly Value: unknown }>>;
}

interface Resource {
  readonly Type: string;
  readonly Properties?: {
    readonly Role?: unknown;
    readonly Roles?: readonly { readonly Ref: string }[];
    readonly PolicyDocument?: { readonly Statement: readonly Statement[] };
  };
}

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
}

const BY_LAMBDA = [
  "dynamodb:DescribeStream",
  "dynamodb:GetRecords",
  "dynamodb:GetShardIterator",
  "dynamodb:ListStreams",
  "logs:CreateLogStream",
  "logs:PutLogEvents",
  "sqs:DeleteMessage",
  "sqs:GetQueueAttributes",
  "sqs:ReceiveMessage",
  "xray:PutTelemetryRecords",
  "xray:PutTraceSegments",
];

/** Returns each function's permissions by the name of its crate, which its output contains: `CreateOrderFunctionName`. */
export function grantedActions(template: FunctionsTemplate): Record<string, GrantedActions> {
  const functions = Object.entries(template.Outputs).flatMap(([output, { Value }]) => {
    const [, name] = /^(\w+)FunctionName$/.exec(output) ?? [];
    return name === undefined ? [] : ([[kebabCase(name), logicalIdIn(Value)]] as const);
  });
  return Object.fromEntries(
    functions.map(([crate, logicalId]) => {
      const role = logicalIdIn(template.Resources[logicalId]?.Properties?.Role);
      const granted = actionsOf(template, role);
      return [
        crate,
        {
          function: granted.filter(({ action }) => !BY_LAMBDA.includes(action)),
          lambda: granted.filter(({ action }) => BY_LAMBDA.includes(action)),
        },
      ];
    }),
  );
}

function actionsOf(template: FunctionsTemplate, role: string): GrantedAction[] {
  return Object.values(template.Resources)
    .filter(({ Type }) => Type === "AWS::IAM::Policy")
    .filter(({ Properties }) => Properties?.Roles?.some(({ Ref }) => Ref === role))
    .flatMap(({ Properties }) => Properties?.PolicyDocument?.Statement ?? [])
    .flatMap(({ Action, Resource }) =>
      [Action]
        .flat()
        .flatMap((action) =>
          [Resource].flat().map((resource) => ({ action, on: nameOf(template, resource) })),
        ),
    )
    .sort((one, other) => `${one.action} ${one.on}`.localeCompare(`${other.action} ${other.on}`));
}

/** Returns the name of the output with a resource's `Ref`, such as `OutboxTableName` for the ARN of the outbox table. */
function nameOf(template: FunctionsTemplate, resource: unknown): string {
  const logicalId = logicalIdIn(resource);
  const named = Object.entries(template.Outputs).find(
    ([, { Value }]) => (Value as { Ref?: string }).Ref === logicalId,
  );
  return named?.[0] ?? logicalId;
}

/** Returns the logical id in a `Ref` or an `Fn::GetAtt`, or any other value as text. */
function logicalIdIn(value: unknown): string {
  const { Ref, "Fn::GetAtt": attribute } = (value ?? {}) as {
    Ref?: string;
    "Fn::GetAtt"?: readonly [string, string];
  };
  return Ref ?? attribute?.[0] ?? (typeof value === "string" ? value : JSON.stringify(value));
}

function kebabCase(pascalCase: string): string {
  return pascalCase.replaceAll(/(?<=.)(?=[A-Z])/g, "-").toLowerCase();
}
