import { Duration } from "aws-cdk-lib";
import {
  type Alarm,
  ComparisonOperator,
  Stats,
  TreatMissingData,
} from "aws-cdk-lib/aws-cloudwatch";
import { Construct } from "constructs";
import type { AlarmTopics } from "./alarm-topics.ts";
import type { OutboxMetrics } from "./outbox-metrics.ts";
import { RunbookAlarm, type RunbookAlarmProps } from "./runbook-alarm.ts";

const { GREATER_THAN_THRESHOLD, GREATER_THAN_OR_EQUAL_TO_THRESHOLD, LESS_THAN_THRESHOLD } =
  ComparisonOperator;
const { BREACHING, IGNORE, NOT_BREACHING } = TreatMissingData;

/**
 * What an alarm watches for. The periods are five minutes; each value is a
 * decision about who is woken, so they live in one place.
 */
export const ALARM_THRESHOLDS = {
  /** The sweeper's grace period and a sweep: both ways out have had their turn. */
  late: Duration.minutes(20),
  /** Before the sweeper takes over. */
  streamBehind: Duration.minutes(10),
  /** Long enough for a weekend; SQS drops letters after 14 days. */
  oldDeadLetter: Duration.days(3),
  /** Of the relay's timeout. It stops sending at 65 %, and answers by 95 %. */
  relayDuration: 0.8,
} as const;

export interface OutboxAlarmsProps {
  /** What the alarms watch. */
  readonly metrics: OutboxMetrics;

  /** Where they go. */
  readonly topics: AlarmTopics;

  /** How long the relay may take for a batch. */
  readonly relayTimeout: Duration;
}

/** Tells people what an outbox cannot mend by itself. */
export class OutboxAlarms extends Construct {
  /** Page: an event should have left both ways, and has not. */
  readonly lateEvent: Alarm;

  /** Page: an event can never be published as it is. */
  readonly parkedRows: Alarm;

  /** Page: nobody would know of the other two. */
  readonly sweeperStopped: Alarm;

  /** Page: the sweeper runs, and does not see everything. */
  readonly sweepsCutShort: Alarm;

  /** Ticket: somebody gave up on something. */
  readonly deadLetters: Alarm;

  /** Ticket: and nobody has looked for days. */
  readonly oldDeadLetter: Alarm;

  /** Ticket: Lambda gave up, and could not even send a letter. */
  readonly droppedEvents: Alarm;

  /** Ticket: events come again and again. */
  readonly failingEvents: Alarm;

  /** Ticket: events wait in the stream. */
  readonly streamBehind: Alarm;

  /** Ticket: the relay ends with an error, or not in time. */
  readonly relayErrors: Alarm;

  /** Ticket: Lambda does not run the relay for want of concurrency. */
  readonly relayThrottles: Alarm;

  /** Ticket: the relay hardly gets done in time. */
  readonly relayDuration: Alarm;

  readonly #props: OutboxAlarmsProps;

