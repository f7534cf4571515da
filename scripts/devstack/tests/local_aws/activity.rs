//! What the stack reports for the console.

use std::{sync::Arc, time::Duration};

use devstack::{Functions, Mappings, Paths, Stack, Subscriber};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// The timeout of an order's journey.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client of the management address.
struct Management {
    http: Client,
    url: String,
}

impl Management {
    async fn get(&self, path: &str) -> Value {
        let got = self.http.get(format!("{}{path}", self.url)).send().await;
        got.unwrap().json().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let posting = self.http.post(format!("{}{path}", self.url)).json(body);
        let posted = posting.send().await.unwrap();
        assert_eq!(posted.status(), 200, "{path}");
        posted.json().await.unwrap()
    }

    /// Returns the id of a row's event, once a batch has contained it.
    async fn event_of(&self, row: &str) -> String {
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            let batches = self.get("/_activity/batches").await;
            let batches = batches.as_array().unwrap().iter();
            let mut records =
                batches.flat_map(|batch| batch["whole"]["records"].as_array().unwrap());
            if let Some(found) = records.find(|record| record["row"] == row) {
                return found["eventId"].as_str().unwrap().to_owned();
            }
            assert!(Instant::now() < give_up_at, "no batch has {row}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns what happened to an event, once all of this has.
    async fn journey(&self, event: &str, wanted: &[&str]) -> Vec<String> {
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            let journey = self.get(&format!("/_activity/events/{event}")).await;
            // An unknown event has none.
            let steps = journey["steps"].as_array().into_iter().flatten();
            let steps: Vec<String> = steps
                .map(|step| step["what"].as_str().unwrap().to_owned())
                .collect();
            if wanted.iter().all(|step| steps.iter().any(|it| it == step)) {
                return steps;
            }
            assert!(Instant::now() < give_up_at, "{event}: {steps:?}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the functions and the local AWS: make test-end-to-end"]
async fn an_order_can_be_placed_and_followed_to_its_shipment() {
    let paths = Paths::of_this_project().unwrap();
    let stack = Stack::start(&paths, ([127, 0, 0, 1], 0).into()).await;
    let stack = Arc::new(stack.unwrap());
    let (clients, deployment) = (&stack.clients, &stack.deployment);
    let mut subscriber = Subscriber::subscribe(clients, deployment).await.unwrap();
    let observer = stack.observing(Arc::new(|_: &_| {}));
    let functions = Functions::Deployed;
    let mappings = Mappings::take_over(clients, deployment, &functions, |_| {}, observer);
    let _mappings = mappings.await.unwrap();
    stack.accept_orders().unwrap();
    let receiving = Arc::clone(&stack);
    let receiving = tokio::spawn(async move {
        loop {
            for event in subscriber.receive().await.unwrap() {
                receiving.delivered(&event);
            }
        }
    });
    let management = Management {
        http: Client::builder().no_proxy().build().unwrap(),
        url: stack.faults.endpoint().to_string(),
    };

    let orders = json!({"count": 1, "cancelEvery": 1});
    let placed = management.post("/_try/orders", &orders).await;
    assert_eq!(placed["failures"], json!([]));
    let order = placed["placed"][0].as_str().unwrap();
    assert_eq!(placed["cancelled"], json!([order]));
    // The bus may deliver the cancellation first. The shipment is then stopped by both.
    for (sequence, statuses) in [(1, &["started", "stopped"][..]), (2, &["stopped"])] {
        let event = management
            .event_of(&format!("order#{order}/{sequence}"))
            .await;
        let wanted = [
            "committed",
            "read",
            "put",
            "deleted",
            "delivered",
            "handled",
        ];
        let steps = management.journey(&event, &wanted).await;
        assert_eq!(steps[0], "committed");
        let journey = management.get(&format!("/_activity/events/{event}")).await;
        assert_eq!(journey["orderId"], order);
        let steps = journey["steps"].as_array().unwrap().iter();
        let mut handled = steps.filter(|step| step["what"] == "handled");
        let status = handled.next().unwrap()["status"].as_str();
        assert!(statuses.contains(&status.unwrap()), "{journey}");
    }
    let activity = management.get("/_activity").await;
    let pipeline = &activity["pipeline"];
    let count = |part: &str, name: &str| pipeline[part][name].as_u64().unwrap();
    assert_eq!(
        (count("commands", "placed"), count("commands", "cancelled")),
        (1, 1)
    );
    assert_eq!(
        (count("bus", "delivered"), count("bus", "duplicates")),
        (2, 0)
    );
    assert_eq!(
        count("shipping", "started") + count("shipping", "stopped"),
        2
    );
    assert_eq!(pipeline["mapping"]["state"], "reading");

    let damaged = management.post("/_try/damage", &json!({})).await;
    let event = damaged["eventId"].as_str().unwrap();
    let steps = management.journey(event, &["read", "parked"]).await;
    assert!(!steps.contains(&"delivered".to_owned()), "{steps:?}");

    receiving.abort();
    // The task holds the stack until it has ended.
    let _ = receiving.await;
    Arc::into_inner(stack).unwrap().stop().await.unwrap();
}
