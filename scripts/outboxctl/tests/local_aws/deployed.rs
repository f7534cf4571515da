//! A local stack for one test, and `outboxctl` on it.

use std::{
    collections::{BTreeSet, HashMap},
    os::unix::process::CommandExt,
    process::{Command, Output, Stdio},
};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use devstack::{Paths, Stack, Subscriber, process_environment};
use futures::{StreamExt, stream};
use serde_json::Value;

use crate::row::Row;

/// A deployed stack with empty tables. Its stream mapping isn't driven, so only
/// `outboxctl` publishes rows.
pub(crate) struct Deployed(pub(crate) Stack);

impl Deployed {
    pub(crate) async fn start() -> Self {
        let address = ([127, 0, 0, 1], 0).into();
        Self(
            Stack::start(&Paths::of_this_project().unwrap(), address)
                .await
                .unwrap(),
        )
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outboxctl"));
        command
            // As an operator types it.
            .arg0("outboxctl")
            .args(["--env", "local"])
            .args(arguments)
            .env_clear()
            .envs(process_environment(
                std::env::vars_os(),
                self.0.emulator.endpoint(),
            ))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> CommandOutput {
        CommandOutput::of(&self.command(arguments).output().unwrap())
    }

    /// Runs a command with JSON output, and returns the parsed result.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let answer = self.run(&[&["--output", "json"], arguments].concat());
        serde_json::from_str(&answer.out).unwrap_or_else(|_| panic!("{answer:?}"))
    }

    pub(crate) async fn write(&self, rows: &[Row]) {
        let requests: Vec<WriteRequest> = rows
            .iter()
            .map(|row| {
                let put = PutRequest::builder().set_item(Some(row.item())).build();
                WriteRequest::builder().put_request(put.unwrap()).build()
            })
            .collect();
        let write = |requests: &[WriteRequest]| {
            let table = &self.0.deployment.outbox_table;
            let requests = requests.to_vec();
            let write = self.0.clients.dynamodb.batch_write_item();
            write.request_items(table, requests).send()
        };
        let writes: Vec<_> = requests.chunks(25).map(write).collect();
        let written: Vec<_> = stream::iter(writes).buffered(8).collect().await;
        for written in written {
            written.unwrap();
        }
    }

    /// Sends messages to the dead-letter queue.
    pub(crate) async fn dead(&self, bodies: &[String]) {
        for bodies in bodies.chunks(10) {
            let entry = |(index, body): (usize, &String)| {
                let entry = SendMessageBatchRequestEntry::builder().id(index.to_string());
                entry.message_body(body).build().unwrap()
            };
            let entries = bodies.iter().enumerate().map(entry).collect();
            let send = self.0.clients.sqs.send_message_batch();
            let send = send.queue_url(&self.0.deployment.dead_letter_queue_url);
            send.set_entries(Some(entries)).send().await.unwrap();
        }
    }

    /// Returns the ids of the events in the table.
    pub(crate) async fn pending(&self) -> BTreeSet<String> {
        let scan = self.0.clients.dynamodb.scan().consistent_read(true);
        let scan = scan.table_name(&self.0.deployment.outbox_table);
        let items = scan
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>();
        let items = items.await.unwrap();
        let id = |item: &HashMap<String, AttributeValue>| item["eventId"].as_s().unwrap().clone();
        items.iter().map(id).collect()
    }

    pub(crate) async fn letters(&self) -> usize {
        let attributes = self.0.clients.sqs.get_queue_attributes();
        let attributes = attributes
            .queue_url(&self.0.deployment.dead_letter_queue_url)
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .unwrap()
            .attributes
            .unwrap();
        let number = |name: &QueueAttributeName| attributes[name].parse::<usize>().unwrap();
        number(&QueueAttributeName::ApproximateNumberOfMessages)
            + number(&QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
    }

    pub(crate) async fn subscriber(&self) -> Subscriber {
        Subscriber::subscribe(&self.0.clients, &self.0.deployment)
            .await
            .unwrap()
    }
}

/// The exit status and output of a command.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl CommandOutput {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            status: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}
