//! The API's document says what the handlers do, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use lambda_http::{Body, http::HeaderValue};
use orders::{Money, Order, OrderId, PlaceOrder, PlaceOrderItem, Violation};
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::{
    cancel_order::{ID, found},
    contract::{DOCUMENT, headers, operation, operations, resolve},
    fixture::*,
};

/// A kind of response: the operation, the status, and the type if it is a problem.
type Kind = (&'static str, u16, Option<String>);

/// Returns the codes of all currencies in which an order can be placed.
fn currencies() -> Vec<String> {
    let letters = || 'A'..='Z';
    let codes = letters().flat_map(|a| {
        letters().flat_map(move |b| letters().map(move |c| String::from_iter([a, b, c])))
    });
    codes.filter(|code| is_accepted(code)).collect()
}

fn is_accepted(currency: &str) -> bool {
    let command = PlaceOrder {
        customer_id: "customer-7".into(),
        currency: currency.into(),
        items: vec![PlaceOrderItem {
            product_id: "teapot".into(),
            quantity: 1,
            unit_price: Money::MAX_AMOUNT.cast_signed(),
        }],
    };
    let id = OrderId::new(uuid::Uuid::nil());
    Order::place(command, id, jiff::Timestamp::UNIX_EPOCH).is_ok()
}

/// Returns the schemas of what the handlers read and write.
fn schemas() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    let mut generator = settings.into_generator();
    generator.subschema_for::<Order>();
    generator.subschema_for::<PlaceOrder>();
    generator.subschema_for::<Violation>();
    let mut schemas = Value::Object(generator.take_definitions(true));
    schemas["PlaceOrder"]["properties"]["currency"]["enum"] = json!(currencies());
    schemas["Problem"] = problem("An error (RFC 9457).");
    schemas["InvalidOrder"] = problem("An order with invalid fields (RFC 9457).");
    schemas["InvalidOrder"]["properties"]["violations"] = json!({
        "type": "array",
        "description": "The first invalid fields. `detail` says how many more there are.",
        "items": {"$ref": "#/components/schemas/Violation"},
        "minItems": 1,
        "maxItems": 20,
    });
    let required = schemas["InvalidOrder"]["required"].as_array_mut();
    required.unwrap().push(json!("violations"));
    schemas["GatewayError"] = DOCUMENT["components"]["schemas"]["GatewayError"].clone();
    schemas
}

/// Returns the schema of a problem, without what only one of them has.
fn problem(description: &str) -> Value {
    json!({
        "type": "object",
        "description": description,
        "properties": {
            "type": {
                "type": "string",
                "format": "uri-reference",
                "description": "Which problem it is. It never changes.",
            },
            "title": {"type": "string", "description": "The problem in general."},
            "status": {"type": "integer", "description": "The status of the response."},
            "detail": {"type": "string", "description": "What is wrong with this request."},
        },
        "required": ["type", "title", "status", "detail"],
    })
}

#[test]
fn the_schemas_are_those_of_the_types() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let mut document = DOCUMENT.clone();
    document["components"]["schemas"] = schemas();
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    document.sort_all_objects();
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap();
    assert!(
        committed == text,
        "openapi.json is not current: run 'make schemas'"
    );
}

/// Returns the kinds of response in the document, without those of API Gateway alone.
fn documented() -> BTreeSet<Kind> {
    let mut kinds = BTreeSet::new();
    for (operation, _) in operations() {
        let id = operation["operationId"].as_str().unwrap();
        for (status, response) in operation["responses"].as_object().unwrap() {
            let content = &resolve(response)["content"];
            let status: u16 = status.parse().unwrap();
            let problems = problem_types(&content["application/problem+json"]);
            if status < 400 {
                kinds.insert((id, status, None));
            }
            kinds.extend(problems.into_iter().map(|kind| (id, status, Some(kind))));
        }
    }
    kinds
}

/// Returns the types in the schema of a problem: all strings in enums below it.
fn problem_types(schema: &Value) -> Vec<String> {
    let below: Vec<&Value> = match schema {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(values) => values.iter().collect(),
        _ => Vec::new(),
    };
    let inner = below.into_iter().flat_map(problem_types);
    let own = schema["enum"].as_array().into_iter().flatten();
    let own = own.map(|value| value.as_str().unwrap().to_owned());
    own.chain(inner).collect()
}

