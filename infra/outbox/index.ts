export {
  acknowledgeQueueWithoutKey,
  acknowledgeSameCheck,
  acknowledgeVariablesWithoutKey,
} from "./acknowledge-check.ts";
export type { AlarmTopics } from "./alarm-topics.ts";
export {
  BuiltFunctionCode,
  type BuiltFunctionCodeProps,
  NotBuiltError,
} from "./built-function-code.ts";
export type { BusPublishersProps } from "./bus-publishers.ts";
export { allowLogs, grantOnQueue, keyStatement, queueEncryption } from "./encryption-key.ts";
export type { EventOrder } from "./event-order.ts";
export type { LookUp } from "./look-up.ts";
export { ALARM_THRESHOLDS, OutboxAlarms, type OutboxAlarmsProps } from "./outbox-alarms.ts";
export { OutboxEventBus, type OutboxEventBusProps } from "./outbox-event-bus.ts";
export { grantOnTable } from "./outbox-grants.ts";
export {
  AT_ONCE_METRICS,
  OUTBOX_NAMESPACE,
  type OutboxMetricName,
  OutboxMetrics,
  type OutboxMetricsProps,
  RELAY_METRICS,
  type StreamMappingMetricName,
  SWEEPER_METRICS,
} from "./outbox-metrics.ts";
export type { OutboxTableProps } from "./outbox-table.ts";
export { OutboxWidgets, type OutboxWidgetsProps } from "./outbox-widgets.ts";
export {
  NotPrebuiltError,
  PrebuiltFunctionCode,
  type PrebuiltFunctionCodeProps,
} from "./prebuilt-function-code.ts";
export type { FunctionSettings } from "./publishing-function.ts";
export type { ReservedConcurrencyProps } from "./reserved-concurrency.ts";
export { DEFAULT_RUNBOOK_LINK, RunbookAlarm, type RunbookAlarmProps } from "./runbook-alarm.ts";
export { STREAM_MAPPING_DEFAULTS, type StreamMappingSettings } from "./stream-mapping.ts";
export { SWEEP_DEFAULTS } from "./sweep-defaults.ts";
export { TransactionalOutbox } from "./transactional-outbox.ts";
export type { TransactionalOutboxProps } from "./transactional-outbox-props.ts";
