import { ApplicationLogLevel } from "aws-cdk-lib/aws-lambda";

/** The log levels at which Lambda keeps the log lines with the functions' metrics. */
const LOG_LEVELS_WITH_METRICS: readonly ApplicationLogLevel[] = [
  ApplicationLogLevel.INFO,
  ApplicationLogLevel.DEBUG,
  ApplicationLogLevel.TRACE,
];

/** Rejects a log level that would drop the functions' metrics, or log events without permission. */
export function requireLogLevel(
  logLevel = ApplicationLogLevel.INFO,
  logsMayContainEvents = false,
): void {
  if (!LOG_LEVELS_WITH_METRICS.includes(logLevel)) {
    throw new Error(
      `logLevel ${logLevel} would drop the functions' metrics, which are written to the log as INFO: ` +
        `choose one of ${LOG_LEVELS_WITH_METRICS.join(", ")}`,
    );
  }
  if (logLevel === ApplicationLogLevel.TRACE && !logsMayContainEvents) {
    throw new Error(
      "logLevel TRACE logs the requests to AWS, and with them the events' data: choose DEBUG, " +
        "or set logsMayContainEvents if events may be logged",
    );
  }
}