fn kind_of((id, answer): &(&'static str, Answer)) -> Kind {
    let is_problem = answer
        .headers
        .get("content-type")
        .is_some_and(|kind| kind == "application/problem+json");
    let problem = is_problem.then(|| answer.body["type"].as_str().unwrap().to_owned());
    (id, answer.status, problem)
}

#[tokio::test]
async fn every_documented_response_occurs_with_its_headers() {
    let mut answers = responses_to_placing().await;
    answers.extend(responses_to_cancelling().await);
    answers.extend(responses_to_reading().await);

    let occurred: BTreeSet<Kind> = answers.iter().map(kind_of).collect();
    assert_eq!(occurred, documented());
    let mut seen: BTreeMap<(&str, u16), BTreeSet<String>> = BTreeMap::new();
    for (id, answer) in &answers {
        let names = answer.headers.keys().map(ToString::to_string);
        let names = names.filter(|name| name != "content-type");
        let of_kind = seen.entry((id, answer.status)).or_default();
        of_kind.extend(names);
    }
    for ((id, status), names) in seen {
        let response = resolve(&operation(id).0["responses"][status.to_string()]);
        let documented: BTreeSet<String> = headers(response)
            .map(|(name, _)| name.to_lowercase())
            .collect();
        assert_eq!(names, documented, "{id} {status}");
    }
}

/// Returns a response of each kind to `POST /orders`.
async fn responses_to_placing() -> Vec<(&'static str, Answer)> {
    let fixture = Fixture::start().await;
    let of_body = |body: &str| request().body(Body::Text(body.to_owned())).unwrap();
    let mut other = order();
    other["customerId"] = json!("customer-8");
    let mut text = post(&order());
    let plain = HeaderValue::from_static("text/plain");
    text.headers_mut().insert("content-type", plain);
    let mut answers = vec![
        fixture.post(post_with_key(&order(), "key")).await,
        fixture.post(post_with_key(&other, "key")).await,
        fixture.post(of_body("{")).await,
        fixture.post(of_body("{}")).await,
        fixture.post(of_body(&" ".repeat(300_000))).await,
        fixture.post(text).await,
        fixture.post(post_with_key(&order(), "a,b")).await,
        create_order(&fixture.service, Callers::Identified, post(&order())).await,
    ];
    for failure in [canceled("ThrottlingError"), denied()] {
        let dynamodb = DynamoDb::responding(&[("TransactWriteItems", &[failure])]).await;
        let service = service(&dynamodb.client);
        answers.push(create_order(&service, Callers::Anyone, post(&order())).await);
    }
    let named = answers.into_iter().map(|answer| ("placeOrder", answer));
    named.collect()
}

/// Returns a response of each kind to `POST /orders/{id}/cancel`.
async fn responses_to_cancelling() -> Vec<(&'static str, Answer)> {
    let fixture = Fixture::start().await;
    let id = fixture.placed().await;
    let mut answers = vec![
        fixture.cancel(&id).await,
        fixture.cancel(ID).await,
        cancel_order(&fixture.service, Callers::Identified, cancel(&id)).await,
    ];
    for failure in [
        canceled("TransactionConflict"),
        canceled("ThrottlingError"),
        denied(),
    ] {
        let responses = [
            ("GetItem", &[found()][..]),
            ("TransactWriteItems", &[failure]),
        ];
        let dynamodb = DynamoDb::responding(&responses).await;
        let service = service(&dynamodb.client);
        answers.push(cancel_order(&service, Callers::Anyone, cancel(ID)).await);
    }
    let named = answers.into_iter().map(|answer| ("cancelOrder", answer));
    named.collect()
}

/// Returns a response of each kind to `GET /orders/{id}`.
async fn responses_to_reading() -> Vec<(&'static str, Answer)> {
    let fixture = Fixture::start().await;
    let id = fixture.placed().await;
    let mut unchanged = get(&id);
    let version = HeaderValue::from_static("\"1\"");
    unchanged.headers_mut().insert("if-none-match", version);
    let stored = orders(&fixture.client);
    let mut answers = vec![
        fixture.get(get(&id)).await,
        fixture.get(unchanged).await,
        fixture.get(get(ID)).await,
        get_order(&stored, Callers::Identified, get(&id)).await,
    ];
    let throttled = (400, json!({"__type": "ThrottlingException"}));
    for failure in [throttled, denied()] {
        let dynamodb = DynamoDb::responding(&[("GetItem", &[failure])]).await;
        answers.push(get_order(&orders(&dynamodb.client), Callers::Anyone, get(ID)).await);
    }
    let named = answers.into_iter().map(|answer| ("getOrder", answer));
    named.collect()
}

fn denied() -> (u16, Value) {
    (400, json!({"__type": "AccessDeniedException"}))
}

/// A problem that no operation returns is found here, one that no operation documents by the
/// other tests.
#[test]
fn every_problem_of_the_source_is_documented() {
    let source = include_str!("../../src/problem.rs");
    let types = source.split('"').filter(|text| text.starts_with("urn:"));
    let types: BTreeSet<String> = types.map(str::to_owned).collect();
    let documented = documented().into_iter().filter_map(|(_, _, kind)| kind);
    let documented = documented.filter(|kind| kind != "about:blank");
    assert_eq!(types, documented.collect());
}

#[test]
fn the_parameters_are_those_that_the_handlers_read() {
    for (id, expected) in [
        ("placeOrder", &["Idempotency-Key", "traceparent"][..]),
        ("cancelOrder", &["id", "traceparent"]),
        ("getOrder", &["If-None-Match", "id", "traceparent"]),
    ] {
        let (operation, shared) = operation(id);
        let lists = [&operation["parameters"], shared].into_iter();
        let parameters = lists.flat_map(|list| list.as_array().into_iter().flatten());
        let names = parameters.map(|parameter| resolve(parameter)["name"].as_str().unwrap());
        let names: BTreeSet<&str> = names.collect();
        assert_eq!(names, expected.iter().copied().collect(), "{id}");
        let reads_body = id == "placeOrder";
        assert_eq!(operation["requestBody"].is_object(), reads_body, "{id}");
    }
}

#[tokio::test]
async fn the_example_places_an_order() {
    let body = &operation("placeOrder").0["requestBody"]["content"]["application/json"];
    let fixture = Fixture::start().await;
    assert_eq!(fixture.post(post(&body["example"])).await.status, 201);
}
