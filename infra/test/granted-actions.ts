/** An action that a role may take, and the output of the stack that names what it may take it on. */
export interface GrantedAction {
  readonly action: string;
  /** A logical id, if no output names it. */
  readonly on: string;
}

/** What a function's role may do. */
export interface GrantedActions {
  /** What the function's own code is for. */
  readonly function: GrantedAction[];
  /** What Lambda does in its name: to log, to trace, to read what invokes it. */
  readonly lambda: GrantedAction[];
}

/** As much of a template as it takes. */
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

/** What each function may do, by the name of its crate, as its output has it: `CreateOrderFunctionName`. */
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

/** `OutboxTableName` of the ARN of the outbox table: by the output that has its `Ref`. */
function nameOf(template: FunctionsTemplate, resource: unknown): string {
  const logicalId = logicalIdIn(resource);
  const named = Object.entries(template.Outputs).find(
    ([, { Value }]) => (Value as { Ref?: string }).Ref === logicalId,
  );
  return named?.[0] ?? logicalId;
}

/** The resource that a `Ref` or an `Fn::GetAtt` points to; any other value as it is. */
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
