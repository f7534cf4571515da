import { Duration } from "aws-cdk-lib";
import { Alias, type Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import { keepsOrder } from "./event-order.ts";
import type { LookUp } from "./look-up.ts";
import { grantOnTable, grantReadStream, type PublishingResources } from "./outbox-grants.ts";
import { createPublishingFunction } from "./publishing-function.ts";
import type { TransactionalOutboxProps } from "./transactional-outbox-props.ts";

/** Mostly reserved for retries: a batch takes well under a second. */
export const RELAY_TIMEOUT = Duration.seconds(60);

/** What the relay publishes from and to. */
export interface RelayedResources extends PublishingResources, Construct {
  /** Which records are looked up before they are published. */
  readonly lookUp: LookUp;
}

/** Creates the function that publishes the events of a stream. */
export function createRelay(
  outbox: RelayedResources,
  props: TransactionalOutboxProps,
  streamArn: string,
): LambdaFunction {
  const relay = createPublishingFunction(outbox, "Relay", {
    crate: "publish-events",
    settings: props,
    description: "Publishes the events of the outbox",
    ...(props.relayCode && { code: props.relayCode }),
    timeout: RELAY_TIMEOUT,
    environment: { LOOK_UP: outbox.lookUp },
    ...(props.relayReservedConcurrency !== undefined && {
      reservedConcurrentExecutions: props.relayReservedConcurrency,
    }),
    withoutDeadLetterQueue:
      "Lambda never invokes it asynchronously, and its stream mapping has a dead-letter queue.",
  });
  grantReadStream(relay, streamArn);
  if (keepsOrder(outbox.order)) {
    // What precedes an event in its aggregate.
    grantOnTable(outbox.table, relay, "dynamodb:Query");
  }
  return relay;
}

/** Creates the alias that the stream mapping invokes: it points to the newest version. */
export function createRelayAlias(scope: Construct, relay: LambdaFunction): Alias {
  return new Alias(scope, "RelayAlias", {
    aliasName: "live",
    version: relay.currentVersion,
  });
}
