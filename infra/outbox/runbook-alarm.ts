import { Alarm, type AlarmProps, type TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { Construct } from "constructs";
import type { AlarmTopics } from "./alarm-topics.ts";

/** What a person opens when an alarm reaches them. */
const RUNBOOK = "docs/operations.md";

export interface RunbookAlarmProps
  extends Omit<AlarmProps, "alarmDescription" | "alarmName" | "treatMissingData"> {
  /** Where alarms of each grade go. */
  readonly topics: AlarmTopics;

  /** How soon a person has to look. */
  readonly grade: keyof AlarmTopics;

  /** What has happened, for somebody who was asleep. */
  readonly meaning: string;

  /** The section of the runbook that says what to do, by its anchor. */
  readonly section: string;

  /** What no data says. There is no default: it differs from metric to metric. */
  readonly treatMissingData: TreatMissingData;
}

/** An alarm that says what it means and what to do. */
export class RunbookAlarm extends Alarm {
  constructor(scope: Construct, id: string, props: RunbookAlarmProps) {
    const { topics, grade, meaning, section, ...alarm } = props;
    super(scope, id, {
      ...alarm,
      alarmDescription: `${meaning} What to do: ${RUNBOOK}#${section}`,
    });
    const action = new SnsAction(topics[grade]);
    this.addAlarmAction(action);
    // Whoever was called hears that it is over, too.
    this.addOkAction(action);
  }
}
