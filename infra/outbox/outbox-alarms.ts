import { Duration } from "aws-cdk-lib";
import {
  type Alarm,
  ComparisonOperator,
  Stats,
  TreatMissingData,
} from "aws-cdk-lib/aws-cloudwatch";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import type { AlarmTopics } from "./alarm-topics.ts";
import type { OutboxMetrics } from "./outbox-metrics.ts";
import { RunbookAlarm, type RunbookAlarmProps } from "./runbook-alarm.ts";

const { GREATER_THAN_THRESHOLD, GREATER_THAN_OR_EQUAL_TO_THRESHOLD, LESS_THAN_THRESHOLD } =
  ComparisonOperator;
const { BREACHING, IGNORE, NOT_BREACHING } = TreatMissingData;

/**
 * The thresholds of the alarms. Each value decides when on-call is paged, so all are in
 * one place. The periods are five minutes, of `publishingHalted` one.
 */
export const ALARM_THRESHOLDS = {
  /** The sweeper's grace period and its interval: both the relay and the sweeper had time to publish. */
  late: Duration.minutes(20),
  /** Less than the grace period, so that it is seen before the sweeper takes over. */
  streamBehind: Duration.minutes(10),
  /** Long enough for a weekend; SQS deletes messages after 14 days. */
  oldDeadLetter: Duration.days(3),
  /** Fraction of the relay's timeout. The relay stops sending at 65 % and returns by 95 %. */
  relayDuration: 0.8,
} as const;

export interface OutboxAlarmsProps {
  /** The metrics that the alarms watch. */
  readonly metrics: OutboxMetrics;

  /** The topics that the alarms are sent to. */
  readonly topics: AlarmTopics;

  /** The relay's timeout. */
  readonly relayTimeout: Duration;

  /**
   * The dead-letter queue of the bus.
   *
   * @default none, and no alarm about it
   */
  readonly busDeadLetterQueue?: IQueue;

  /**
   * The runbook that the alarms link to, as in `RunbookAlarmProps`.
   *
   * @default DEFAULT_RUNBOOK_LINK
   */
  readonly runbookLink?: string;
}

/** The alarms for problems that an outbox cannot fix by itself. */
export class OutboxAlarms extends Construct {
  /** Page: neither the relay nor the sweeper has published an event in time. */
  readonly lateEvent: Alarm;

  /** Page: an event is parked because it can't be published as it is. */
  readonly parkedRows: Alarm;

  /** Page: without the sweeper the two alarms above see nothing. */
  readonly sweeperStopped: Alarm;

  /** Page: the sweeper runs, but does not read the whole table. */
  readonly sweepsCutShort: Alarm;

  /** Page: permissions or configuration keep the relay from publishing anything. */
  readonly publishingHalted: Alarm;

  /** Page: the bus could not use its key for an event; undefined without `busDeadLetterQueue`. */
  readonly busDeadLetters?: Alarm;

  /** Ticket: an event failed while others were accepted. */
  readonly leftToSweeper: Alarm;

  /** Ticket: there are dead letters. */
  readonly deadLetters: Alarm;

  /** Ticket: a dead letter has been in the queue for days. */
  readonly oldDeadLetter: Alarm;

  /** Ticket: Lambda gave up on records and could not send a dead letter. */
  readonly droppedEvents: Alarm;

  /** Ticket: events have failed for a while, because nothing is accepted or more and more fail. */
  readonly failingEvents: Alarm;

  /** Ticket: the bus doesn't respond to requests, so events may be published twice. */
  readonly unansweredEvents: Alarm;

  /** Ticket: the relay receives events late. */
  readonly streamBehind: Alarm;

  /** Ticket: the relay ends with an error or a timeout. */
  readonly relayErrors: Alarm;

  /** Ticket: Lambda throttles the relay because no concurrency is left. */
  readonly relayThrottles: Alarm;

  /** Ticket: the relay takes almost its whole timeout. */
  readonly relayDuration: Alarm;

  readonly #props: OutboxAlarmsProps;

  constructor(scope: Construct, id: string, props: OutboxAlarmsProps) {
    super(scope, id);
    this.#props = props;
    this.lateEvent = this.#lateEvent();
    this.parkedRows = this.#parkedRows();
    this.sweeperStopped = this.#sweeperStopped();
    this.sweepsCutShort = this.#sweepsCutShort();
    this.publishingHalted = this.#publishingHalted();
    if (props.busDeadLetterQueue !== undefined) {
      this.busDeadLetters = this.#busDeadLetters(props.busDeadLetterQueue);
    }
    this.leftToSweeper = this.#leftToSweeper();
    this.deadLetters = this.#deadLetters();
    this.oldDeadLetter = this.#oldDeadLetter();
    this.droppedEvents = this.#droppedEvents();
    this.failingEvents = this.#failingEvents();
    this.unansweredEvents = this.#unansweredEvents();
    this.streamBehind = this.#streamBehind();
    this.relayErrors = this.#relayErrors();
    this.relayThrottles = this.#relayThrottles();
    this.relayDuration = this.#relayDuration();
  }

