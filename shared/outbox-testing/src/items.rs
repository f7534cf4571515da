//! The tables besides the outbox: of aggregates, of an inbox, of the caller's own.

use std::collections::BTreeMap;

use outbox::KeySchema;

use crate::item::{InvalidItem, Item, KeyText, key_text};

/// The tables besides the outbox table. Items never expire.
#[derive(Debug, Default)]
pub struct Items {
    tables: BTreeMap<String, ItemTable>,
}

#[derive(Debug)]
struct ItemTable {
    key_schema: KeySchema,
    items: BTreeMap<KeyText, Item>,
}

impl Items {
    /// Creates a table. One that is there stays as it is.
    pub fn create_table(&mut self, name: impl Into<String>, key_schema: KeySchema) {
        let table = ItemTable {
            key_schema,
            items: BTreeMap::new(),
        };
        self.tables.entry(name.into()).or_insert(table);
    }

    /// Returns an item by its key.
    pub fn get(&self, table: &str, key: &Item) -> Option<&Item> {
        let table = self.tables.get(table)?;
        table.items.get(&key_text(&table.key_schema, key).ok()?)
    }

    /// Returns an item by the values of its key, which are text: the partition key's, then the
    /// sort key's, if the table has one.
    pub fn find(&self, table: &str, key: &[&str]) -> Option<&Item> {
        let table = self.tables.get(table)?;
        let key = key.iter().map(|text| format!("S{text}"));
        table.items.get(&key.collect::<KeyText>())
    }

    /// Returns the items of a table, in the order of their keys.
    pub fn all(&self, table: &str) -> impl Iterator<Item = &Item> {
        let table = self.tables.get(table);
        table.into_iter().flat_map(|table| table.items.values())
    }

    /// Returns the key schema of a table.
    pub(crate) fn key_schema(&self, table: &str) -> Option<&KeySchema> {
        Some(&self.tables.get(table)?.key_schema)
    }

    /// Puts an item.
    ///
    /// # Errors
    ///
    /// If there is no such table, or the item lacks a key attribute.
    pub fn put(&mut self, table: &str, item: Item) -> Result<(), InvalidItem> {
        let table = self.table(table)?;
        let key = key_text(&table.key_schema, &item)?;
        table.items.insert(key, item);
        Ok(())
    }

    /// Deletes an item, if it is there.
    ///
    /// # Errors
    ///
    /// If there is no such table, or the key lacks an attribute.
    pub fn delete(&mut self, table: &str, key: &Item) -> Result<(), InvalidItem> {
        let table = self.table(table)?;
        table.items.remove(&key_text(&table.key_schema, key)?);
        Ok(())
    }

    fn table(&mut self, name: &str) -> Result<&mut ItemTable, InvalidItem> {
        let table = self.tables.get_mut(name);
        table.ok_or_else(|| InvalidItem::MissingTable(name.to_owned()))
    }
}
