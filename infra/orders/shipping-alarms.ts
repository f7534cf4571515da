import { Duration } from "aws-cdk-lib";
import { type Alarm, ComparisonOperator, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import type { IEventBus } from "aws-cdk-lib/aws-events";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { type AlarmTopics, RunbookAlarm } from "transactional-outbox";
import type { Shipping } from "./shipping.ts";
import { oldestMessageAge, ruleMetric, visibleMessages } from "./shipping-metrics.ts";

const { GREATER_THAN_THRESHOLD, GREATER_THAN_OR_EQUAL_TO_THRESHOLD } = ComparisonOperator;

/** What the alarms watch, and the topics that they are sent to. */
export interface ShippingAlarmsProps {
  readonly shipping: Shipping;
  readonly eventBus: IEventBus;
  readonly topics: AlarmTopics;
}

/** The alarms for events that shipping has not handled. */
export class ShippingAlarms extends Construct {
  /** Page: an event was lost between the bus and the queue. */
  readonly lostEvent: Alarm;

  /** Page: SQS will delete an event in a few days. One alarm per queue. */
  readonly expiring: Alarm[];

  /** Ticket: the function does not keep up, or does not run. */
  readonly behind: Alarm;

  /** Ticket: an event failed too often and is in the dead-letter queue. */
  readonly deadLetters: Alarm;

  /** Ticket: EventBridge could not send an event to the queue. */
  readonly ruleDeadLetters: Alarm;

  readonly #topics: AlarmTopics;

  constructor(scope: Construct, id: string, props: ShippingAlarmsProps) {
    super(scope, id);
    const { queue, deadLetterQueue, ruleDeadLetterQueue } = props.shipping;
    this.#topics = props.topics;
    this.lostEvent = this.#lostEvent(props);
    this.expiring = [
      this.#expiring("ExpiringEvent", queue, "shipping-is-behind"),
      this.#expiring("ExpiringDeadLetter", deadLetterQueue, "what-start-shipping-failed-at"),
      this.#expiring("ExpiringRuleDeadLetter", ruleDeadLetterQueue, "what-never-reached-the-queue"),
    ];
    this.behind = this.#behind(queue);
    this.deadLetters = this.#deadLetters(
      "DeadLetters",
      deadLetterQueue,
      "start-shipping has failed to handle an event five times, or rejected it. The event is in its dead-letter queue.",
      "what-start-shipping-failed-at",
    );
    this.ruleDeadLetters = this.#deadLetters(
      "RuleDeadLetters",
      ruleDeadLetterQueue,
      "EventBridge could not send an event to shipping's queue. The event is in the rule's dead-letter queue.",
      "what-never-reached-the-queue",
    );
  }

  /** All alarms, the most urgent first. */
  get all(): Alarm[] {
    return [this.lostEvent, ...this.expiring, this.behind, this.deadLetters, this.ruleDeadLetters];
  }

  #lostEvent({ shipping, eventBus }: ShippingAlarmsProps): Alarm {
    return new RunbookAlarm(this, "LostEvent", {
      topics: this.#topics,
      grade: "page",
      meaning:
        "EventBridge could send an event neither to shipping's queue nor to the rule's dead-letter queue. " +
        "Only the archive still has it.",
      section: "what-never-reached-the-queue",
      metric: ruleMetric(eventBus, shipping.rule, "InvocationsFailedToBeSentToDlq"),
      comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 1,
      // The metric has data only when an event is lost.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }

  #expiring(id: string, queue: IQueue, section: string): Alarm {
    return new RunbookAlarm(this, id, {
      topics: this.#topics,
      grade: "page",
      meaning:
        "An event for shipping has been in a queue for four days. " +
        "SQS deletes it in as little as three more days.",
      section,
      metric: oldestMessageAge(queue),
      comparisonOperator: GREATER_THAN_THRESHOLD,
      // A message that became a dead letter after seven days has seven of its 14 days left.
      threshold: Duration.days(4).toSeconds(),
      evaluationPeriods: 1,
      // SQS sends no metrics for a queue that was not used for six hours.
      treatMissingData: TreatMissingData.IGNORE,
    });
  }

  #behind(queue: IQueue): Alarm {
    return new RunbookAlarm(this, "Behind", {
      topics: this.#topics,
      grade: "ticket",
      meaning:
        "An event has been in shipping's queue for over 15 minutes; usually it is handled within a second.",
      section: "shipping-is-behind",
      metric: oldestMessageAge(queue),
      comparisonOperator: GREATER_THAN_THRESHOLD,
      // After five receives, which take this long, a message becomes a dead letter.
      threshold: Duration.minutes(15).toSeconds(),
      evaluationPeriods: 2,
      treatMissingData: TreatMissingData.IGNORE,
    });
  }

  #deadLetters(id: string, queue: IQueue, meaning: string, section: string): Alarm {
    return new RunbookAlarm(this, id, {
      topics: this.#topics,
      grade: "ticket",
      meaning: `${meaning} Shipping has not handled it.`,
      section,
      metric: visibleMessages(queue),
      comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.IGNORE,
    });
  }
}
