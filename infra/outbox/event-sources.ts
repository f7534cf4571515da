import { Token } from "aws-cdk-lib";

/** The longest source that EventBridge accepts, in characters. */
const LONGEST_SOURCE = 256;

/** What a source must not be, and why. */
const FAULTS: readonly (readonly [fault: string, has: (source: string) => boolean])[] = [
  ["is known only when the stack is deployed: write it out", Token.isUnresolved],
  ["is empty", (source) => source === ""],
  ["contains a control character", (source) => /\p{Cc}/u.test(source)],
  ["contains a comma, which separates sources in EVENT_SOURCES", (source) => source.includes(",")],
  ["contains a policy variable, which IAM would replace", (source) => source.includes("${")],
  [
    `is longer than the ${LONGEST_SOURCE} characters that EventBridge accepts`,
    (source) => [...source].length > LONGEST_SOURCE,
  ],
  ["begins with aws., which only AWS may publish", (source) => source.startsWith("aws.")],
];

/** Rejects sources that could never be published, or would mean something else in a list or a policy. */
export function requireEventSources(sources: readonly string[]): void {
  if (sources.length === 0) {
    throw new Error(
      "sources is empty: give the CloudEvents sources of the events that this outbox publishes",
    );
  }
  for (const [index, source] of sources.entries()) {
    const [fault] = FAULTS.find(([, has]) => has(source)) ?? [];
    if (fault !== undefined) {
      throw new Error(`sources[${index}], ${JSON.stringify(source)}, ${fault}`);
    }
  }
}

/** Returns sources as the functions and `outboxctl` read them. */
export function sourceList(sources: readonly string[]): string {
  return sources.join(",");
}
