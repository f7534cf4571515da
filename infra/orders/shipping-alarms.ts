import { Duration } from "aws-cdk-lib";
import { type Alarm, ComparisonOperator, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import type { IEventBus } from "aws-cdk-lib/aws-events";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { type AlarmTopics, RunbookAlarm } from "transactional-outbox";
import type { Shipping } from "./shipping.ts";
import { delivered, oldest, waiting } from "./shipping-metrics.ts";

const { GREATER_THAN_THRESHOLD, GREATER_THAN_OR_EQUAL_TO_THRESHOLD } = ComparisonOperator;

export interface ShippingAlarmsProps {
  readonly shipping: Shipping;
  readonly eventBus: IEventBus;
  readonly topics: AlarmTopics;
}

/** Tells people of events that shipping has not acted on. */
export class ShippingAlarms extends Construct {
  /** Page: an event was lost on its way to the queue. */
  readonly lostEvent: Alarm;

  /** Page: SQS drops what nobody sees to, in a few days. */
  readonly expiring: Alarm[];

  /** Ticket: the function does not keep up, or does not run. */
  readonly behind: Alarm;

  /** Ticket: the function has given up on an event. */
  readonly deadLetters: Alarm;

  /** Ticket: EventBridge has given up on one. */
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
      "start-shipping has failed at an event five times. The event waits in its dead-letter queue.",
      "what-start-shipping-failed-at",
    );
    this.ruleDeadLetters = this.#deadLetters(
      "RuleDeadLetters",
      ruleDeadLetterQueue,
      "EventBridge could not hand an event to shipping's queue. It waits in the rule's dead-letter queue.",
      "what-never-reached-the-queue",
    );
  }

  /** All of them, the most urgent first. */
  get all(): Alarm[] {
    return [this.lostEvent, ...this.expiring, this.behind, this.deadLetters, this.ruleDeadLetters];
  }

  #lostEvent({ shipping, eventBus }: ShippingAlarmsProps): Alarm {
    return new RunbookAlarm(this, "LostEvent", {
      topics: this.#topics,
      grade: "page",
      meaning:
        "EventBridge could hand an event neither to shipping's queue nor to the rule's dead-letter queue. " +
        "Only the archive still has it.",
      section: "what-never-reached-the-queue",
      metric: delivered(eventBus, shipping.rule, "InvocationsFailedToBeSentToDlq"),
      comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 1,
      // It is told only when it happens.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }

  #expiring(id: string, queue: IQueue, section: string): Alarm {
    return new RunbookAlarm(this, id, {
      topics: this.#topics,
      grade: "page",
      meaning:
        "An event for shipping has waited for four days, and nobody has seen to it. " +
        "In as little as three more SQS drops it.",
      section,
      metric: oldest(queue),
      comparisonOperator: GREATER_THAN_THRESHOLD,
      // What waited for seven days before it became a dead letter has seven left.
      threshold: Duration.days(4).toSeconds(),
      evaluationPeriods: 1,
      // SQS tells nothing of a queue that nobody used for six hours.
      treatMissingData: TreatMissingData.IGNORE,
    });
  }

  #behind(queue: IQueue): Alarm {
    return new RunbookAlarm(this, "Behind", {
      topics: this.#topics,
      grade: "ticket",
      meaning:
        "An event has waited in shipping's queue for over 15 minutes; usually it takes a second.",
      section: "shipping-is-behind",
      metric: oldest(queue),
      comparisonOperator: GREATER_THAN_THRESHOLD,
      // Five tries take this long; then it is a dead letter.
      threshold: Duration.minutes(15).toSeconds(),
      evaluationPeriods: 2,
      treatMissingData: TreatMissingData.IGNORE,
    });
  }

  #deadLetters(id: string, queue: IQueue, meaning: string, section: string): Alarm {
    return new RunbookAlarm(this, id, {
      topics: this.#topics,
      grade: "ticket",
      meaning: `${meaning} Shipping has not acted on it.`,
      section,
      metric: waiting(queue),
      comparisonOperator: GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.IGNORE,
    });
  }
}
