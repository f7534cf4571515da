import { Column, GraphWidget, type IWidget, Row, Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { OutboxMetrics } from "./outbox-metrics.ts";

export interface OutboxWidgetsProps {
  /** What they show. */
  readonly metrics: OutboxMetrics;

  /** How wide one is. A dashboard has 24 units. */
  readonly width: number;
}

/**
 * An outbox on a dashboard: the stations of an event, to be put side by side in
 * its order, and a row of what has not got through.
 */
export class OutboxWidgets {
  readonly #props: OutboxWidgetsProps;

  constructor(props: OutboxWidgetsProps) {
    this.#props = props;
  }

  /** First station: the transaction that writes the rows. */
  table(): IWidget {
    const { metrics } = this.#props;
    return this.#graph({
      title: "Outbox table: writes",
      left: [metrics.writes()],
      right: [metrics.writeThrottles()],
    });
  }

  /** Second station. */
  streamMapping(): IWidget {
    const { metrics } = this.#props;
    return new Column(
      this.#graph({
        title: "Stream mapping: events",
        left: [
          metrics.streamed("PolledEventCount"),
          metrics.streamed("FilteredOutEventCount"),
          metrics.streamed("InvokedEventCount"),
          metrics.streamed("FailedInvokeEventCount"),
          metrics.streamed("OnFailureDestinationDeliveredEventCount"),
          metrics.streamed("DroppedEventCount"),
        ],
      }),
      this.#graph({ title: "Stream mapping: iterator age", left: [metrics.iteratorAge()] }),
    );
  }

  /** Third station. */
  relay(): IWidget {
    const { metrics } = this.#props;
    return new Column(
      this.#graph({
        title: "Relay: events",
        left: [
          metrics.counted("Published", Stats.SUM),
          metrics.counted("Skipped", Stats.SUM),
          metrics.counted("Failed", Stats.SUM),
          metrics.counted("Undeleted", Stats.SUM),
          metrics.counted("LeftToSweeper", Stats.SUM),
        ],
      }),
      this.#graph({
        title: "Relay: function",
        left: [metrics.relayErrors(), metrics.relayThrottles()],
        right: [metrics.relayDuration()],
      }),
    );
  }

  /** Fourth station. */
  bus(): IWidget {
    const { metrics } = this.#props;
    return new Column(
      this.#graph({
        title: "Bus: commit to publish",
        left: [
          metrics.counted("CommitToPublish", Stats.p(50)),
          metrics.counted("CommitToPublish", Stats.p(99)),
        ],
      }),
      this.#graph({
        title: "PutEvents of the account",
        left: [
          metrics.entries("PutEventsEntriesCount", Stats.SUM),
          metrics.entries("PutEventsFailedEntriesCount", Stats.SUM),
          metrics.entries("PutEventsApproximateThrottledCount", Stats.SUM),
        ],
        right: [metrics.entries("PutEventsLatency", Stats.p(99))],
      }),
    );
  }

  /** What waits, is set aside, or was given up. */
  backlog(): IWidget {
    const { metrics } = this.#props;
    return new Row(
      this.#graph({
        title: "Pending",
        left: [metrics.counted("PendingEvents", Stats.MAXIMUM)],
        right: [metrics.counted("OldestPendingAge", Stats.MAXIMUM)],
      }),
      this.#graph({
        title: "Set aside",
        left: [
          metrics.counted("ParkedEvents", Stats.MAXIMUM),
          metrics.counted("Parked", Stats.SUM),
          metrics.counted("SweptParked", Stats.SUM),
        ],
      }),
      this.#graph({
        title: "Sweeps",
        left: [
          metrics.sweeps(),
          metrics.counted("SweepCutShort", Stats.SUM),
          metrics.counted("Swept", Stats.SUM),
          metrics.counted("SweepFailed", Stats.SUM),
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
