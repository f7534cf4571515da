import { Token } from "aws-cdk-lib";
import { Alarm, type AlarmProps, type TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { Construct } from "constructs";
import type { AlarmTopics } from "./alarm-topics.ts";

/** The runbook in the repository that this package comes from. */
export const DEFAULT_RUNBOOK_LINK = "docs/operations.md";

export interface RunbookAlarmProps
  extends Omit<AlarmProps, "alarmDescription" | "alarmName" | "treatMissingData"> {
  /** The topics of each grade. */
  readonly topics: AlarmTopics;

  /** How urgent the alarm is. */
  readonly grade: keyof AlarmTopics;

  /** What has happened, for on-call who may have been asleep. */
  readonly meaning: string;

  /**
   * The runbook, by a URL or a path. The description links to it as `LINK#SECTION`.
   *
   * @default DEFAULT_RUNBOOK_LINK
   */
  readonly runbookLink?: string;

  /** The anchor of the runbook's section that says what to do. */
  readonly section: string;

  /** How missing data counts. There is no default: it differs from metric to metric. */
  readonly treatMissingData: TreatMissingData;
}

/** An alarm whose description says what has happened and links to the runbook. */
export class RunbookAlarm extends Alarm {
  constructor(scope: Construct, id: string, props: RunbookAlarmProps) {
    const { topics, grade, meaning, section, runbookLink, ...alarm } = props;
    super(scope, id, {
      ...alarm,
      alarmDescription: `${meaning} What to do: ${requireLink(runbookLink)}#${section}`,
    });
    const action = new SnsAction(topics[grade]);
    this.addAlarmAction(action);
    // On-call is also notified when the problem is over.
    this.addOkAction(action);
  }
}

/** Rejects a link to which no section can be appended. */
function requireLink(link = DEFAULT_RUNBOOK_LINK): string {
  if (!Token.isUnresolved(link) && !/^[^\s#]+$/.test(link)) {
    throw new Error(
      `runbookLink is ${JSON.stringify(link)}: give a URL or a path without spaces and without #, ` +
        "since each alarm appends the section",
    );
  }
  return link;
}
