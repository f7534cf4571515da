//! The proxy that injects faults.

use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use devstack_api::Kind;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, body::Incoming, http::request};
use serde_json::{Value, json};
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::{
    call::{self, Call},
    http,
    partial::{self, Split},
    poison,
    rule::{self, Rules},
};
use crate::{
    activity::{Recorder, Recording},
    customer::Customer,
    endpoint::LocalEndpoint,
    error::Error,
    http_server::HttpServer,
    management::Management,
    upstream::Upstream,
};

/// A reverse proxy between the functions and the local AWS that makes calls fail by rules.
/// Calls that no rule hits are forwarded unchanged.
#[derive(Debug)]
pub struct FaultProxy {
    endpoint: LocalEndpoint,
    rules: Rules,
    recorder: Recorder,
    customer: Arc<OnceLock<Customer>>,
    listener: Listener,
    task: JoinHandle<()>,
}

/// Receives the calls, if [`FaultProxy::calls`] was called.
type Listener = Arc<OnceLock<UnboundedSender<Call>>>;

/// A proxy that listens but doesn't answer yet.
pub(crate) struct ListeningProxy(HttpServer);

struct Proxy {
    upstream: Upstream,
    rules: Rules,
    recorder: Recorder,
    management: Management,
    random: Mutex<fastrand::Rng>,
    listener: Listener,
}

/// The connection is closed without a response.
#[derive(Debug, thiserror::Error)]
#[error("cut off by an injected fault")]
struct Cut;

impl FaultProxy {
    /// Listens on a free port of loopback. The proxy's address must be known before the
    /// emulator starts, so it answers only after [`ListeningProxy::in_front_of`].
    pub(crate) async fn listen() -> Result<ListeningProxy, Error> {
        let any = ([127, 0, 0, 1], 0).into();
        HttpServer::listen(any).await.map(ListeningProxy)
    }

    /// Returns its address.
    pub fn endpoint(&self) -> LocalEndpoint {
        self.endpoint
    }

    /// Returns the active faults.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Returns the recorder of what passes here.
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Lets the console place orders from now on.
    pub(crate) fn open_for(&self, customer: Customer) {
        // It was open already.
        let _ = self.customer.set(customer);
    }

    /// Returns the calls from now on, in the order of their responses, without those that a
    /// fault rejects or cuts off.
    ///
    /// # Panics
    ///
    /// If it is called twice.
    pub fn calls(&self) -> UnboundedReceiver<Call> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let is_first = self.listener.set(sender).is_ok();
        assert!(is_first, "the calls have a receiver already");
        receiver
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ListeningProxy {
    pub(crate) fn endpoint(&self) -> LocalEndpoint {
        self.0.endpoint()
    }

    /// Starts to forward requests to this server.
    pub(crate) fn in_front_of(self, upstream: LocalEndpoint) -> FaultProxy {
        let rules = Rules::default();
        let recorder = Recorder::default();
        let customer = Arc::default();
        let listener = Listener::default();
        let proxy = Arc::new(Proxy {
            upstream: Upstream::new(upstream),
            rules: rules.clone(),
            recorder: recorder.clone(),
            management: Management::new(rules.clone(), recorder.clone(), Arc::clone(&customer)),
            random: Mutex::default(),
            listener: Arc::clone(&listener),
        });
        let endpoint = self.endpoint();
        let task = tokio::spawn(self.0.serve(move |request| {
            let proxy = Arc::clone(&proxy);
            async move { proxy.respond(request).await }
        }));
        FaultProxy {
            endpoint,
            rules,
            recorder,
            customer,
            listener,
            task,
        }
    }
}

impl Proxy {
    /// Returns the response to a function's call, or to a request that manages the stack.
    async fn respond(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Cut> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        if let Some(response) = self.management.respond(&parts, &body).await {
            return Ok(response);
        }
        let action = http::action(&parts.headers).unwrap_or_default().to_owned();
        let poisoned = poison::poisoned(&action, &body);
        let kind = self.fault_of(&action, &body, poisoned.is_some());
        let caller = call::caller(&parts.headers);
        let is_damaged = kind == Some(Kind::Poison);
        let recording = Recording::begin(
            &self.recorder,
            caller.as_deref(),
            &action,
            &body,
            is_damaged,
        );
        if kind.is_some() {
            self.recorder.faults_changed();
        }
        // A receiver gets only calls that arrive after it was asked for.
        let listener = self.listener.get();
        let response = self
            .respond_with(kind.as_ref(), parts, &body, poisoned)
            .await?;
        recording.answered(response.status().as_u16(), &whole(response.body()).await);
        // Calls that a fault rejects have no effect, and need no permission.
        let is_rejected = matches!(kind, Some(Kind::Throttle | Kind::Deny));
        if let Some(listener) = listener.filter(|_| !is_rejected) {
            // The receiver may be gone by now, which is fine.
            let _ = listener.send(Call {
                caller,
                action,
                request: body,
                answered_at: Instant::now(),
            });
        }
        Ok(response)
    }

