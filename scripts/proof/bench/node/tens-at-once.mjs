// A common improvement: requests of ten entries, all at once.
import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { entry } from "./entry.mjs";
import { serve } from "./runtime.mjs";

const eventBridge = new EventBridgeClient();

await serve(async (event) => {
  const entries = event.Records.map(entry);
  const puts = [];
  for (let from = 0; from < entries.length; from += 10) {
    const Entries = entries.slice(from, from + 10);
    puts.push(eventBridge.send(new PutEventsCommand({ Entries })));
  }
  await Promise.all(puts);
});
