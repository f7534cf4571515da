export {
  BuiltFunctionCode,
  type BuiltFunctionCodeProps,
  NotBuiltError,
} from "./built-function-code.ts";
export type { OutboxTableProps } from "./outbox-table.ts";
export { STREAM_MAPPING_DEFAULTS } from "./stream-mapping-defaults.ts";
export type { StreamMappingSettings } from "./stream-mapping-settings.ts";
export { SWEEP_DEFAULTS } from "./sweep-defaults.ts";
export { TransactionalOutbox, type TransactionalOutboxProps } from "./transactional-outbox.ts";