  /** All of them, the most urgent first. */
  get all(): Alarm[] {
    return [
      this.lateEvent,
      this.parkedRows,
      this.sweeperStopped,
      this.sweepsCutShort,
      this.publishingHalted,
      ...(this.busDeadLetters ? [this.busDeadLetters] : []),
      this.leftToSweeper,
      this.deadLetters,
      this.oldDeadLetter,
      this.droppedEvents,
      this.failingEvents,
      this.unansweredEvents,
      this.streamBehind,
      this.relayErrors,
      this.relayThrottles,
      this.relayDuration,
    ];
  }

  #lateEvent(): Alarm {
    return this.#page("LateEvent", {
      meaning:
        "An event was committed over 20 minutes ago and is not published, parked, or held behind a parked one: " +
        "neither the relay nor the sweeper could publish it, so consumers have not received it.",
      section: "an-event-has-waited-too-long",
      metric: this.#props.metrics.outboxMetric("OldestPendingAge", Stats.MAXIMUM),
      comparisonOperator: GREATER_THAN_THRESHOLD,
      threshold: ALARM_THRESHOLDS.late.toSeconds(),
      // A sweep that starts a few seconds late may find an event above the threshold
      // and publish it.
      evaluationPeriods: 2,
      // Without sweeps the age is unknown: the alarm ends only when a sweep reports it.
      treatMissingData: IGNORE,
    });
  }

  #parkedRows(): Alarm {
    return this.#page("ParkedRows", {
      meaning:
        "An event can't be published as it is, so its row is parked until the operator decides. " +
        "Later events of its aggregate are held behind it, unless the outbox keeps no order. " +
        "While any row is parked, this alarm stays on and does not notify of further rows.",
      section: "rows-are-parked",
      metric: this.#props.metrics.outboxMetric("ParkedEvents", Stats.MAXIMUM),
      comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: IGNORE,
    });
  }

  #sweeperStopped(): Alarm {
    return this.#page("SweeperStopped", {
      meaning:
        "No sweep has finished for 15 minutes: the sweeper is disabled, does not start, or crashes. " +
        "Events that the stream missed stay unpublished, and the alarms for late and parked events see nothing.",
      section: "the-sweeper-does-not-run",
      metric: this.#props.metrics.sweeps(),
      comparisonOperator: LESS_THAN_THRESHOLD,
      threshold: 1,
      // A sweep takes between a second and four minutes, so one period may have none.
      evaluationPeriods: 3,
      treatMissingData: BREACHING,
    });
  }

  #sweepsCutShort(): Alarm {
    return this.#page("SweepsCutShort", {
      meaning:
        "For 15 minutes no sweep has read the whole table: it lacks permissions, nothing can be published, " +
        "or there are too many rows. Late and parked events may not be reported.",
      section: "the-table-was-not-read-to-its-end",
      // A sweep that may not read the table finds no late event, so LateEvent would stay quiet.
      metric: this.#props.metrics.outboxMetric("SweepCutShort", Stats.MINIMUM),
      comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 3,
      treatMissingData: IGNORE,
    });
  }

  #publishingHalted(): Alarm {
    return this.#page("PublishingHalted", {
      meaning:
        "For several minutes the relay has not been able to publish anything, because permissions or " +
        "configuration are at fault. Events stay in the table until that is fixed.",
      section: "publishing-is-halted",
      metric: this.#props.metrics
        .outboxMetric("Halted", Stats.MAXIMUM)
        .with({ period: Duration.minutes(1) }),
      comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      // A batch that can't be published ends up to 100 s after the one before, so not every
      // minute has one, but of eight minutes at least four. A fault of up to two minutes has
      // three at most and doesn't page, such as a new process that can't ask for the bus.
      evaluationPeriods: 8,
      datapointsToAlarm: 4,
      // Without events there are no batches.
      treatMissingData: NOT_BREACHING,
    });
  }

  #busDeadLetters(queue: IQueue): Alarm {
    return this.#page("BusDeadLetters", {
      meaning:
        "EventBridge has accepted an event and could not encrypt or decrypt it with the key of the bus, so " +
        "consumers have not received it. It is in the dead-letter queue of the bus.",
      section: "the-key-of-the-bus-cannot-be-used",
      metric: queue.metricApproximateNumberOfMessagesVisible({
        statistic: Stats.MAXIMUM,
        period: Duration.minutes(5),
      }),
      comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 1,
      // SQS sends no metrics for a queue that was not used for six hours.
      treatMissingData: IGNORE,
    });
  }

  #leftToSweeper(): Alarm {
    return this.#ticket("LeftToSweeper", {
      meaning:
        "An event could not be published while others were accepted. It is late: it stays in the table, where " +
        "the sweeper tries it again. This alarm ends before that; if the sweeper can't publish it either, " +
        "the alarm for late events pages.",
      section: "an-event-is-left-to-the-sweeper",
      metric: this.#props.metrics.outboxMetric("LeftToSweeper", Stats.SUM),
      comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      // The relay leaves an event once and doesn't count it again.
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
    });
  }

  #deadLetters(): Alarm {
    return this.#ticket("DeadLetters", {
      meaning:
        "There are dead letters: Lambda gave up on records of the stream, or a row was parked. " +
        "The events themselves are still in the table, or have been published since.",
      section: "dead-letters",
      metric: this.#props.metrics.deadLetters(),
      comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 1,
      // SQS sends no metrics for a queue that was not used for six hours.
      treatMissingData: IGNORE,
    });
  }

  #oldDeadLetter(): Alarm {
    return this.#ticket("OldDeadLetter", {
      meaning: "A dead letter has been in the queue for three days. SQS deletes it after 14 days.",
      section: "dead-letters",
      metric: this.#props.metrics.oldestDeadLetterAge(),
      comparisonOperator: GREATER_THAN_THRESHOLD,
      threshold: ALARM_THRESHOLDS.oldDeadLetter.toSeconds(),
      evaluationPeriods: 1,
      treatMissingData: IGNORE,
    });
  }

  #droppedEvents(): Alarm {
    return this.#ticket("DroppedEvents", {
      meaning:
        "Lambda gave up on records of the stream and could not send a dead letter. " +
        "The sweeper publishes the events in the table; fix the queue or the permission to send to it.",
      section: "dead-letters",
      // Records with a dead letter do not count as dropped.
      metric: this.#props.metrics.streamMappingMetric("DroppedEventCount"),
      comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
    });
  }

  #failingEvents(): Alarm {
    return this.#ticket("FailingEvents", {
      meaning:
        "For 15 minutes there have been events that the relay could not publish. " +
        "An event that fails while others are accepted is left to the sweeper within minutes, " +
        "so either nothing is accepted, or new events fail all the time.",
      section: "the-stream-is-behind",
      metric: this.#props.metrics.streamMappingMetric("FailedInvokeEventCount"),
      comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      // EventBridge or DynamoDB may throttle for a short time.
      evaluationPeriods: 3,
      treatMissingData: NOT_BREACHING,
    });
  }

  #unansweredEvents(): Alarm {
    return this.#ticket("UnansweredEvents", {
      // One is mostly a connection that broke.
      ...MORE_THAN_ONCE,
      meaning:
        "More than once the bus has not responded in time to requests with events. It may have accepted " +
        "the events, which are sent again: consumers may receive them twice.",
      section: "the-bus-does-not-respond",
      metric: this.#props.metrics.outboxMetric("Unanswered", Stats.SUM),
    });
  }

  #streamBehind(): Alarm {
    return this.#ticket("StreamBehind", {
      meaning: "Events were in the stream for over ten minutes before the relay received them.",
      section: "the-stream-is-behind",
      metric: this.#props.metrics.iteratorAge(),
      comparisonOperator: GREATER_THAN_THRESHOLD,
      threshold: ALARM_THRESHOLDS.streamBehind.toMilliseconds(),
      evaluationPeriods: 2,
      treatMissingData: NOT_BREACHING,
    });
  }

  #relayErrors(): Alarm {
    return this.#ticket("RelayErrors", {
      ...MORE_THAN_ONCE,
      meaning: "The relay has ended with an error or a timeout more than once.",
      section: "the-stream-cannot-be-relayed",
      metric: this.#props.metrics.relayErrors(),
    });
  }

  #relayThrottles(): Alarm {
    return this.#ticket("RelayThrottles", {
      ...MORE_THAN_ONCE,
      meaning:
        "Lambda throttles the relay because no concurrency is left for it, in the account or in its reservation.",
      section: "the-stream-cannot-be-relayed",
      metric: this.#props.metrics.relayThrottles(),
    });
  }

  #relayDuration(): Alarm {
    const { metrics, relayTimeout } = this.#props;
    return this.#ticket("RelayDuration", {
      ...MORE_THAN_ONCE,
      meaning:
        "A batch takes the relay over 80 % of its timeout: EventBridge or DynamoDB is slow or throttles, " +
        "or batches are too large.",
      section: "the-stream-cannot-be-relayed",
      metric: metrics.relayDuration(),
      comparisonOperator: GREATER_THAN_THRESHOLD,
      threshold: relayTimeout.toMilliseconds() * ALARM_THRESHOLDS.relayDuration,
    });
  }

  #page(id: string, alarm: Omit<RunbookAlarmProps, "topics" | "grade">): Alarm {
    return this.#alarm(id, { ...alarm, grade: "page" });
  }

  #ticket(id: string, alarm: Omit<RunbookAlarmProps, "topics" | "grade">): Alarm {
    return this.#alarm(id, { ...alarm, grade: "ticket" });
  }

  #alarm(id: string, alarm: Omit<RunbookAlarmProps, "topics">): Alarm {
    const { topics, runbookLink } = this.#props;
    return new RunbookAlarm(this, id, {
      ...alarm,
      topics,
      ...(runbookLink !== undefined && { runbookLink }),
    });
  }
}

/** One failure is retried; two within 15 minutes are a problem. */
const MORE_THAN_ONCE = {
  comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
  threshold: 1,
  evaluationPeriods: 3,
  datapointsToAlarm: 2,
  // Without events there are no invocations.
  treatMissingData: NOT_BREACHING,
} as const;
