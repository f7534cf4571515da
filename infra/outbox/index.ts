export {
  BuiltFunctionCode,
  type BuiltFunctionCodeProps,
  NotBuiltError,
} from "./built-function-code.ts";
export { STREAM_MAPPING_DEFAULTS } from "./stream-mapping-defaults.ts";
export { SWEEP_DEFAULTS } from "./sweep-defaults.ts";
export { TransactionalOutbox, type TransactionalOutboxProps } from "./transactional-outbox.ts";
