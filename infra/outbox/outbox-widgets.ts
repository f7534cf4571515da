import { Column, GraphWidget, type IWidget, Row, Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { OutboxMetrics } from "./outbox-metrics.ts";

export interface OutboxWidgetsProps {
  /** The metrics that the widgets show. */
  readonly metrics: OutboxMetrics;

  /** The width of one widget. A dashboard has 24 units. */
  readonly width: number;
}

/**
 * Dashboard widgets of an outbox: one column for each step of an event, to be placed
 * side by side in this order; a row for pending events, parked events and dead letters; and a
 * graph of the events that each way has published.
 */
export class OutboxWidgets {
  readonly #props: OutboxWidgetsProps;

  constructor(props: OutboxWidgetsProps) {
    this.#props = props;
  }

  /** Step 1: the transaction that writes the rows. */
  table(): IWidget {
    const { metrics } = this.#props;
    return this.#graph({
      title: "Outbox table: writes",
      left: [metrics.writes()],
      right: [metrics.writeThrottles()],
    });
  }

  /** Step 2: Lambda reads the stream. */
  streamMapping(): IWidget {
    const { metrics } = this.#props;
    return new Column(
      this.#graph({
        title: "Stream mapping: events",
        left: [
          metrics.streamMappingMetric("PolledEventCount"),
          metrics.streamMappingMetric("FilteredOutEventCount"),
          metrics.streamMappingMetric("InvokedEventCount"),
          metrics.streamMappingMetric("FailedInvokeEventCount"),
          metrics.streamMappingMetric("OnFailureDestinationDeliveredEventCount"),
          metrics.streamMappingMetric("DroppedEventCount"),
        ],
      }),
      this.#graph({ title: "Stream mapping: iterator age", left: [metrics.iteratorAge()] }),
    );
  }

  /** Step 3: the relay publishes. */
  relay(): IWidget {
    const { metrics } = this.#props;
    return new Column(
      this.#graph({
        title: "Relay: events",
        left: [
          metrics.outboxMetric("Published", Stats.SUM),
          metrics.outboxMetric("Skipped", Stats.SUM),
          metrics.outboxMetric("Failed", Stats.SUM),
          metrics.outboxMetric("Undeleted", Stats.SUM),
          metrics.outboxMetric("LeftToSweeper", Stats.SUM),
          metrics.outboxMetric("Held", Stats.SUM),
          metrics.outboxMetric("Unanswered", Stats.SUM),
        ],
      }),
      this.#graph({
        title: "Relay: function",
        left: [
          metrics.relayErrors(),
          metrics.relayThrottles(),
          metrics.outboxMetric("Halted", Stats.SUM),
        ],
        right: [metrics.relayDuration()],
      }),
    );
  }

  /** Step 4: the bus accepts the events. */
  bus(): IWidget {
    const { metrics } = this.#props;
    return new Column(
      this.#graph({
        title: "Bus: commit to publish",
        left: [
          metrics.outboxMetric("CommitToPublishAtOnce", Stats.p(50)),
          metrics.outboxMetric("CommitToPublishAtOnce", Stats.p(99)),
          metrics.outboxMetric("CommitToPublish", Stats.p(50)),
          metrics.outboxMetric("CommitToPublish", Stats.p(99)),
        ],
      }),
      this.#graph({
        title: "PutEvents of the account",
        left: [
          metrics.putEventsMetric("PutEventsEntriesCount", Stats.SUM),
          metrics.putEventsMetric("PutEventsFailedEntriesCount", Stats.SUM),
          metrics.putEventsMetric("PutEventsApproximateThrottledCount", Stats.SUM),
        ],
        right: [metrics.putEventsMetric("PutEventsLatency", Stats.p(99))],
      }),
    );
  }

  /**
   * Events that were published at once, by the relay and by the sweeper, and rows that functions
   * that publish at once have left to the relay.
   */
  published(): IWidget {
    const { metrics } = this.#props;
    return this.#graph({
      title: "Published",
      left: [
        metrics.outboxMetric("PublishedAtOnce", Stats.SUM),
        metrics.outboxMetric("Published", Stats.SUM),
        metrics.outboxMetric("Swept", Stats.SUM),
        metrics.outboxMetric("LeftToStream", Stats.SUM),
      ],
    });
  }

  /** Pending events, parked events, sweeps and dead letters. */
  backlog(): IWidget {
    const { metrics } = this.#props;
    return new Row(
      this.#graph({
        title: "Pending",
        left: [metrics.outboxMetric("PendingEvents", Stats.MAXIMUM)],
        right: [metrics.outboxMetric("OldestPendingAge", Stats.MAXIMUM)],
      }),
      this.#graph({
        title: "Parked",
        left: [
          metrics.outboxMetric("ParkedEvents", Stats.MAXIMUM),
          metrics.outboxMetric("HeldEvents", Stats.MAXIMUM),
          metrics.outboxMetric("Parked", Stats.SUM),
          metrics.outboxMetric("SweptParked", Stats.SUM),
        ],
      }),
      this.#graph({
        title: "Sweeps",
        left: [
          metrics.sweeps(),
          metrics.outboxMetric("SweepCutShort", Stats.SUM),
          metrics.outboxMetric("Swept", Stats.SUM),
          metrics.outboxMetric("SweepFailed", Stats.SUM),
        ],
      }),
      this.#graph({
        title: "Dead letters of the outbox",
        left: [metrics.deadLetters()],
        right: [metrics.oldestDeadLetterAge()],
      }),
    );
  }

  #graph(props: ConstructorParameters<typeof GraphWidget>[0]): GraphWidget {
    return new GraphWidget({ ...props, width: this.#props.width });
  }
}
