import { Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { EventBus } from "aws-cdk-lib/aws-events";
import { Key } from "aws-cdk-lib/aws-kms";
import { Topic } from "aws-cdk-lib/aws-sns";
import { beforeAll, describe, expect, test } from "vitest";
import { environmentNames } from "../orders/environments.ts";
import {
  ALARM_THRESHOLDS,
  SWEEP_DEFAULTS,
  TransactionalOutbox,
  type TransactionalOutboxProps,
} from "../outbox/index.ts";
import { type AlarmProperties, alarmsOf } from "./metrics.ts";
import { isAbout, read, runbook, statusLines } from "./runbook.ts";
import { logicalId, ordersStackWithKey, ordersTemplate, placeholderCode } from "./template.ts";

/** The longest description that CloudWatch accepts. */
const LONGEST_DESCRIPTION = 1024;

/** The functions, in the order of the alarms' expressions. */
const FUNCTIONS = [
  "CreateOrder",
  "CancelOrder",
  "GetOrder",
  "ShippingStartShipping",
  "OutboxSweeper",
  "OutboxRelay",
];

describe.each(environmentNames.filter((name) => name !== "local"))("alarms in %s", (name) => {
  let template: Template;
  let alarms: Map<string, AlarmProperties>;

  beforeAll(() => {
    template = ordersTemplate(name);
    alarms = alarmsOf(template);
  });

  test("each has this condition, over periods of five minutes unless it names another", () => {
    expect(Object.fromEntries([...alarms].map(([id, alarm]) => [id, condition(alarm)]))).toEqual({
      OutboxAlarmsLateEvent: "Maximum OldestPendingAge > 1200, 2 of 2, missing: ignore",
      OutboxAlarmsParkedRows: "Maximum ParkedEvents >= 1, 1 of 1, missing: ignore",
      OutboxAlarmsSweeperStopped:
        "FILL(sweeps, 0), SampleCount PendingEvents < 1, 3 of 3, missing: breaching",
      OutboxAlarmsSweepsCutShort: "Minimum SweepCutShort >= 1, 3 of 3, missing: ignore",
      OutboxAlarmsPublishingHalted:
        "Maximum Halted >= 1, 4 of 8 of 60 s each, missing: notBreaching",
      OutboxAlarmsLeftToSweeper: "Sum LeftToSweeper >= 1, 1 of 1, missing: notBreaching",
      OutboxAlarmsDeadLetters:
        "Maximum ApproximateNumberOfMessagesVisible >= 1, 1 of 1, missing: ignore",
      OutboxAlarmsOldDeadLetter:
        "Maximum ApproximateAgeOfOldestMessage > 259200, 1 of 1, missing: ignore",
      OutboxAlarmsDroppedEvents: "Sum DroppedEventCount >= 1, 1 of 1, missing: notBreaching",
      OutboxAlarmsFailingEvents: "Sum FailedInvokeEventCount >= 1, 3 of 3, missing: notBreaching",
      OutboxAlarmsUnansweredEvents: "Sum Unanswered >= 1, 2 of 3, missing: notBreaching",
      OutboxAlarmsStreamBehind: "Maximum IteratorAge > 600000, 2 of 2, missing: notBreaching",
      OutboxAlarmsRelayErrors: "Sum Errors >= 1, 2 of 3, missing: notBreaching",
      OutboxAlarmsRelayThrottles: "Sum Throttles >= 1, 2 of 3, missing: notBreaching",
      OutboxAlarmsRelayDuration: "Maximum Duration > 48000, 2 of 3, missing: notBreaching",
      ApiAlarmsFaults:
        "100 * faults / requests, Sum 5xx, SampleCount Count > 1, 2 of 3, missing: notBreaching",
      ApiAlarmsLatency: "p99 Latency > 2000, 3 of 3, missing: notBreaching",
      ApiAlarmsClientErrors:
        "IF(errors >= 100, 100 * errors / requests, 0), Sum 4xx, SampleCount Count > 20, 3 of 3, missing: notBreaching",
      FunctionAlarmsThrottles:
        "FILL(createOrder, 0) + FILL(cancelOrder, 0) + FILL(getOrder, 0) + FILL(startShipping, 0) + FILL(sweeper, 0), " +
        `${Array(5).fill("Sum Throttles").join(", ")} >= 1, 2 of 3, missing: notBreaching`,
      FunctionAlarmsLogVolume:
        "FILL(createOrder, 0) + FILL(cancelOrder, 0) + FILL(getOrder, 0) + FILL(startShipping, 0) + FILL(sweeper, 0) + FILL(relay, 0), " +
        // 400 requests a second, 300 seconds, 4 KiB.
        `${Array(6).fill("Sum IncomingBytes").join(", ")} > 491520000, 3 of 3, missing: notBreaching`,
      ShippingAlarmsLostEvent:
        "Sum InvocationsFailedToBeSentToDlq >= 1, 1 of 1, missing: notBreaching",
      ShippingAlarmsExpiringEvent:
        "Maximum ApproximateAgeOfOldestMessage > 345600, 1 of 1, missing: ignore",
      ShippingAlarmsExpiringDeadLetter:
        "Maximum ApproximateAgeOfOldestMessage > 345600, 1 of 1, missing: ignore",
      ShippingAlarmsExpiringRuleDeadLetter:
        "Maximum ApproximateAgeOfOldestMessage > 345600, 1 of 1, missing: ignore",
      ShippingAlarmsBehind: "Maximum ApproximateAgeOfOldestMessage > 900, 2 of 2, missing: ignore",
      ShippingAlarmsDeadLetters:
        "Maximum ApproximateNumberOfMessagesVisible >= 1, 1 of 1, missing: ignore",
      ShippingAlarmsRuleDeadLetters:
        "Maximum ApproximateNumberOfMessagesVisible >= 1, 1 of 1, missing: ignore",
    });
  });

  test("each watches the right resource", () => {
    const watched = [...alarms].map(([id, alarm]) => [id, resources(alarm)]);
    const queue = (prefix: string) => [logicalId(template, prefix)];
    expect(Object.fromEntries(watched)).toEqual({
      OutboxAlarmsLateEvent: [logicalId(template, "OutboxTable")],
      OutboxAlarmsParkedRows: [logicalId(template, "OutboxTable")],
      OutboxAlarmsSweeperStopped: [logicalId(template, "OutboxTable")],
      OutboxAlarmsSweepsCutShort: [logicalId(template, "OutboxTable")],
      OutboxAlarmsPublishingHalted: [logicalId(template, "OutboxTable")],
      OutboxAlarmsLeftToSweeper: [logicalId(template, "OutboxTable")],
      OutboxAlarmsDeadLetters: queue("OutboxDeadLetterQueue"),
      OutboxAlarmsOldDeadLetter: queue("OutboxDeadLetterQueue"),
      OutboxAlarmsDroppedEvents: ["OutboxStreamMapping"],
      OutboxAlarmsFailingEvents: ["OutboxStreamMapping"],
      OutboxAlarmsUnansweredEvents: [logicalId(template, "OutboxTable")],
      OutboxAlarmsStreamBehind: [logicalId(template, "OutboxRelay")],
      OutboxAlarmsRelayErrors: [logicalId(template, "OutboxRelay")],
      OutboxAlarmsRelayThrottles: [logicalId(template, "OutboxRelay")],
      OutboxAlarmsRelayDuration: [logicalId(template, "OutboxRelay")],
      ApiAlarmsFaults: [logicalId(template, "Api")],
      ApiAlarmsLatency: [logicalId(template, "Api")],
      ApiAlarmsClientErrors: [logicalId(template, "Api")],
      FunctionAlarmsThrottles: FUNCTIONS.filter((name) => name !== "OutboxRelay").map((name) =>
        logicalId(template, name),
      ),
      FunctionAlarmsLogVolume: FUNCTIONS.map((name) => logicalId(template, `${name}Logs`)),
      ShippingAlarmsLostEvent: [
        logicalId(template, "EventBus"),
        logicalId(template, "ShippingRule"),
      ],
      ShippingAlarmsExpiringEvent: queue("ShippingQueue"),
      ShippingAlarmsExpiringDeadLetter: queue("ShippingDeadLetterQueue"),
      ShippingAlarmsExpiringRuleDeadLetter: queue("ShippingRuleDeadLetterQueue"),
      ShippingAlarmsBehind: queue("ShippingQueue"),
      ShippingAlarmsDeadLetters: queue("ShippingDeadLetterQueue"),
      ShippingAlarmsRuleDeadLetters: queue("ShippingRuleDeadLetterQueue"),
    });
  });

  test("a rule on a bus is watched by its name, without the bus", () => {
    // CloudFormation's Ref is `bus|rule`: there is no such metric.
    expect(alarms.get("ShippingAlarmsLostEvent")?.Dimensions).toContainEqual({
      Name: "RuleName",
      Value: {
        "Fn::Select": [
          2,
          { "Fn::Split": ["/", { "Fn::GetAtt": [logicalId(template, "ShippingRule"), "Arn"] }] },
        ],
      },
    });
  });

  test("each says what it means, and links to a runbook section", () => {
    const anchors = runbook().map(({ anchor }) => anchor);
    for (const { AlarmDescription } of alarms.values()) {
      const [, meaning, anchor] =
        /^(.+) What to do: docs\/operations\.md#([\w-]+)$/.exec(AlarmDescription) ?? [];
      expect(meaning, AlarmDescription).toMatch(/^\S.*\.$/);
      expect(anchors).toContain(anchor);
      expect(AlarmDescription.length).toBeLessThanOrEqual(LONGEST_DESCRIPTION);
    }
  });

  test("each notifies one topic when it begins and when it is over", () => {
    for (const alarm of alarms.values()) {
      expect(alarm.AlarmActions).toHaveLength(1);
      expect(["page", "ticket"]).toContain(grade(alarm));
      expect(alarm.OKActions).toEqual(alarm.AlarmActions);
      expect(alarm).not.toHaveProperty("ActionsEnabled");
    }
  });

  test("the runbook lists each section's alarms and their grades", () => {
    // With a key there is one more.
    const all = alarmsOf(Template.fromStack(ordersStackWithKey(name)));
    expect([...all.keys()]).toEqual(expect.arrayContaining([...alarms.keys()]));
    const named = [...all].map(([id, alarm]) => {
      const anchor = alarm.AlarmDescription.split("#")[1];
      return `${anchor}: ${grade(alarm)} ${id}`;
    });
    const shown = runbook().flatMap(({ anchor, alarms }) =>
      alarms.map((alarm) => `${anchor}: ${alarm}`),
    );
    expect(shown.sort()).toEqual(named.sort());
  });

  test.each(["Page", "Ticket"])("only CloudWatch may publish to %s, over TLS", (id) => {
    const topic = { Ref: logicalId(template, `AlarmTopics${id}`) };
    const policies = Object.values(template.findResources("AWS::SNS::TopicPolicy"));
    const policy = policies.find(({ Properties }) => Properties.Topics[0].Ref === topic.Ref);
    expect(policy?.Properties.PolicyDocument.Statement).toEqual([
      expect.objectContaining({
        Effect: "Deny",
        Principal: "*",
        Action: "sns:Publish",
        Resource: topic,
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      }),
      expect.objectContaining({
        Effect: "Allow",
        Principal: { Service: "cloudwatch.amazonaws.com" },
        Action: "sns:Publish",
        Resource: topic,
        Condition: { StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } } },
      }),
    ]);
    template.hasOutput(`${id}TopicArn`, { Value: topic });
  });

  function grade({ AlarmActions }: AlarmProperties): string {
    const [action] = AlarmActions as { Ref: string }[];
    return /^AlarmTopics(\w+?)[0-9A-F]{8}$/.exec(action?.Ref ?? "")?.[1]?.toLowerCase() ?? "none";
  }
});