    /// Returns the response to a call that is hit by this kind of fault, or by none.
    async fn respond_with(
        &self,
        kind: Option<&Kind>,
        parts: request::Parts,
        body: &Bytes,
        poisoned: Option<Bytes>,
    ) -> Result<Response<Full<Bytes>>, Cut> {
        if let Some(latency) = kind.and_then(rule::latency) {
            sleep(latency).await;
        }
        match kind {
            Some(Kind::Throttle) => Ok(http::rejected("ThrottlingException")),
            Some(Kind::Deny) => Ok(http::rejected("AccessDeniedException")),
            Some(Kind::CutBefore) => Err(Cut),
            Some(Kind::CutAfter) => {
                self.forward(parts, body.clone()).await;
                Err(Cut)
            }
            Some(Kind::Partial) => {
                let action = http::action(&parts.headers).unwrap_or_default();
                let split = partial::split_in_half(action, body);
                Ok(self.forward_part(parts, body.clone(), split).await)
            }
            Some(Kind::RejectEntries { containing }) => {
                let split = partial::split_entries(body, containing);
                Ok(self.forward_part(parts, body.clone(), split).await)
            }
            Some(Kind::Poison) => {
                let poisoned = poisoned.unwrap_or_else(|| body.clone());
                Ok(self.forward(parts, poisoned).await)
            }
            Some(Kind::Latency { .. }) | None => Ok(self.forward(parts, body.clone()).await),
        }
    }

    /// Returns the kind of the fault that hits a call. A poison fault hits only calls that
    /// commit an event, and rejected entries only calls that have such.
    fn fault_of(&self, action: &str, body: &Bytes, commits_event: bool) -> Option<Kind> {
        let can_hit = |kind: &Kind| match kind {
            Kind::Poison => commits_event,
            Kind::RejectEntries { containing } => {
                partial::split_entries(body, containing).is_some()
            }
            _ => true,
        };
        self.rules.hit(action, can_hit, || {
            let random = self.random.lock();
            random.map_or(0.0, |mut random| random.f64())
        })
    }

    async fn forward(&self, parts: request::Parts, body: Bytes) -> Response<Full<Bytes>> {
        match self.upstream.send(parts, body).await {
            Ok(response) => response,
            Err(error) => {
                let message = format!("the local AWS does not answer: {error}");
                http::json_response(StatusCode::BAD_GATEWAY, &json!({"message": message}))
            }
        }
    }

    /// Forwards a part of a call, if it can be split. The response says that the others have
    /// failed.
    async fn forward_part(
        &self,
        parts: request::Parts,
        body: Bytes,
        split: Option<Split>,
    ) -> Response<Full<Bytes>> {
        let Some(split) = split else {
            return self.forward(parts, body).await;
        };
        if split.is_empty() {
            return http::json_response(StatusCode::OK, &split.response(json!({})));
        }
        let body = Bytes::from(split.request.to_string());
        let response = self.forward(parts, body).await;
        if response.status() != StatusCode::OK {
            return response;
        }
        let answer = whole(response.body()).await;
        let answer = serde_json::from_slice(&answer).unwrap_or(Value::Null);
        http::json_response(StatusCode::OK, &split.response(answer))
    }
}

/// Returns the bytes of a response, which are here already.
async fn whole(body: &Full<Bytes>) -> Bytes {
    match body.clone().collect().await {
        Ok(body) => body.to_bytes(),
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests;
