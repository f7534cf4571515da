import { Stack } from "aws-cdk-lib";
import {
  type CfnEventSourceMapping,
  EventSourceMapping,
  FilterCriteria,
  FilterRule,
  type IFunction,
  MetricType,
  StartingPosition,
} from "aws-cdk-lib/aws-lambda";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { STREAM_MAPPING_DEFAULTS, type StreamMappingSettings } from "./stream-mapping.ts";

/** What a stream mapping connects. */
export interface OutboxStreamMappingProps {
  /** Settings of the app. */
  readonly settings: StreamMappingSettings & { readonly streamMappingEnabled?: boolean };

  /** The stream of the table. */
  readonly streamArn: string;

  /** What is invoked with the records. */
  readonly target: IFunction;

  /** The queue for messages about records that Lambda gave up. */
  readonly deadLetterQueue: IQueue;
}

/** Creates the mapping by which Lambda invokes the relay with the records of a table's stream. */
export function createStreamMapping(
  scope: Construct,
  { settings, streamArn, target, deadLetterQueue }: OutboxStreamMappingProps,
): EventSourceMapping {
  const mapping = new EventSourceMapping(scope, "StreamMapping", {
    ...STREAM_MAPPING_DEFAULTS,
    ...(settings.batchSize !== undefined && { batchSize: settings.batchSize }),
    ...(settings.parallelizationFactor !== undefined && {
      parallelizationFactor: settings.parallelizationFactor,
    }),
    ...(settings.maxBatchingWindow && { maxBatchingWindow: settings.maxBatchingWindow }),
    target,
    eventSourceArn: streamArn,
    enabled: settings.streamMappingEnabled ?? true,
    // LATEST could miss events that are committed while the mapping is created.
    startingPosition: StartingPosition.TRIM_HORIZON,
    filters: [FilterCriteria.filter({ eventName: FilterRule.isEqual("INSERT") })],
    bisectBatchOnError: true,
    reportBatchItemFailures: true,
    // Lambda uses the relay's role, which may already send to the queue. So `bind` adds no grant.
    onFailure: { bind: () => ({ destination: deadLetterQueue.queueArn }) },
    metricsConfig: { metrics: [MetricType.EVENT_COUNT] },
  });
  // With a new logical id CloudFormation would create a second mapping before it deletes
  // the first: both would read the stream from its start and publish pending events twice.
  const resource = mapping.node.defaultChild as CfnEventSourceMapping;
  resource.overrideLogicalId(`${idInStack(scope)}StreamMapping`);
  return mapping;
}

/** Returns a construct's path in its stack, as the start of a logical id. */
function idInStack(scope: Construct): string {
  const scopes = scope.node.scopes;
  const ids = scopes.slice(scopes.indexOf(Stack.of(scope)) + 1).map(({ node }) => node.id);
  return ids.join("").replaceAll(/[^A-Za-z0-9]/g, "");
}
