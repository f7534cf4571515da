import type { ITopic } from "aws-cdk-lib/aws-sns";

/** Where alarms go, by how soon a person has to look. */
export interface AlarmTopics {
  /** Wakes somebody: events do not arrive, or nobody would know. */
  readonly page: ITopic;

  /** Is seen to in working hours: it is not urgent, or mends itself for now. */
  readonly ticket: ITopic;
}
