import type { ITopic } from "aws-cdk-lib/aws-sns";

/** The topics that alarms are sent to, by urgency. */
export interface AlarmTopics {
  /** Pages on-call at once: events do not arrive, or their monitoring has stopped. */
  readonly page: ITopic;

  /** For working hours: not urgent, or the outbox still recovers by itself. */
  readonly ticket: ITopic;
}
