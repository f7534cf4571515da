//! The management address: what the console and `make fault` ask of the stack.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use devstack_api::{
    ACTIVITY, BATCHES, DAMAGE, EVENTS, FAULTS, Fault, ORDERS, PlaceOrders, Problem,
};
use http_body_util::Full;
use hyper::{
    Method, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
    http::request,
};
use percent_encoding::percent_decode_str;
use serde::{Serialize, de::DeserializeOwned};

use crate::{activity::Recorder, customer::Customer, faults::Rules};

/// How many batches are returned, unless a request says otherwise.
const USUAL_BATCHES: usize = 50;

/// Answers requests that manage the stack.
pub(crate) struct Management {
    rules: Rules,
    recorder: Recorder,
    /// Set once orders may be placed.
    customer: Arc<OnceLock<Customer>>,
}

/// A response, or a problem with its status.
type Answer = Result<Response<Full<Bytes>>, (StatusCode, String)>;

impl Management {
    pub(crate) fn new(rules: Rules, recorder: Recorder, customer: Arc<OnceLock<Customer>>) -> Self {
        Self {
            rules,
            recorder,
            customer,
        }
    }

    /// Returns the response, or `None` if the request is a call to AWS.
    pub(crate) async fn respond(
        &self,
        parts: &request::Parts,
        body: &[u8],
    ) -> Option<Response<Full<Bytes>>> {
        let path = parts.uri.path();
        let is_ours = ["/_activity", "/_faults", "/_try"]
            .iter()
            .any(|prefix| path.starts_with(prefix));
        if !is_ours {
            return None;
        }
        let answer = self.answer(&parts.method, path, parts.uri.query(), body);
        Some(answer.await.unwrap_or_else(|(status, message)| {
            let mut response = json(&Problem { message });
            *response.status_mut() = status;
            response
        }))
    }

    async fn answer(
        &self,
        method: &Method,
        path: &str,
        query: Option<&str>,
        body: &[u8],
    ) -> Answer {
        match (method, path) {
            (&Method::GET, ACTIVITY) => Ok(json(&self.recorder.activity(&self.rules.list()))),
            (&Method::GET, BATCHES) => {
                let limit = number(query, "limit")?.unwrap_or(USUAL_BATCHES);
                Ok(json(&self.recorder.batches(limit)))
            }
            (&Method::GET, _) if path.starts_with(EVENTS) => self.journey(&path[EVENTS.len()..]),
            (&Method::GET, FAULTS) => Ok(json(&self.rules.list())),
            (&Method::POST, FAULTS) => {
                let added = self.rules.add(parse::<Fault>(body)?);
                self.recorder.faults_changed();
                added.map(|added| json(&added)).map_err(invalid)
            }
            (&Method::DELETE, FAULTS) => {
                let cleared = self.rules.clear(number(query, "id")?);
                self.recorder.faults_changed();
                Ok(json(&cleared))
            }
            (&Method::POST, ORDERS) => {
                let orders = parse::<PlaceOrders>(body)?;
                let most = PlaceOrders::MOST;
                if !(1..=most).contains(&orders.count) || orders.cancel_every == Some(0) {
                    let limits = format!(
                        "count must be from 1 to {most}, and cancelEvery 1 or more if it is given"
                    );
                    return Err((StatusCode::BAD_REQUEST, limits));
                }
                Ok(json(&self.customer()?.place(orders).await))
            }
            (&Method::POST, DAMAGE) => {
                let damaged = self.customer()?.damage().await;
                damaged
                    .map(|damaged| json(&damaged))
                    .map_err(|reason| (StatusCode::BAD_GATEWAY, reason))
            }
            (_, ACTIVITY | BATCHES | FAULTS | ORDERS | DAMAGE) => {
                let message = format!("{path} has no {method}");
                Err((StatusCode::METHOD_NOT_ALLOWED, message))
            }
            _ => Err((StatusCode::NOT_FOUND, format!("there is no {path}"))),
        }
    }

    fn journey(&self, id: &str) -> Answer {
        let id = percent_decode_str(id).decode_utf8_lossy();
        let found = self.recorder.journey(&id);
        found.map(|journey| json(&journey)).ok_or_else(|| {
            let message = "this stack has not seen the event, or has seen too many since";
            (StatusCode::NOT_FOUND, message.to_owned())
        })
    }

    fn customer(&self) -> Result<&Customer, (StatusCode, String)> {
        self.customer.get().ok_or_else(|| {
            let message = "orders can't be placed: the stack starts, the demo is running, or the \
                           stack is another service's";
            (StatusCode::CONFLICT, message.to_owned())
        })
    }
}

fn invalid(error: impl std::fmt::Display) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, error.to_string())
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, (StatusCode, String)> {
    serde_json::from_slice(body).map_err(invalid)
}

