//! A request to the orders service: a request line, headers, an empty line, the
//! body. What has no such head is the body of an order that is placed.

use lambda_http::{
    Body, Context, Request, RequestExt, Response,
    http::{self, HeaderMap, Method, header},
};
use orders::{Order, OrderStatus};
use orders_service::{
    Callers, OrderService, OrderStore, Orders, cancel_order, create_order, get_order,
};
use outbox::{
    CloudEvent, Outbox,
    inbox::{RejectedMessage, Subscription},
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use shipping::OrderEvent;

use crate::{orders_tables::OrdersTables, outbox_row, runtime};

/// Checks that every request gets a response: a problem that blames the caller, or an order.
/// A body counts as JSON if it is JSON. An order that was placed is found, is placed once
/// however often it is sent with its key, has an event that the relay and shipping can read,
/// and can be cancelled.
pub fn http_body(bytes: &[u8]) {
    SERVICE.with(|service| {
        service.tables.clear();
        runtime::block_on(service.answer(bytes));
    });
}

struct Service {
    tables: OrdersTables,
    orders: Orders,
    service: OrderService,
}

thread_local! {
    static SERVICE: Service = Service::new();
}

impl Service {
    fn new() -> Self {
        let tables = OrdersTables::default();
        let client = tables.client();
        let outbox = Outbox::new(client.clone(), "outbox", "orders").expect("a valid source");
        let orders = Orders::new(client, "orders");
        let service = OrderService::new(OrderStore::new(orders.clone(), outbox));
        Self {
            tables,
            orders,
            service,
        }
    }

    async fn answer(&self, bytes: &[u8]) {
        let request = request(bytes).unwrap_or_else(|| place(bytes));
        let path = request.uri().path().to_owned();
        let answer = match request.method() {
            &Method::GET => Answer::of(get_order(&self.orders, Callers::Anyone, request).await),
            _ if path.ends_with("/cancel") => self.cancel(request).await,
            _ => {
                let again = request_with(&request, request.body().clone());
                let answer =
                    Answer::of(create_order(&self.service, Callers::Anyone, request).await);
                answer.assert_called_json(again.body());
                if answer.status == 201 {
                    self.placed(&answer, again).await;
                    return;
                }
                answer
            }
        };
        answer.assert_problem();
        assert!(self.tables.of("orders").is_empty() && self.tables.of("outbox").is_empty());
    }

    async fn placed(&self, answer: &Answer, again: Request) {
        let order: Order = answer.order();
        let location = format!("/orders/{}", order.id);
        assert_eq!(answer.header("location"), location);
        self.assert_found(answer, &location).await;
        self.assert_told(&order).await;

        let is_keyed = again.headers().contains_key("idempotency-key");
        let repeated = Answer::of(create_order(&self.service, Callers::Anyone, again).await);
        assert_eq!(repeated.status, 201);
        assert_eq!(repeated.order() == order, is_keyed);

        let cancelled = self.cancel(post(&format!("{location}/cancel"))).await;
        assert_eq!(cancelled.status, 200);
        assert_eq!(cancelled.order().status, OrderStatus::Cancelled);
        self.assert_found(&cancelled, &location).await;
    }

    async fn assert_found(&self, answered: &Answer, location: &str) {
        let mut request = post(location);
        *request.method_mut() = Method::GET;
        let found = Answer::of(get_order(&self.orders, Callers::Anyone, request).await);
        assert_eq!((found.status, &found.body), (200, &answered.body));
        assert_eq!(found.header("etag"), answered.header("etag"));
    }

    async fn cancel(&self, request: Request) -> Answer {
        Answer::of(cancel_order(&self.service, Callers::Anyone, request).await)
    }

    async fn assert_told(&self, order: &Order) {
        let events = self.tables.of("outbox");
        let [row] = &events[..] else {
            panic!("{events:?}");
        };
        let stored = outbox_row::read(row.to_string().as_bytes()).await;
        let row = stored[0].candidate.row.as_ref().expect("a row of ours");
        let trace_header = row.trace_header.as_deref().unwrap_or_default();
        assert!(trace_header.len() <= 500, "{trace_header}");
        let event: CloudEvent = serde_json::from_str(&row.detail).expect("a CloudEvent");
        let traceparent = event.traceparent.as_ref().map(outbox::Traceparent::as_str);
        assert!(traceparent.is_none_or(|it| outbox::Traceparent::parse(it).is_some()));
        let told: orders::OrderCreated = event.data.parse().expect("as its schema promises");
        assert_eq!(told.total, order.total);
        match read_by_shipping(&event) {
            Ok(OrderEvent::Created(created)) => {
                assert_eq!(created.order_id, order.id.to_string());
                assert_eq!(created.items.len(), order.items.len());
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Returns the event as shipping reads it from its queue.
fn read_by_shipping(event: &CloudEvent) -> Result<OrderEvent, RejectedMessage> {
    let message = json!({
        "source": event.source,
        "detail-type": event.event_type,
        "account": "000000000000",
        "detail": event,
    });
    let orders = Subscription::to("orders");
    let received = orders.read(&message.to_string(), OrderEvent::aggregate_id);
    received.map(|received| received.data)
}

/// The request that the bytes spell, if they do.
fn request(bytes: &[u8]) -> Option<Request> {
    let end = bytes.windows(2).position(|two| two == b"\n\n")?;
    let (head, body) = (str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 2..]);
    let mut lines = head.lines();
    let (method, path) = lines.next()?.split_once(' ')?;
    let mut request = http::Request::builder().method(method).uri(path);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        request = request.header(name, value.trim());
    }
    let request = request.body(self::body(body)).ok()?;
    let trace = request.headers().get("x-amzn-trace-id");
    let mut context = Context::default();
    context.xray_trace_id = trace.and_then(|it| Some(it.to_str().ok()?.to_owned()));
    Some(request.with_lambda_context(context))
}

fn place(body: &[u8]) -> Request {
    request_with(&post("/orders"), self::body(body))
}

fn post(path: &str) -> Request {
    let json = (header::CONTENT_TYPE, "application/json");
    let request = http::Request::post(path).header(json.0, json.1);
    request.body(Body::Empty).expect("a request")
}

/// The same request with this body.
fn request_with(request: &Request, body: Body) -> Request {
    let mut same = http::Request::new(body);
    *same.method_mut() = request.method().clone();
    *same.uri_mut() = request.uri().clone();
    *same.headers_mut() = request.headers().clone();
    same
}

/// A body as the Lambda runtime hands it over.
fn body(bytes: &[u8]) -> Body {
    match str::from_utf8(bytes) {
        Ok("") => Body::Empty,
        Ok(text) => Body::Text(text.to_owned()),
        Err(_) => Body::Binary(bytes.to_vec()),
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn of(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let body = match body {
            Body::Text(body) => serde_json::from_str(&body).expect("JSON"),
            Body::Empty => Value::Null,
            other => panic!("{other:?}"),
        };
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }

    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    fn order(&self) -> Order {
        assert_eq!(self.header("content-type"), "application/json");
        assert!(self.header("etag").starts_with('"'));
        serde_json::from_value(self.body.clone()).expect("an order")
    }

    /// By JSON's grammar, whatever numbers and texts the values are.
    fn assert_called_json(&self, body: &[u8]) {
        let is_json =
            str::from_utf8(body).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        match self.status {
            201 | 422 => assert!(is_json, "{self:?}"),
            400 if self.body["type"] == "urn:problem-type:orders:malformed-json" => {
                assert!(!is_json, "{self:?}");
            }
            _ => {}
        }
    }

    fn assert_problem(&self) {
        assert!((400..500).contains(&self.status), "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], self.status);
        for name in ["type", "title", "detail"] {
            let text = self.body[name].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "no {name} in {self:?}");
        }
        if self.body["type"] == "urn:problem-type:orders:invalid-order" {
            let violations = self.body["violations"].as_array().map(Vec::as_slice);
            assert!(violations.is_some_and(|all| !all.is_empty()), "{self:?}");
            for violation in violations.unwrap_or_default() {
                // A field may have no name.
                assert!(violation["field"].is_string(), "{violation}");
                assert!(
                    violation["message"]
                        .as_str()
                        .is_some_and(|it| !it.is_empty())
                );
            }
        }
    }
}
