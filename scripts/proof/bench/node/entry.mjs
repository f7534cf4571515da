import { unmarshall } from "@aws-sdk/util-dynamodb";

/** Returns the PutEvents entry of a stream record. */
export function entry(record) {
  const row = unmarshall(record.dynamodb.NewImage);
  return {
    EventBusName: process.env.EVENT_BUS_NAME,
    Source: row.source,
    DetailType: row.detailType,
    Detail: row.detail,
  };
}
