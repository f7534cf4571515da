// As in tutorials: one PutEvents request for each record, one after the other.
import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { entry } from "./entry.mjs";
import { serve } from "./runtime.mjs";

const eventBridge = new EventBridgeClient();

await serve(async (event) => {
  for (const record of event.Records) {
    await eventBridge.send(new PutEventsCommand({ Entries: [entry(record)] }));
  }
});
