//! Orders in DynamoDB in process, and requests about them.

use std::sync::atomic::{AtomicUsize, Ordering};

use dynamodb_in_process::create_table;
use jiff::{SignedDuration, Timestamp};
use lambda_http::{
    Body, Request, RequestExt, Response, aws_lambda_events::apigw::ApiGatewayV2httpRequestContext,
    http, request::RequestContext,
};
pub(crate) use orders_service::Callers;
use orders_service::{OrderService, OrderStore, Orders};
use outbox::{Clock, Outbox, OutboxRow};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::header};

use crate::contract::assert_documented;

pub(crate) struct Fixture {
    pub(crate) client: aws_sdk_dynamodb::Client,
    pub(crate) service: OrderService,
}

pub(crate) fn orders(client: &aws_sdk_dynamodb::Client) -> Orders {
    Orders::new(client.clone(), "orders")
}

pub(crate) fn service(client: &aws_sdk_dynamodb::Client) -> OrderService {
    let outbox = Outbox::new(client.clone(), "outbox", "orders").unwrap();
    OrderService::new(OrderStore::new(orders(client), outbox))
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let client = dynamodb_in_process::start().await;
        create_table(&client, "orders", "pk", None).await;
        create_table(&client, "outbox", "aggregateId", Some("position")).await;
        let service = service(&client);
        Self { client, service }
    }

    pub(crate) async fn post(&self, request: Request) -> Answer {
        create_order(&self.service, Callers::Anyone, request).await
    }

    /// Places an order and returns its id.
    pub(crate) async fn placed(&self) -> String {
        let answer = self.post(post(&order())).await;
        answer.body["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn cancel(&self, id: &str) -> Answer {
        cancel_order(&self.service, Callers::Anyone, cancel(id)).await
    }

    pub(crate) async fn get(&self, request: Request) -> Answer {
        get_order(&orders(&self.client), Callers::Anyone, request).await
    }

    pub(crate) async fn events(&self) -> Vec<OutboxRow> {
        dynamodb_in_process::items(&self.client, "outbox").await
    }

    pub(crate) async fn items(&self, prefix: &str) -> Vec<Value> {
        let items: Vec<Value> = dynamodb_in_process::items(&self.client, "orders").await;
        let of_kind = |item: &Value| item["pk"].as_str().unwrap().starts_with(prefix);
        items.into_iter().filter(of_kind).collect()
    }
}

/// Places an order, and checks the response against the API's document.
pub(crate) async fn create_order(
    service: &OrderService,
    callers: Callers,
    request: Request,
) -> Answer {
    let response = orders_service::create_order(service, callers, request).await;
    Answer::documented("placeOrder", response)
}

/// Cancels an order, and checks the response against the API's document.
pub(crate) async fn cancel_order(
    service: &OrderService,
    callers: Callers,
    request: Request,
) -> Answer {
    let response = orders_service::cancel_order(service, callers, request).await;
    Answer::documented("cancelOrder", response)
}

/// Reads an order, and checks the response against the API's document.
pub(crate) async fn get_order(orders: &Orders, callers: Callers, request: Request) -> Answer {
    let response = orders_service::get_order(orders, callers, request).await;
    Answer::documented("getOrder", response)
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    fn documented(operation: &str, response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let body = match body {
            Body::Text(body) => serde_json::from_str(&body).unwrap(),
            Body::Empty => Value::Null,
            _ => panic!("{body:?}"),
        };
        let answer = Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        };
        assert_documented(operation, &answer);
        answer
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(crate) fn assert_problem(&self, status: u16, problem_type: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], status);
        let expected = format!("urn:problem-type:orders:{problem_type}");
        assert_eq!(self.body["type"], expected);
        assert!(!self.body["detail"].as_str().unwrap().is_empty());
    }
}

pub(crate) fn order() -> Value {
    json!({
        "customerId": "customer-7",
        "currency": "EUR",
        "items": [{"productId": "teapot", "quantity": 2, "unitPrice": 1950}],
    })
}

pub(crate) fn request() -> http::request::Builder {
    http::Request::builder()
        .method("POST")
        .uri("/orders")
        .header("content-type", "application/json")
}

pub(crate) fn post(order: &Value) -> Request {
    request().body(Body::Text(order.to_string())).unwrap()
}

pub(crate) fn post_with_key(order: &Value, key: &str) -> Request {
    let request = request().header("idempotency-key", key);
    request.body(Body::Text(order.to_string())).unwrap()
}

/// Returns a request to place an order as API Gateway and function URLs deliver it:
/// payload format 2.0.
pub(crate) fn delivered(headers: &Value, body: &str, more: &Value) -> Request {
    let mut event = json!({
        "version": "2.0",
        "routeKey": "POST /orders",
        "rawPath": "/orders",
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {"http": {"method": "POST", "path": "/orders"}, "stage": "$default"},
        "body": body,
        "isBase64Encoded": false,
    });
    let more = more.as_object().unwrap().clone();
    event.as_object_mut().unwrap().extend(more);
    lambda_http::request::from_str(&event.to_string()).unwrap()
}

pub(crate) fn cancel(id: &str) -> Request {
    let request = http::Request::builder().method("POST");
    let request = request.uri(format!("/orders/{id}/cancel"));
    request.body(Body::Empty).unwrap()
}

pub(crate) fn get(id: &str) -> Request {
    let request = http::Request::builder().uri(format!("/orders/{id}"));
    request.body(Body::Empty).unwrap()
}

pub(crate) fn by_caller(request: Request, caller_id: &str) -> Request {
    let context: ApiGatewayV2httpRequestContext = serde_json::from_value(json!({
        "requestId": "request-1",
        "authorizer": {"iam": {"callerId": caller_id}},
        "http": {"method": "POST"},
    }))
    .unwrap();
    request.with_request_context(RequestContext::ApiGatewayV2(context))
}

pub(crate) struct Later(pub(crate) SignedDuration);

impl Clock for Later {
    fn now(&self) -> Timestamp {
        Timestamp::now() + self.0
    }
}

/// A stub of DynamoDB with prepared responses for each operation: in this order, the last
/// one repeatedly.
pub(crate) struct DynamoDb {
    pub(crate) stub: MockServer,
    pub(crate) client: aws_sdk_dynamodb::Client,
}

impl DynamoDb {
    pub(crate) async fn responding(operations: &[(&str, &[(u16, Value)])]) -> Self {
        let stub = MockServer::start().await;
        for (operation, responses) in operations {
            let responses = responses.to_vec();
            let calls = AtomicUsize::new(0);
            Mock::given(header(
                "x-amz-target",
                format!("DynamoDB_20120810.{operation}"),
            ))
            .respond_with(move |_: &wiremock::Request| {
                let call = calls.fetch_add(1, Ordering::Relaxed);
                let (status, body) = &responses[call.min(responses.len() - 1)];
                ResponseTemplate::new(*status).set_body_json(body)
            })
            .mount(&stub)
            .await;
        }
        let client = dynamodb_in_process::client(*stub.address());
        Self { stub, client }
    }

    /// Returns how often an operation was called.
    pub(crate) async fn calls(&self, operation: &str) -> usize {
        let requests = self.stub.received_requests().await.unwrap();
        let of_operation = |request: &&wiremock::Request| {
            let target = request.headers["x-amz-target"].to_str().unwrap();
            target.ends_with(operation)
        };
        requests.iter().filter(of_operation).count()
    }
}

pub(crate) fn canceled(code: &str) -> (u16, Value) {
    let response = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": [{"Code": code}, {"Code": "None"}],
    });
    (400, response)
}