  constructor(scope: Construct, id: string, props: OutboxAlarmsProps) {
    super(scope, id);
    this.#props = props;
    this.lateEvent = this.#lateEvent();
    this.parkedRows = this.#parkedRows();
    this.sweeperStopped = this.#sweeperStopped();
    this.sweepsCutShort = this.#sweepsCutShort();
    this.deadLetters = this.#deadLetters();
    this.oldDeadLetter = this.#oldDeadLetter();
    this.droppedEvents = this.#droppedEvents();
    this.failingEvents = this.#failingEvents();
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
      this.deadLetters,
      this.oldDeadLetter,
      this.droppedEvents,
      this.failingEvents,
      this.streamBehind,
      this.relayErrors,
      this.relayThrottles,
      this.relayDuration,
    ];
  }

  #lateEvent(): Alarm {
    return this.#page("LateEvent", {
      meaning:
        "An event was committed over 20 minutes ago and is not published: " +
        "neither the stream nor the sweeper got it out, and consumers do not hear of it.",
      section: "an-event-has-waited-too-long",
      metric: this.#props.metrics.counted("OldestPendingAge", Stats.MAXIMUM),
      comparisonOperator: GREATER_THAN_THRESHOLD,
      threshold: ALARM_THRESHOLDS.late.toSeconds(),
      // A sweep that is a few seconds late finds an event over the threshold,
      // and publishes it.
      evaluationPeriods: 2,
      // Without sweeps nobody knows: that it is over has to be seen.
      treatMissingData: IGNORE,
    });
  }

  #parkedRows(): Alarm {
    return this.#page("ParkedRows", {
      meaning:
        "An event can never be published as it is. It is set aside, and waits for a person. " +
        "As long as one is, this stays in alarm and does not tell of others.",
      section: "rows-are-set-aside",
      metric: this.#props.metrics.counted("ParkedEvents", Stats.MAXIMUM),
      comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: IGNORE,
    });
  }

  #sweeperStopped(): Alarm {
    return this.#page("SweeperStopped", {
      meaning:
        "No sweep has come to its end for 15 minutes: it is switched off, does not start, or dies. " +
        "What the stream leaves behind waits, and nobody is told of late or set-aside events.",
      section: "the-sweeper-does-not-run",
      metric: this.#props.metrics.sweeps(),
      comparisonOperator: LESS_THAN_THRESHOLD,
      threshold: 1,
      // Sweeps take between a second and four minutes, so one period may go without.
      evaluationPeriods: 3,
      treatMissingData: BREACHING,
    });
  }

  #sweepsCutShort(): Alarm {
    return this.#page("SweepsCutShort", {
      meaning:
        "For 15 minutes no sweep has read the whole table: it may not, nothing can be published, " +
        "or there is too much. Late and set-aside events may go unseen.",
      section: "the-table-was-not-read-to-its-end",
      // A sweep that may not read at all finds nothing that is late.
      metric: this.#props.metrics.counted("SweepCutShort", Stats.MINIMUM),
      comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 3,
      treatMissingData: IGNORE,
    });
  }

  #deadLetters(): Alarm {
    return this.#ticket("DeadLetters", {
      meaning:
        "There are dead letters: Lambda gave up on a part of the stream, or a row was set aside. " +
        "The events themselves are in the table, or published by now.",
      section: "dead-letters",
      metric: this.#props.metrics.deadLetters(),
      comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 1,
      // SQS tells nothing of a queue that nobody used for six hours.
      treatMissingData: IGNORE,
    });
  }

  #oldDeadLetter(): Alarm {
    return this.#ticket("OldDeadLetter", {
      meaning:
        "A dead letter has lain for three days, and nobody has looked at it. SQS drops it after 14.",
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
        "Lambda gave up on a part of the stream and could not send a dead letter of it. " +
        "The sweeper publishes what is in the table; the queue, or the right to it, is to be mended.",
      section: "dead-letters",
      // Those of which there is a letter do not count.
      metric: this.#props.metrics.streamed("DroppedEventCount"),
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
        "They come again; what goes on failing is left to the sweeper.",
      section: "the-stream-is-behind",
      metric: this.#props.metrics.streamed("FailedInvokeEventCount"),
      comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      // For a short time EventBridge or DynamoDB may throttle.
      evaluationPeriods: 3,
      treatMissingData: NOT_BREACHING,
    });
  }

  #streamBehind(): Alarm {
    return this.#ticket("StreamBehind", {
      meaning: "Events have waited in the stream for over ten minutes before the relay got them.",
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
      meaning: "The relay ends with an error, or not in time, and more than once.",
      section: "the-stream-cannot-be-relayed",
      metric: this.#props.metrics.relayErrors(),
    });
  }

  #relayThrottles(): Alarm {
    return this.#ticket("RelayThrottles", {
      ...MORE_THAN_ONCE,
      meaning: "Lambda does not run the relay, because no concurrency is left for it.",
      section: "the-stream-cannot-be-relayed",
      metric: this.#props.metrics.relayThrottles(),
    });
  }

  #relayDuration(): Alarm {
    const { metrics, relayTimeout } = this.#props;
    return this.#ticket("RelayDuration", {
      ...MORE_THAN_ONCE,
      meaning:
        "A batch takes the relay over 80 % of its time: EventBridge or DynamoDB is slow or throttles, " +
        "or batches are too large.",
      section: "the-stream-cannot-be-relayed",
      metric: metrics.relayDuration(),
      comparisonOperator: GREATER_THAN_THRESHOLD,
      threshold: relayTimeout.toMilliseconds() * ALARM_THRESHOLDS.relayDuration,
    });
  }

  #page(id: string, alarm: Omit<RunbookAlarmProps, "topics" | "grade">): Alarm {
    return new RunbookAlarm(this, id, { ...alarm, topics: this.#props.topics, grade: "page" });
  }

  #ticket(id: string, alarm: Omit<RunbookAlarmProps, "topics" | "grade">): Alarm {
    return new RunbookAlarm(this, id, { ...alarm, topics: this.#props.topics, grade: "ticket" });
  }
}

/** What happens once is retried: twice within 15 minutes is no accident. */
const MORE_THAN_ONCE = {
  comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
  threshold: 1,
  evaluationPeriods: 3,
  datapointsToAlarm: 2,
  // Without events there are no invocations.
  treatMissingData: NOT_BREACHING,
} as const;
