import { Duration } from "aws-cdk-lib";
import { MathExpression, Metric, Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { ITable } from "aws-cdk-lib/aws-dynamodb";
import type { IEventSourceMapping, IFunction } from "aws-cdk-lib/aws-lambda";
import type { IQueue } from "aws-cdk-lib/aws-sqs";

/** The CloudWatch namespace of the metrics of the functions that publish. */
export const OUTBOX_NAMESPACE = "TransactionalOutbox";

/** The metrics that the relay writes to its log for each batch. */
export const RELAY_METRICS = [
  "Published",
  "Skipped",
  "Parked",
  "Failed",
  "Undeleted",
  "LeftToSweeper",
  "Held",
  "Unanswered",
  "Halted",
  "CommitToPublish",
] as const;

/**
 * The metrics that a function that publishes at once writes to its log for each invocation that
 * has committed events. `Unanswered` has the relay's name, because it means the same for consumers.
 */
export const AT_ONCE_METRICS = [
  "PublishedAtOnce",
  "LeftToStream",
  "Unanswered",
  "CommitToPublishAtOnce",
] as const;

/** The metrics that the sweeper writes to its log for each sweep. */
export const SWEEPER_METRICS = [
  "PendingEvents",
  "OldestPendingAge",
  "HeldEvents",
  "ParkedEvents",
  "Swept",
  "SweptParked",
  "SweepFailed",
  "SweepCutShort",
] as const;

export type OutboxMetricName =
  | (typeof RELAY_METRICS)[number]
  | (typeof AT_ONCE_METRICS)[number]
  | (typeof SWEEPER_METRICS)[number];

/** The metrics that Lambda reports for a stream mapping with `EventCount`. */
export type StreamMappingMetricName =
  | "PolledEventCount"
  | "FilteredOutEventCount"
  | "InvokedEventCount"
  | "FailedInvokeEventCount"
  | "DroppedEventCount"
  | "OnFailureDestinationDeliveredEventCount";

/** The sweeper's interval: it writes its metrics once per sweep. */
const PERIOD = Duration.minutes(5);

/** The resources whose metrics are read. */
export interface OutboxMetricsProps {
  readonly table: ITable;
  readonly deadLetterQueue: IQueue;
  readonly relay: IFunction;
  readonly streamMapping: IEventSourceMapping;
}

/** The CloudWatch metrics of one outbox. */
export class OutboxMetrics {
  readonly #props: OutboxMetricsProps;

  constructor(props: OutboxMetricsProps) {
    this.#props = props;
  }

  /** Returns a metric of the relay, the sweeper, or all functions that publish at once. */
  outboxMetric(metricName: OutboxMetricName, statistic: string): Metric {
    return new Metric({
      namespace: OUTBOX_NAMESPACE,
      metricName,
      dimensionsMap: { Outbox: this.#props.table.tableName },
      statistic,
      period: PERIOD,
    });
  }

  /** Returns the number of sweeps that wrote their metrics; 0 if there was none, rather than no data. */
  sweeps(): MathExpression {
    return new MathExpression({
      // With missing data an alarm waits for several more periods before it changes state.
      expression: "FILL(sweeps, 0)",
      usingMetrics: { sweeps: this.outboxMetric("PendingEvents", Stats.SAMPLE_COUNT) },
      label: "sweeps",
      period: PERIOD,
    });
  }

  /** Returns a metric of the stream mapping. */
  streamMappingMetric(metricName: StreamMappingMetricName): Metric {
    return new Metric({
      namespace: "AWS/Lambda",
      metricName,
      dimensionsMap: { EventSourceMappingUUID: this.#props.streamMapping.eventSourceMappingId },
      statistic: Stats.SUM,
      period: PERIOD,
    });
  }

  /** Returns the age of the records when the relay received them, in milliseconds. */
  iteratorAge(): Metric {
    return this.#props.relay.metric("IteratorAge", { statistic: Stats.MAXIMUM, period: PERIOD });
  }

  /** Returns the number of relay invocations that ended with an error or a timeout. */
  relayErrors(): Metric {
    return this.#props.relay.metricErrors({ period: PERIOD });
  }

  /** Returns the number of relay invocations that Lambda throttled. */
  relayThrottles(): Metric {
    return this.#props.relay.metricThrottles({ period: PERIOD });
  }

  /** Returns the relay's longest duration, in milliseconds. */
  relayDuration(): Metric {
    return this.#props.relay.metricDuration({ statistic: Stats.MAXIMUM, period: PERIOD });
  }

  /** Returns the number of dead letters in the queue, without those in flight. */
  deadLetters(): Metric {
    return this.#props.deadLetterQueue.metricApproximateNumberOfMessagesVisible({
      statistic: Stats.MAXIMUM,
      period: PERIOD,
    });
  }

  /** Returns the oldest dead letter's age in seconds. SQS leaves out letters received three times or more. */
  oldestDeadLetterAge(): Metric {
    return this.#props.deadLetterQueue.metricApproximateAgeOfOldestMessage({
      statistic: Stats.MAXIMUM,
      period: PERIOD,
    });
  }

  /** Returns the write capacity that appending, publishing and sweeping consume. */
  writes(): Metric {
    return this.#props.table.metricConsumedWriteCapacityUnits({ period: PERIOD });
  }

  /** Returns the number of writes that DynamoDB throttled. */
  writeThrottles(): Metric {
    return this.#props.table.metric("WriteThrottleEvents", {
      statistic: Stats.SUM,
      period: PERIOD,
    });
  }

  /**
   * Returns a metric of `PutEvents` for the whole account and Region: EventBridge has
   * none per bus.
   */
  putEventsMetric(
    metricName:
      | "PutEventsEntriesCount"
      | "PutEventsFailedEntriesCount"
      | "PutEventsApproximateThrottledCount"
      | "PutEventsLatency",
    statistic: string,
  ): Metric {
    return new Metric({ namespace: "AWS/Events", metricName, statistic, period: PERIOD });
  }
}
