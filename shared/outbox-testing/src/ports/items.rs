//! Reads of aggregates.

use std::{collections::HashMap, future::Future, pin::Pin};

use aws_sdk_dynamodb::types::AttributeValue;
use outbox::testing::{GetItem, Got};

use crate::{
    aws::InMemoryAws,
    operation::Operation,
    sdk_error::{no_such_table, read_failed},
};

impl GetItem for InMemoryAws {
    fn get_item(
        &self,
        table: &str,
        key: HashMap<String, AttributeValue>,
    ) -> Pin<Box<dyn Future<Output = Got> + Send + '_>> {
        let table = table.to_owned();
        Box::pin(async move {
            let read = self.call(Operation::GetItem.into(), |services, _| {
                services.items.key_schema(&table)?;
                Some(services.items.get(&table, &key).cloned())
            });
            let read = read.await.map_err(read_failed)?;
            read.ok_or_else(|| no_such_table(&table))
        })
    }
}
