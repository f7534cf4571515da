//! The formats that are kept, and DynamoDB with their items.

use std::{collections::BTreeMap, fs, path::PathBuf};

use aws_sdk_dynamodb::Client;
use dynamodb_in_process::create_table;
use jiff::Timestamp;
use outbox::Clock;
use serde_dynamo::Item;
use serde_json::Value;

use crate::memory::start;

/// A format that was written by some version. Rows and inbox records are items in DynamoDB's
/// JSON.
pub(super) struct Kept(PathBuf);

impl Kept {
    /// Returns all formats, the oldest first.
    pub(super) fn all() -> Vec<Self> {
        let formats = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats"));
        let directories = fs::read_dir(formats).unwrap();
        let mut directories: Vec<(u32, PathBuf)> = directories
            .map(|directory| {
                let directory = directory.unwrap();
                let number = directory.file_name().into_string().unwrap();
                (number.parse().unwrap(), directory.path())
            })
            .collect();
        directories.sort();
        assert!(!directories.is_empty(), "no format is kept");
        let kept = directories
            .into_iter()
            .map(|(_, directory)| Self(directory));
        kept.collect()
    }

    /// Returns the current format.
    pub(super) fn newest() -> Self {
        Self::all().pop().unwrap()
    }

    /// Returns the content of a file.
    pub(super) fn read(&self, file: &str) -> Value {
        let path = self.0.join(file);
        let json = fs::read_to_string(&path);
        let json = json.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&json).unwrap()
    }

    /// Returns the contents of the files in a folder, by their paths.
    pub(super) fn read_all(&self, folder: &str) -> BTreeMap<String, Value> {
        let files = fs::read_dir(self.0.join(folder)).unwrap();
        let files: BTreeMap<String, Value> = files
            .map(|file| {
                let name = file.unwrap().file_name().into_string().unwrap();
                let file = format!("{folder}/{name}");
                let content = self.read(&file);
                (file, content)
            })
            .collect();
        assert!(!files.is_empty(), "{folder} is empty");
        files
    }
}

/// The clock with which everything was written.
pub(super) struct Then;

impl Clock for Then {
    fn now(&self) -> Timestamp {
        start()
    }
}

/// Starts a database with the tables of a service, its outbox and a consumer, and with these
/// items in one of them.
pub(super) async fn database_with(table: &str, kept: &[&Value]) -> Client {
    let client = dynamodb_in_process::start().await;
    create_table(&client, "things", "pk", None).await;
    create_table(&client, "outbox", "aggregateId", Some("position")).await;
    for item in kept {
        let item: Item = serde_json::from_value((*item).clone()).unwrap();
        let put = client.put_item().table_name(table);
        put.set_item(Some(item.into())).send().await.unwrap();
    }
    client
}

/// Returns the items of a table, in DynamoDB's JSON.
pub(super) async fn stored(client: &Client, table: &str) -> Vec<Value> {
    let scan = client.scan().table_name(table).consistent_read(true);
    let items = scan.send().await.unwrap().items.unwrap_or_default();
    items
        .into_iter()
        .map(|item| serde_json::to_value(Item::from(item)).unwrap())
        .collect()
}
