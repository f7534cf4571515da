import { readFileSync } from "node:fs";
import { CfnRegistry, CfnSchema } from "aws-cdk-lib/aws-eventschemas";
import { Construct } from "constructs";
import { EVENT_SOURCE } from "./event-source.ts";

/** A schema of the events' document, and a message with the schema of its payload. */
type Schema = Readonly<Record<string, unknown>>;

interface EventsDocument {
  readonly info: { readonly version: string };
  readonly components: {
    readonly messages: Readonly<Record<string, { summary: string; payload: Schema }>>;
    readonly schemas: Readonly<Record<string, Schema>>;
  };
}

/** The AsyncAPI document of the orders' events, which a test of the crate `orders` keeps current. */
const { info, components }: EventsDocument = JSON.parse(
  readFileSync(new URL("../../shared/orders/asyncapi.json", import.meta.url), "utf8"),
);

/**
 * The schemas of the orders' events in the schema registry of EventBridge, for consumers that read
 * them there or download code for them. Nothing in the stack depends on it.
 */
export class EventSchemas extends Construct {
  constructor(scope: Construct, id: string, registryName: string) {
    super(scope, id);
    const registry = new CfnRegistry(this, "Registry", {
      registryName,
      description: "Schemas of the events of orders",
    });
    for (const [type, { summary, payload }] of Object.entries(components.messages)) {
      new CfnSchema(this, type, {
        registryName: registry.attrRegistryName,
        // The names that EventBridge gives to the schemas it discovers.
        schemaName: `${EVENT_SOURCE}@${type}`,
        description: summary,
        type: "OpenApi3",
        content: JSON.stringify(openApi(type, payload)),
      });
    }
  }
}

/** Returns an event's schema in the form that EventBridge has for it, with what it refers to. */
function openApi(type: string, payload: Schema): object {
  return {
    openapi: "3.0.0",
    info: { title: type, version: info.version },
    paths: {},
    components: {
      schemas: {
        AWSEvent: {
          ...payload,
          "x-amazon-events-detail-type": type,
          "x-amazon-events-source": EVENT_SOURCE,
        },
        ...referredToBy(payload),
      },
    },
  };
}

/** Returns the schemas that a schema refers to, directly or not. */
function referredToBy(schema: Schema): Record<string, Schema> {
  const references = JSON.stringify(schema).matchAll(/"#\/components\/schemas\/([^"]+)"/g);
  return Object.fromEntries(
    [...references].flatMap(([, name = ""]) => {
      const referred = components.schemas[name];
      if (referred === undefined) {
        throw new Error(`asyncapi.json has no schema ${name}: run 'make schemas'`);
      }
      return [[name, referred], ...Object.entries(referredToBy(referred))];
    }),
  );
}
