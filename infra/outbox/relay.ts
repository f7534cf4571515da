import { Duration } from "aws-cdk-lib";
import { Alias, type Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import { grantOnTable, grantReadStream, type PublishingResources } from "./outbox-grants.ts";
import { createPublishingFunction } from "./publishing-function.ts";
import type { TransactionalOutboxProps } from "./transactional-outbox-props.ts";

/** Mostly reserved for retries: a batch takes well under a second. */
export const RELAY_TIMEOUT = Duration.seconds(60);

/** Creates the function that publishes the events of a stream. */
export function createRelay(
  outbox: PublishingResources & Construct,
  props: TransactionalOutboxProps,
  streamArn: string,
): LambdaFunction {
  const relay = createPublishingFunction(outbox, "Relay", {
    crate: "publish-events",
    settings: props,
    description: "Publishes the events of the outbox",
    code: props.relayCode,
    timeout: RELAY_TIMEOUT,
    ...(props.relayReservedConcurrency !== undefined && {
      reservedConcurrentExecutions: props.relayReservedConcurrency,
    }),
    withoutDeadLetterQueue:
      "Lambda never invokes it asynchronously, and its stream mapping has a dead-letter queue.",
  });
  grantReadStream(relay, streamArn);
  if (outbox.order !== "BestEffort") {
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
