import type { Template } from "aws-cdk-lib/assertions";
import { beforeAll, describe, expect, test } from "vitest";
import { environmentNames } from "../orders/environments.ts";
import {
  AT_ONCE_METRICS,
  OUTBOX_NAMESPACE,
  RELAY_METRICS,
  SWEEPER_METRICS,
} from "../outbox/index.ts";
import {
  alarmsOf,
  isOfAws,
  type MetricName,
  metricsOf,
  metricsShown,
  type Widget,
  widgetsOf,
} from "./metrics.ts";
import { read } from "./runbook.ts";
import { ordersTemplate } from "./template.ts";

const RUST = read("shared/outbox/src/handlers/metrics.rs");

/** The metrics of the functions that publish. */
const OF_OUTBOX = [...counted("Relay"), ...counted("AtOnce"), ...counted("Sweeper")];

describe.each(environmentNames.filter((name) => name !== "local"))("dashboard in %s", (name) => {
  let template: Template;
  let widgets: Widget[];

  beforeAll(() => {
    template = ordersTemplate(name);
    widgets = widgetsOf(template);
  });

  test("there is one, with the name of the stack", () => {
    template.resourceCountIs("AWS::CloudWatch::Dashboard", 1);
    template.hasResourceProperties("AWS::CloudWatch::Dashboard", {
      DashboardName: `orders-${name}`,
    });
  });

  test("it shows alarms, then the steps of an event, then what is stuck", () => {
    const rows = [...new Set(widgets.map(({ y }) => y))].sort((one, other) => one - other);
    const titles = rows.map((row) =>
      widgets
        .filter(({ y }) => y === row)
        .toSorted((one, other) => one.x - other.x)
        .map(({ properties }) => properties.title),
    );
    expect(titles).toEqual([
      ["Alarms"],
      [
        "API: requests",
        "Orders table: writes",
        "Stream mapping: events",
        "Relay: events",
        "Bus: commit to publish",
        "Shipping: rule and queue",
      ],
      [
        "API: latency",
        "Outbox table: writes",
        "Stream mapping: iterator age",
        "Relay: function",
        "PutEvents of the account",
        "Shipping: function",
      ],
      [
        "Published",
        "Pending",
        "Parked",
        "Sweeps",
        "Dead letters of the outbox",
        "Dead letters of shipping",
      ],
    ]);
    for (const { x, width } of widgets) {
      expect(x + width).toBeLessThanOrEqual(24);
    }
  });

  test("it shows every alarm", () => {
    const [alarms] = widgets;
    const ids = Object.keys(template.findResources("AWS::CloudWatch::Alarm"));
    expect(alarms?.properties.alarms?.toSorted()).toEqual(ids.map((id) => `<${id}>`).sort());
  });

  test("every metric that a widget or an alarm reads is written", () => {
    const read = [
      ...widgets.flatMap(metricsShown),
      ...[...alarmsOf(template).values()].flatMap(metricsOf),
    ];
    expect(read.length).toBeGreaterThan(50);
    expect(read.filter((metric) => !isOfAws(metric) && !isOfOutbox(metric))).toEqual([]);
  });

  test("it shows how many events each way has published, and how soon", () => {
    expect(shownBy("Published")).toEqual([
      "PublishedAtOnce Sum",
      "Published Sum",
      "Swept Sum",
      "LeftToStream Sum",
    ]);
    // The sweeper publishes after its grace period.
    expect(shownBy("Bus: commit to publish")).toEqual([
      "CommitToPublishAtOnce p50",
      "CommitToPublishAtOnce p99",
      "CommitToPublish p50",
      "CommitToPublish p99",
    ]);
  });

  test("it shows every metric of the functions that publish", () => {
    const shown = widgets.flatMap(metricsShown).map(({ name }) => name);
    // The number of sweeps is shown by an expression over `PendingEvents`.
    expect(shown).toEqual(expect.arrayContaining(OF_OUTBOX));
  });

  /** Returns the metrics that the widget with this title shows, as `name statistic`. */
  function shownBy(title: string): string[] {
    const widget = widgets.find(({ properties }) => properties.title === title);
    return (widget?.properties.metrics ?? []).map((row) => {
      const { stat } = row.at(-1) as { stat: string };
      return `${row[1]} ${stat}`;
    });
  }
});

test("the construct lists the metrics of the functions that publish", () => {
  expect(OUTBOX_NAMESPACE).toBe(/NAMESPACE: &str = "(\w+)"/.exec(RUST)?.[1]);
  expect([...RELAY_METRICS]).toEqual(counted("Relay"));
  expect([...AT_ONCE_METRICS]).toEqual(counted("AtOnce"));
  expect([...SWEEPER_METRICS]).toEqual(counted("Sweeper"));
});

function isOfOutbox({ namespace, name, dimensions }: MetricName): boolean {
  const [, dimension] = /dimensions = vec!\[vec!\["(\w+)"\.to_owned\(\)\]\]/.exec(RUST) ?? [];
  return (
    namespace === /NAMESPACE: &str = "(\w+)"/.exec(RUST)?.[1] &&
    dimensions.join() === dimension &&
    OF_OUTBOX.includes(name)
  );
}

/** Returns the metrics that a function of the outbox writes, from its source. */
function counted(by: "Relay" | "AtOnce" | "Sweeper"): string[] {
  const declaration = new RegExp(
    `#\\[entry\\(rename_all = "PascalCase"\\)\\]\nstruct ${by}Metrics<'m> \\{\n([\\s\\S]*?)\n\\}`,
  );
  const [, fields] = declaration.exec(RUST) ?? [];
  if (fields === undefined) {
    throw new Error(`metrics.rs has no ${by}Metrics in PascalCase: change how this test reads it`);
  }
  return [...fields.matchAll(/^ {4}(\w+): (.+),$/gm)]
    .filter(([, , type]) => type !== "SystemTime" && type !== "&'m str")
    .map(([, field = ""]) => field.replace(/(?:^|_)(\w)/g, (_, first) => first.toUpperCase()));
}
