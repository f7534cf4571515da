import { Duration } from "aws-cdk-lib";
import { MathExpression, Metric, Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { ITable } from "aws-cdk-lib/aws-dynamodb";
import type { IEventSourceMapping, IFunction } from "aws-cdk-lib/aws-lambda";
import type { IQueue } from "aws-cdk-lib/aws-sqs";

/** CloudWatch's namespace of what relay and sweeper count. */
export const OUTBOX_NAMESPACE = "TransactionalOutbox";

/** What the relay writes to its log, for each batch. */
export const RELAY_METRICS = [
  "Published",
  "Skipped",
  "Parked",
  "Failed",
  "Undeleted",
  "LeftToSweeper",
  "CommitToPublish",
] as const;

/** What the sweeper writes to its log, for each sweep. */
export const SWEEPER_METRICS = [
  "PendingEvents",
  "OldestPendingAge",
  "ParkedEvents",
  "Swept",
  "SweptParked",
  "SweepFailed",
  "SweepCutShort",
] as const;

export type OutboxMetricName = (typeof RELAY_METRICS)[number] | (typeof SWEEPER_METRICS)[number];

/** What Lambda counts for a stream mapping with `EventCount`. */
export type StreamMappingMetricName =
  | "PolledEventCount"
  | "FilteredOutEventCount"
  | "InvokedEventCount"
  | "FailedInvokeEventCount"
  | "DroppedEventCount"
  | "OnFailureDestinationDeliveredEventCount";

/** As often as the sweeper tells what it has found. */
const PERIOD = Duration.minutes(5);

export interface OutboxMetricsProps {
  readonly table: ITable;
  readonly deadLetterQueue: IQueue;
  readonly relay: IFunction;
  readonly streamMapping: IEventSourceMapping;
}

/** What can be known of an outbox without asking it. */
export class OutboxMetrics {
  readonly #props: OutboxMetricsProps;

  constructor(props: OutboxMetricsProps) {
    this.#props = props;
  }

  /** What relay or sweeper count. */
  counted(metricName: OutboxMetricName, statistic: string): Metric {
    return new Metric({
      namespace: OUTBOX_NAMESPACE,
      metricName,
      dimensionsMap: { Outbox: this.#props.table.tableName },
      statistic,
      period: PERIOD,
    });
  }

  /** How many sweeps have told what they found; 0, not nothing, if none has. */
  sweeps(): MathExpression {
    return new MathExpression({
      // Of missing data an alarm makes up its mind only after several periods more.
      expression: "FILL(sweeps, 0)",
      usingMetrics: { sweeps: this.counted("PendingEvents", Stats.SAMPLE_COUNT) },
      label: "sweeps",
      period: PERIOD,
    });
  }

  /** Events, as the stream mapping counts them. */
  streamed(metricName: StreamMappingMetricName): Metric {
    return new Metric({
      namespace: "AWS/Lambda",
      metricName,
      dimensionsMap: { EventSourceMappingUUID: this.#props.streamMapping.eventSourceMappingId },
      statistic: Stats.SUM,
      period: PERIOD,
    });
  }

  /** How old a record was when the relay got it, in milliseconds. */
  iteratorAge(): Metric {
    return this.#props.relay.metric("IteratorAge", { statistic: Stats.MAXIMUM, period: PERIOD });
  }

  relayErrors(): Metric {
    return this.#props.relay.metricErrors({ period: PERIOD });
  }

  relayThrottles(): Metric {
    return this.#props.relay.metricThrottles({ period: PERIOD });
  }

  /** In milliseconds. */
  relayDuration(): Metric {
    return this.#props.relay.metricDuration({ statistic: Stats.MAXIMUM, period: PERIOD });
  }

  /** Letters that lie in the queue, beside those in somebody's hands. */
  deadLetters(): Metric {
    return this.#props.deadLetterQueue.metricApproximateNumberOfMessagesVisible({
      statistic: Stats.MAXIMUM,
      period: PERIOD,
    });
  }

  /** In seconds; SQS passes over letters that were looked at three times. */
  oldestDeadLetterAge(): Metric {
    return this.#props.deadLetterQueue.metricApproximateAgeOfOldestMessage({
      statistic: Stats.MAXIMUM,
      period: PERIOD,
    });
  }

  /** What appending, publishing and sweeping cost the table. */
  writes(): Metric {
    return this.#props.table.metricConsumedWriteCapacityUnits({ period: PERIOD });
  }

  /** Writes that DynamoDB refused for now. */
  writeThrottles(): Metric {
    return this.#props.table.metric("WriteThrottleEvents", {
      statistic: Stats.SUM,
      period: PERIOD,
    });
  }

  /**
   * Entries of `PutEvents` in the whole account and Region: EventBridge does not
   * tell them apart by bus.
   */
  entries(
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
