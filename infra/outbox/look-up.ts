/**
 * Which records the relay looks up in the table, with a consistent read, before it publishes them.
 * A record whose row isn't there any more was published before, and is skipped.
 *
 * - `WhenOld`: records of two seconds and more, because only a redelivered record may be published
 *   already. While nothing fails, nothing is looked up.
 * - `Always`: every record, because a function that publishes at once may have published it. A
 *   look-up of up to 100 records is one `BatchGetItem`, which the publishing of these records waits
 *   for, and a read unit for each of them, or for each 4 KB of a row that is still there.
 */
export type LookUp = "WhenOld" | "Always";

const LOOK_UPS: readonly LookUp[] = ["WhenOld", "Always"];

/** Returns what is looked up, by default old records. Rejects what JavaScript may pass otherwise. */
export function requireLookUp(lookUp: LookUp = "WhenOld"): LookUp {
  if (!LOOK_UPS.includes(lookUp)) {
    throw new Error(`lookUp is ${JSON.stringify(lookUp)}: use one of ${LOOK_UPS.join(", ")}`);
  }
  return lookUp;
}