test("the local stack has no alarms, topics or dashboard", () => {
  const template = ordersTemplate("local");
  for (const type of [
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
  ]) {
    template.resourceCountIs(type, 0);
  }
});

describe("the runbook", () => {
  test("every state is reported by an alarm or a line of status", () => {
    const sections = runbook();
    const states = sections.filter(({ isState }) => isState);
    expect(states.length).toBeGreaterThan(10);
    const unseen = states.filter(
      ({ anchor }) =>
        !sections.some(
          (section) =>
            [section.anchor, section.partOf].includes(anchor) &&
            section.alarms.length + section.statusLines.length > 0,
        ),
    );
    expect(unseen).toEqual([]);
  });

  test("every line of status has exactly one section", () => {
    const lines = statusLines();
    expect(lines.length).toBeGreaterThan(5);
    const words = runbook().flatMap((section) => section.statusLines);
    for (const line of lines) {
      expect(
        words.filter((some) => isAbout(some, line)),
        line,
      ).toHaveLength(1);
    }
    for (const some of words) {
      expect(
        lines.filter((line) => isAbout(some, line)),
        some,
      ).not.toEqual([]);
    }
  });

  test("every link within it has a target", () => {
    const anchors = runbook().map(({ anchor }) => anchor);
    const links = read("docs/operations.md").matchAll(/\]\(#([\w-]+)\)/g);
    expect(new Set(anchors).size).toBe(anchors.length);
    expect(
      [...links].map(([, anchor]) => anchor).filter((to = "") => !anchors.includes(to)),
    ).toEqual([]);
  });
});

test("an event is late for the alarms when it is for status", () => {
  const [, grace] =
    /DEFAULT_GRACE: SignedDuration = SignedDuration::from_mins\((\d+)\)/.exec(
      read("shared/outbox/src/handlers/sweeper.rs"),
    ) ?? [];
  const [, sweep] =
    /LATE: SignedDuration = SignedDuration::from_mins\(DEFAULT_GRACE\.as_mins\(\) \+ (\d+)\)/.exec(
      read("scripts/outboxctl/src/commands/status/judge.rs"),
    ) ?? [];
  expect(Number(sweep)).toBe(SWEEP_DEFAULTS.interval.toMinutes());
  expect(Number(grace) + Number(sweep)).toBe(ALARM_THRESHOLDS.late.toMinutes());
});

describe("the construct alone", () => {
  function outbox(
    alarmed: boolean,
    props: Partial<TransactionalOutboxProps> = {},
  ): { stack: Stack; outbox: TransactionalOutbox } {
    const stack = new Stack();
    const code = placeholderCode();
    const alarmTopics = { page: new Topic(stack, "Page"), ticket: new Topic(stack, "Ticket") };
    return {
      stack,
      outbox: new TransactionalOutbox(stack, "Outbox", {
        relayCode: code.of("publish-events"),
        sweeperCode: code.of("sweep-outbox"),
        sources: ["orders"],
        eventBus: new EventBus(stack, "EventBus"),
        ...(alarmed && { alarmTopics }),
        ...props,
      }),
    };
  }

  test("has no alarms without topics", () => {
    const { stack, outbox: silent } = outbox(false);
    expect(silent.alarms).toBeUndefined();
    Template.fromStack(stack).resourceCountIs("AWS::CloudWatch::Alarm", 0);
  });

  test("lists all of its alarms", () => {
    const { stack, outbox: alarmed } = outbox(true);
    const all = alarmed.alarms?.all ?? [];
    Template.fromStack(stack).resourceCountIs("AWS::CloudWatch::Alarm", all.length);
    expect(all).toContain(alarmed.alarms?.lateEvent);
    expect(new Set(all.map(({ node }) => node.id)).size).toBe(15);
  });

  test("has an alarm for the dead-letter queue of its bus if it has a key", () => {
    const stack = new Stack(undefined, "Stack", { env: { region: "eu-central-1" } });
    const code = placeholderCode();
    const { alarms } = new TransactionalOutbox(stack, "Outbox", {
      relayCode: code.of("publish-events"),
      sweeperCode: code.of("sweep-outbox"),
      sources: ["orders"],
      alarmTopics: { page: new Topic(stack, "Page"), ticket: new Topic(stack, "Ticket") },
      encryptionKey: new Key(stack, "Key"),
    });
    const template = Template.fromStack(stack);
    const alarm = alarmsOf(template).get("OutboxAlarmsBusDeadLetters") as AlarmProperties;
    expect(alarms?.all).toContain(alarms?.busDeadLetters);
    expect(condition(alarm)).toBe(
      "Maximum ApproximateNumberOfMessagesVisible >= 1, 1 of 1, missing: ignore",
    );
    expect(resources(alarm)).toEqual([logicalId(template, "OutboxEventBusDeadLetterQueue")]);
  });

  test("links its alarms to the runbook that it is given", () => {
    const runbookLink = "https://wiki.example.com/outbox";
    const { stack } = outbox(true, { runbookLink });
    const descriptions = [...alarmsOf(Template.fromStack(stack)).values()].map(
      ({ AlarmDescription }) => AlarmDescription,
    );
    expect(descriptions).toHaveLength(15);
    for (const description of descriptions) {
      expect(description).toMatch(/ What to do: https:\/\/wiki\.example\.com\/outbox#[\w-]+$/);
    }
  });

  test.each(["", "our wiki", "https://wiki.example.com/outbox#alarms"])(
    "rejects %j as a runbook link",
    (runbookLink) => {
      expect(() => outbox(true, { runbookLink })).toThrow(
        `runbookLink is ${JSON.stringify(runbookLink)}: give a URL or a path without spaces and without #`,
      );
    },
  );
});

/** Returns the condition of an alarm in one line. */
function condition(alarm: AlarmProperties): string {
  const metrics = alarm.Metrics?.map(
    ({ Expression, MetricStat }) =>
      Expression ?? `${MetricStat?.Stat} ${MetricStat?.Metric.MetricName}`,
  ) ?? [`${alarm.Statistic ?? alarm.ExtendedStatistic} ${alarm.MetricName}`];
  const operators: Record<string, string> = {
    GreaterThanThreshold: ">",
    GreaterThanOrEqualToThreshold: ">=",
    LessThanThreshold: "<",
  };
  const { DatapointsToAlarm, EvaluationPeriods } = alarm;
  const periods = JSON.stringify(alarm).matchAll(/"Period":(\d+)/g);
  const unusual = [...periods].map(([, seconds]) => seconds).filter((seconds) => seconds !== "300");
  return [
    `${metrics.join(", ")} ${operators[alarm.ComparisonOperator]} ${alarm.Threshold}`,
    [
      `${DatapointsToAlarm ?? EvaluationPeriods} of ${EvaluationPeriods}`,
      ...unusual.map((seconds) => `of ${seconds} s each`),
    ].join(" "),
    `missing: ${alarm.TreatMissingData}`,
  ].join(", ");
}

/** Returns the logical ids of the resources that an alarm watches. */
function resources({ Dimensions, Metrics }: AlarmProperties): string[] {
  const text = JSON.stringify([Dimensions, Metrics]);
  const found = text.matchAll(/"(?:Ref":|Fn::GetAtt":\[)"(\w+)"/g);
  return [...new Set([...found].map(([, id = ""]) => id))];
}
