//! A consumer that counts the events on the bus.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, QueueAttributeName};
use serde_json::{Value, json};

use crate::{clients::Clients, deployment::Deployment, error::Error};

/// A consumer of the bus: a rule and a queue that receives the events it matches.
#[derive(Debug)]
pub struct Subscriber {
    clients: Clients,
    queue_url: String,
    /// The events that have arrived, by their CloudEvents ids.
    pub events: BTreeMap<String, Delivered>,
}

/// An event that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// EventBridge's detail type.
    pub event_type: String,
    /// What it is about: the id of its aggregate, such as `order#1`.
    pub subject: String,
    /// How often it has arrived.
    pub times: u32,
}

impl Subscriber {
    /// Subscribes to all events that the outbox publishes.
    ///
    /// # Errors
    ///
    /// If a call fails.
    pub async fn subscribe(clients: &Clients, deployment: &Deployment) -> Result<Self, Error> {
        let sources: Vec<&str> = deployment.output("EventSources")?.split(',').collect();
        let queue_url = clients
            .sqs
            .create_queue()
            .queue_name("subscriber")
            .send()
            .await
            .map_err(|error| Error::call("CreateQueue")(error.into()))?
            .queue_url
            .unwrap_or_default();
        let attributes = clients
            .sqs
            .get_queue_attributes()
            .queue_url(&queue_url)
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .map_err(|error| Error::call("GetQueueAttributes")(error.into()))?
            .attributes
            .unwrap_or_default();
        let arn = attributes.get(&QueueAttributeName::QueueArn).cloned();
        let target = Target::builder()
            .id("subscriber")
            .arn(arn.unwrap_or_default())
            .build()
            .map_err(|error| Error::call("PutTargets")(error.into()))?;
        let rule = "subscriber";
        clients
            .eventbridge
            .put_rule()
            .name(rule)
            .event_bus_name(&deployment.event_bus)
            .event_pattern(json!({"source": sources}).to_string())
            .send()
            .await
            .map_err(|error| Error::call("PutRule")(error.into()))?;
        clients
            .eventbridge
            .put_targets()
            .rule(rule)
            .event_bus_name(&deployment.event_bus)
            .targets(target)
            .send()
            .await
            .map_err(|error| Error::call("PutTargets")(error.into()))?;
        Ok(Self {
            clients: clients.clone(),
            queue_url,
            events: BTreeMap::new(),
        })
    }

    /// Receives up to 10 events, and waits up to 1 s for the first. Returns the ids of the
    /// events.
    ///
    /// # Errors
    ///
    /// If a call fails.
    pub async fn receive(&mut self) -> Result<Vec<String>, Error> {
        let messages = self
            .clients
            .sqs
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(10)
            .wait_time_seconds(1)
            .send()
            .await
            .map_err(|error| Error::call("ReceiveMessage")(error.into()))?
            .messages
            .unwrap_or_default();
        let mut arrived = Vec::new();
        let mut deletes = Vec::new();
        for (index, message) in messages.iter().enumerate() {
            arrived.push(self.count(message.body().unwrap_or_default()));
            let delete = DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .set_receipt_handle(message.receipt_handle.clone())
                .build()
                .map_err(|error| Error::call("DeleteMessageBatch")(error.into()))?;
            deletes.push(delete);
        }
        if !deletes.is_empty() {
            self.clients
                .sqs
                .delete_message_batch()
                .queue_url(&self.queue_url)
                .set_entries(Some(deletes))
                .send()
                .await
                .map_err(|error| Error::call("DeleteMessageBatch")(error.into()))?;
        }
        Ok(arrived)
    }

    /// Counts an event, and returns its id.
    fn count(&mut self, body: &str) -> String {
        let event: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |pointer| {
            let value = event.pointer(pointer).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let id = text("/detail/id");
        let delivered = self.events.entry(id.clone()).or_insert_with(|| Delivered {
            event_type: text("/detail-type"),
            subject: text("/detail/subject"),
            times: 0,
        });
        delivered.times += 1;
        id
    }
}
