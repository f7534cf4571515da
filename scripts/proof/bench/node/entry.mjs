import { unmarshall } from "@aws-sdk/util-dynamodb";

/** The event that a record of the outbox table's stream tells of. */
export function entry(record) {
  const row = unmarshall(record.dynamodb.NewImage);
  return {
    EventBusName: process.env.EVENT_BUS_NAME,
    Source: row.source,
    DetailType: row.detailType,
    Detail: row.detail,
  };
}
