// That the documents of the API and its events are valid, and say what the stack has.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { environmentNames } from "../orders/environments.ts";
import { logicalId, ordersTemplate } from "./template.ts";

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const openApi = JSON.parse(read("shared/orders-service/openapi.json"));
const asyncApi = JSON.parse(read("shared/orders/asyncapi.json"));

/** Expects a document to be valid by the schema of its version of OpenAPI. */
async function expectOpenApi(document: Record<string, unknown>): Promise<void> {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
}

test("openapi.json is valid OpenAPI 3.1", async () => {
  expect(openApi.openapi).toMatch(/^3\.1\./);
  await expectOpenApi(openApi);
});

test("asyncapi.json is valid AsyncAPI 3.0", () => {
  const require = createRequire(import.meta.url);
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const validate = ajv.compile(require("@asyncapi/specs/schemas/3.0.0-without-$id.json"));
  expect(validate(asyncApi), JSON.stringify(validate.errors)).toBe(true);
  const unknown = { ...asyncApi, channel: {} };
  expect(validate(unknown)).toBe(false);
});

test("the events' document has the buses of all environments", () => {
  const { address, parameters } = asyncApi.channels.orders;
  expect(parameters.environment.enum).toEqual(environmentNames);
  for (const name of environmentNames) {
    ordersTemplate(name).hasResourceProperties("AWS::Events::EventBus", {
      Name: address.replace("{environment}", name),
    });
  }
});

describe.each(environmentNames)("in %s", (name) => {
  const template = ordersTemplate(name);
  const local = name === "local";

  test("the API has the operations of openapi.json, with its authorization", () => {
    const documented = Object.entries<Record<string, unknown>>(openApi.paths).flatMap(
      ([path, operations]) =>
        Object.keys(operations)
          .filter((method) => method !== "parameters")
          .map((method) => `${method.toUpperCase()} ${path}`),
    );
    const routes = Object.values(template.findResources("AWS::ApiGatewayV2::Route"));
    expect(routes.map(({ Properties }) => Properties.RouteKey).sort()).toEqual(documented.sort());
    expect(openApi.security).toEqual([{ sigv4: [] }]);
    for (const { Properties } of routes) {
      expect(Properties.AuthorizationType).toBe(local ? "NONE" : "AWS_IAM");
    }
  });

  test("the schema registry has every event, except in the local stack", async () => {
    const types = Object.keys(asyncApi.components.messages);
    template.resourceCountIs("AWS::EventSchemas::Registry", local ? 0 : 1);
    template.resourceCountIs("AWS::EventSchemas::Schema", local ? 0 : types.length);
    if (local) {
      return;
    }
    template.hasResourceProperties("AWS::EventSchemas::Registry", {
      RegistryName: `orders-${name}`,
    });
    const schemas = Object.values(template.findResources("AWS::EventSchemas::Schema"));
    for (const type of types) {
      const schema = schemas.find(({ Properties }) => Properties.SchemaName === `orders@${type}`);
      expect(schema?.Properties).toMatchObject({
        RegistryName: {
          "Fn::GetAtt": [logicalId(template, "EventSchemasRegistry"), "RegistryName"],
        },
        Type: "OpenApi3",
      });
      const content = JSON.parse(schema?.Properties.Content);
      // OpenAPI 3.0 knows fewer keywords than the schemas of events may have.
      await expectOpenApi(content);
      const names = Object.keys(content.components.schemas);
      expect(names.sort()).toEqual(["AWSEvent", type, `${type}CloudEvent`].sort());
      expect(content.components.schemas.AWSEvent).toMatchObject({
        "x-amazon-events-detail-type": type,
        "x-amazon-events-source": "orders",
      });
    }
  });
});
