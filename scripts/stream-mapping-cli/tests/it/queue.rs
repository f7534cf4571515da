//! A stub of the dead-letter queue.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Json, Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use serde_json::{Value, json};

pub(crate) struct Queue {
    pub(crate) address: SocketAddr,
    messages: Arc<Mutex<Vec<Value>>>,
}

impl Queue {
    pub(crate) async fn start() -> Self {
        let messages: Arc<Mutex<Vec<Value>>> = Arc::default();
        let router = Router::new()
            .route("/", post(respond))
            .with_state(Arc::clone(&messages));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, messages }
    }

    pub(crate) fn messages(&self) -> Vec<Value> {
        self.messages.lock().unwrap().clone()
    }
}

async fn respond(
    State(messages): State<Arc<Mutex<Vec<Value>>>>,
    headers: HeaderMap,
    request: Bytes,
) -> Json<Value> {
    let request: Value = serde_json::from_slice(&request).unwrap();
    let target = headers["x-amz-target"].to_str().unwrap();
    Json(match target {
        "AmazonSQS.GetQueueUrl" => json!({"QueueUrl": "http://queue/dead"}),
        "AmazonSQS.SendMessage" => {
            let body = request["MessageBody"].as_str().unwrap();
            messages
                .lock()
                .unwrap()
                .push(serde_json::from_str(body).unwrap());
            json!({"MessageId": "1"})
        }
        other => panic!("unexpected call {other}"),
    })
}
