import type { Duration } from "aws-cdk-lib";
import type { ITable } from "aws-cdk-lib/aws-dynamodb";
import type { IEventBus } from "aws-cdk-lib/aws-events";
import type { IPrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { Code } from "aws-cdk-lib/aws-lambda";
import type { AlarmTopics } from "./alarm-topics.ts";
import type { BusPublishersProps } from "./bus-publishers.ts";
import type { EventOrder } from "./event-order.ts";
import type { LookUp } from "./look-up.ts";
import type { OutboxTableProps } from "./outbox-table.ts";
import type { FunctionSettings } from "./publishing-function.ts";
import type { ReservedConcurrencyProps } from "./reserved-concurrency.ts";
import type { StreamMappingSettings } from "./stream-mapping.ts";

/** The settings of a transactional outbox. */
export interface TransactionalOutboxProps
  extends StreamMappingSettings,
    OutboxTableProps,
    ReservedConcurrencyProps,
    BusPublishersProps,
    FunctionSettings {
  /**
   * The relay: the `publish-events` function, built for `architecture`.
   *
   * @default the code in this package, for arm64
   */
  readonly relayCode?: Code;

  /**
   * The sweeper: the `sweep-outbox` function, built for `architecture`.
   *
   * @default the code in this package, for arm64
   */
  readonly sweeperCode?: Code;

  /**
   * The CloudEvents sources that this outbox may publish, such as `orders`. The relay
   * parks rows of any other source, and IAM rejects their events: a writer of the table
   * can't publish under another service's name.
   */
  readonly sources: readonly string[];

  /**
   * In which order the events of an aggregate are published. The events of different
   * aggregates are not ordered.
   *
   * @default `InSequence`
   */
  readonly order?: EventOrder;

  /**
   * Which records the relay looks up before it publishes them. Set `Always` if functions may
   * publish at once: see `grantPublishAtOnce`.
   *
   * @default `WhenOld`
   */
  readonly lookUp?: LookUp;

  /**
   * The bus that events are published to. It must exist as long as the outbox does.
   *
   * @default a new bus, which outlives the stack
   */
  readonly eventBus?: IEventBus;

  /**
   * An existing table for the events. It needs the keys `aggregateId` and `position`,
   * both strings, a stream of new images, the time-to-live attribute `expiresAt`, and
   * no replicas. Nothing else may read its stream: no other outbox, event source
   * mapping or pipe.
   *
   * @default a new table with `removalPolicy`, `deletionProtection`,
   * `pointInTimeRecovery` and `tableEncryption`
   */
  readonly table?: ITable;

  /**
   * A key of your own for everything that the outbox creates: the table, the dead-letter
   * queue, the log groups and the bus, which gets a dead-letter queue then. A table or a
   * bus that you pass keeps its own encryption. Roles may use the key only through
   * DynamoDB and SQS. The stack needs a Region.
   *
   * The construct adds what services need to the key's policy. That of an imported key
   * must already allow CloudWatch Logs and EventBridge to use it.
   *
   * @default keys of AWS
   */
  readonly encryptionKey?: IKey;

  /**
   * Whether Lambda reads the stream. Turn it off if something else invokes the
   * relay: with both, events are published twice.
   *
   * @default true
   */
  readonly streamMappingEnabled?: boolean;

  /**
   * How old an event is before the sweeper publishes it. A shorter period publishes
   * events sooner that the stream missed; it must be longer than the relay may take.
   *
   * @default Duration.minutes(15), which is the maximum
   */
  readonly sweepGracePeriod?: Duration;

  /**
   * Who may assume the operator role, such as a role of your identity provider.
   * `new AccountRootPrincipal().withConditions({ Bool: { "aws:MultiFactorAuthPresent": "true" } })`
   * admits only sessions with MFA.
   *
   * @default the account, whose IAM policies then decide
   */
  readonly operatorPrincipals?: readonly IPrincipal[];

  /**
   * The topics for alarms about problems that the outbox cannot fix by itself.
   * CloudWatch must be allowed to publish to them.
   *
   * @default no alarms
   */
  readonly alarmTopics?: AlarmTopics;

  /**
   * The runbook that the alarms link to, by a URL or a path: your copy of
   * `docs/operations.md`, or a document with the same sections.
   *
   * @default docs/operations.md in the repository that this package comes from
   */
  readonly runbookLink?: string;
}