/// Returns the number with this name in a query.
fn number<N: std::str::FromStr>(
    query: Option<&str>,
    name: &str,
) -> Result<Option<N>, (StatusCode, String)> {
    let parameters = query.into_iter().flat_map(|query| query.split('&'));
    let mut values = parameters
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(found, _)| *found == name);
    let number = values.next().map(|(_, value)| value.parse()).transpose();
    number.map_err(|_| invalid(format!("{name} is a number")))
}

fn json(value: &impl Serialize) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Full::from(body));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use hyper::Request;
    use serde_json::{Value, json};

    use super::*;

    fn management() -> Management {
        Management::new(Rules::default(), Recorder::default(), Arc::default())
    }

    async fn send(
        management: &Management,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Option<(u16, Value)> {
        let request = Request::builder().method(method).uri(path);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let body = body.to_string();
        let response = management.respond(&parts, body.as_bytes()).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Some((status, serde_json::from_slice(&body).unwrap()))
    }

    async fn get(management: &Management, path: &str) -> (u16, Value) {
        let got = send(management, Method::GET, path, &Value::Null).await;
        got.unwrap()
    }

    #[tokio::test]
    async fn what_the_stack_does_is_reported() {
        let management = management();
        management.recorder.delivered("e/1");
        let (status, activity) = get(&management, "/_activity").await;
        assert_eq!(status, 200);
        assert_eq!(activity["pipeline"]["bus"]["delivered"], 1);
        let batches = get(&management, "/_activity/batches?limit=5").await;
        assert_eq!(batches, (200, json!([])));
        let (status, journey) = get(&management, "/_activity/events/e%2F1").await;
        assert_eq!((status, &journey["eventId"]), (200, &json!("e/1")));
        assert_eq!(journey["steps"][0]["what"], "delivered");
        let (status, problem) = get(&management, "/_activity/events/other").await;
        assert_eq!(status, 404);
        let message = problem["message"].as_str().unwrap();
        assert!(message.contains("has not seen the event"), "{message}");
    }

    #[tokio::test]
    async fn faults_are_added_listed_and_cleared() {
        let management = management();
        let fault = json!({"action": "PutEvents", "kind": "throttle", "probability": 1.0});
        let add = async |fault: &Value| {
            let added = send(&management, Method::POST, FAULTS, fault).await;
            added.unwrap()
        };
        let (status, added) = add(&fault).await;
        assert_eq!((status, &added["id"]), (200, &json!(1)));
        let (_, activity) = get(&management, ACTIVITY).await;
        assert_eq!(
            activity["pipeline"]["bus"]["trouble"],
            "an injected fault: PutEvents is throttled"
        );
        let poison = json!({"action": "PutEvents", "kind": "poison", "probability": 1.0});
        let (status, problem) = add(&poison).await;
        assert_eq!(status, 400);
        let message = problem["message"].as_str().unwrap();
        assert!(
            message.contains("poison is for TransactWriteItems"),
            "{message}"
        );
        let (status, listed) = get(&management, FAULTS).await;
        assert_eq!((status, listed.as_array().unwrap().len()), (200, 1));
        let clear = async |path| {
            let cleared = send(&management, Method::DELETE, path, &Value::Null).await;
            cleared.unwrap()
        };
        assert_eq!(clear("/_faults?id=x").await.0, 400);
        assert_eq!(clear("/_faults?id=1").await, (200, json!(1)));
        assert_eq!(clear("/_faults").await, (200, json!(0)));
    }

    #[tokio::test]
    async fn orders_are_placed_within_limits_and_once_the_stack_is_ready() {
        let management = management();
        for (body, status) in [
            (json!({"count": 0}), 400),
            (json!({"count": 201}), 400),
            (json!({"count": 1, "cancelEvery": 0}), 400),
            (json!({"count": "1"}), 400),
            (json!({"count": 1, "other": 1}), 400),
            (json!({"count": 200, "cancelEvery": 1}), 409),
        ] {
            let placed = send(&management, Method::POST, ORDERS, &body).await;
            assert_eq!(placed.unwrap().0, status, "{body}");
        }
        let damaged = send(&management, Method::POST, DAMAGE, &json!({})).await;
        assert_eq!(damaged.unwrap().0, 409);
    }

    #[tokio::test]
    async fn other_requests_are_calls_to_aws_or_unknown() {
        let management = management();
        let call = send(&management, Method::POST, "/", &json!({})).await;
        assert!(call.is_none());
        assert_eq!(get(&management, "/_activity/other").await.0, 404);
        assert_eq!(get(&management, "/_try/orders").await.0, 405);
        let put = send(&management, Method::PUT, ACTIVITY, &json!({})).await;
        assert_eq!(put.unwrap().0, 405);
    }
}
