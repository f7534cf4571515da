import { CfnResource, RemovalPolicy, Stack } from "aws-cdk-lib";
import {
  AttributeType,
  Billing,
  CfnGlobalTable,
  CfnTable,
  type ITable,
  StreamViewType,
  TableEncryptionV2,
  TableV2,
} from "aws-cdk-lib/aws-dynamodb";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { Construct } from "constructs";

const PARTITION_KEY = { name: "aggregateId", type: AttributeType.STRING };
const SORT_KEY = { name: "position", type: AttributeType.STRING };

// Only discarded rows have the attribute, so no pending row ever expires.
const TIME_TO_LIVE_ATTRIBUTE = "expiresAt";

/** Settings of the table, if the outbox creates it. */
export interface OutboxTableProps {
  /**
   * What happens to the table when the stack is deleted.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;

  /**
   * Whether the table is protected from deletion.
   *
   * @default true
   */
  readonly deletionProtection?: boolean;

  /**
   * Whether the table can be restored to a point in time. A restored table contains
   * events that have been published since, and lacks events committed since.
   *
   * @default true
   */
  readonly pointInTimeRecovery?: boolean;

  /**
   * How the table is encrypted, if not with `encryptionKey`.
   *
   * @default a key owned by AWS
   */
  readonly tableEncryption?: TableEncryptionV2;
}

/** Creates the table of an outbox, encrypted with this key if there is one. */
export function createOutboxTable(
  scope: Construct,
  id: string,
  props: OutboxTableProps,
  encryptionKey: IKey | undefined,
): TableV2 {
  if (encryptionKey !== undefined && props.tableEncryption !== undefined) {
    throw new Error(
      "encryptionKey also encrypts the table: leave out tableEncryption, or encryptionKey",
    );
  }
  const encryption =
    encryptionKey === undefined
      ? props.tableEncryption
      : TableEncryptionV2.customerManagedKey(encryptionKey);
  return new TableV2(scope, id, {
    partitionKey: PARTITION_KEY,
    sortKey: SORT_KEY,
    billing: Billing.onDemand(),
    dynamoStream: StreamViewType.NEW_IMAGE,
    timeToLiveAttribute: TIME_TO_LIVE_ATTRIBUTE,
    removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
    deletionProtection: props.deletionProtection ?? true,
    pointInTimeRecoverySpecification: {
      pointInTimeRecoveryEnabled: props.pointInTimeRecovery ?? true,
    },
    ...(encryption && { encryption }),
  });
}

/** Rejects table settings if the outbox is given an existing table. */
export function requireNoTableProps(props: OutboxTableProps): void {
  for (const name of [
    "removalPolicy",
    "deletionProtection",
    "pointInTimeRecovery",
    "tableEncryption",
  ] as const satisfies (keyof OutboxTableProps)[]) {
    if (props[name] !== undefined) {
      throw new Error(
        `${name} applies only to a table that the outbox creates: set it where the given table is created`,
      );
    }
  }
}

/**
 * Returns the ARN of a table's stream.
 *
 * @throws Error if the table has no stream
 */
export function requireStream(table: ITable): string {
  if (table.tableStreamArn === undefined) {
    throw new Error(
      `table ${table.node.path} has no stream, from which the relay reads events: ` +
        "enable one with NEW_IMAGE; for an imported table, give tableStreamArn",
    );
  }
  return table.tableStreamArn;
}

/**
 * Returns why a table cannot be used for an outbox, as far as the app shows it when
 * it is synthesized. An imported table shows nothing.
 */
export function outboxTableFaults(table: ITable): string[] {
  const resource = table.node.defaultChild;
  if (!(resource instanceof CfnGlobalTable || resource instanceof CfnTable)) {
    return [];
  }
  const stack = Stack.of(resource);
  const { keySchema, attributeDefinitions, streamSpecification, timeToLiveSpecification } =
    stack.resolve({
      keySchema: resource.keySchema,
      attributeDefinitions: resource.attributeDefinitions,
      streamSpecification: resource.streamSpecification,
      timeToLiveSpecification: resource.timeToLiveSpecification,
    }) as TableShape;
  const typeOf = (name: string) =>
    attributeDefinitions.find(({ attributeName }) => attributeName === name)?.attributeType;
  const keys = keySchema
    .map(({ attributeName, keyType }) => `${keyType} ${attributeName} (${typeOf(attributeName)})`)
    .join(", ");
  const faults: string[] = [];
  const wanted = `HASH ${PARTITION_KEY.name} (S), RANGE ${SORT_KEY.name} (S)`;
  if (keys !== wanted) {
    faults.push(`the key of the Outbox table must be ${wanted}, but is ${keys}`);
  }
  const view = streamSpecification?.streamViewType;
  if (view !== StreamViewType.NEW_IMAGE && view !== StreamViewType.NEW_AND_OLD_IMAGES) {
    faults.push(
      `the stream of the Outbox table must have new images, or the relay receives no events: it is ${view}`,
    );
  }
  const expiry = timeToLiveSpecification?.attributeName;
  if (expiry !== TIME_TO_LIVE_ATTRIBUTE) {
    faults.push(
      `the Outbox table's time to live must be the attribute ${TIME_TO_LIVE_ATTRIBUTE}, ` +
        `which deletes discarded events: it is ${expiry}`,
    );
  }
  faults.push(...replicaFaults(table, resource));
  return faults;
}

/** A table's properties with their tokens resolved. */
interface TableShape {
  readonly keySchema: { readonly attributeName: string; readonly keyType: string }[];
  readonly attributeDefinitions: {
    readonly attributeName: string;
    readonly attributeType: string;
  }[];
  readonly streamSpecification?: { readonly streamViewType?: string };
  readonly timeToLiveSpecification?: { readonly attributeName?: string };
}

/** Returns an error for a table with replicas: every Region's relay would publish every event. */
function replicaFaults(table: ITable, resource: CfnGlobalTable | CfnTable): string[] {
  const replicas =
    resource instanceof CfnGlobalTable
      ? (Stack.of(resource).resolve(resource.replicas) as unknown[]).length - 1
      : table.node
          .findAll()
          .filter(
            (child) =>
              CfnResource.isCfnResource(child) &&
              child.cfnResourceType === "Custom::DynamoDBReplica",
          ).length;
  return replicas === 0
    ? []
    : [
        `the Outbox table has replicas (${replicas}): each Region's relay would publish every event. ` +
          "Keep it in one Region",
      ];
}
