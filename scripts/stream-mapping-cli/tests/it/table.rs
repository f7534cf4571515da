//! A table with a stream.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType, StreamSpecification, StreamViewType,
};
use dynamodb_in_process::Address;

pub(crate) struct Table {
    pub(crate) address: Address,
    pub(crate) stream_arn: String,
    client: aws_sdk_dynamodb::Client,
}

impl Table {
    pub(crate) async fn start() -> Self {
        let address = dynamodb_in_process::listen().await;
        let client = dynamodb_in_process::client(address);
        let definition = AttributeDefinition::builder()
            .attribute_name("pk")
            .attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder()
            .attribute_name("pk")
            .key_type(KeyType::Hash);
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::NewImage);
        let created = client
            .create_table()
            .table_name("things")
            .attribute_definitions(definition.build().unwrap())
            .key_schema(key.build().unwrap())
            .billing_mode(BillingMode::PayPerRequest)
            .stream_specification(stream.build().unwrap())
            .send()
            .await
            .unwrap();
        let stream_arn = created
            .table_description
            .unwrap()
            .latest_stream_arn
            .unwrap();
        Self {
            address,
            stream_arn,
            client,
        }
    }

    /// Puts items named by these numbers, one after the other.
    pub(crate) async fn put(&self, numbers: std::ops::RangeInclusive<u32>) {
        for number in numbers {
            self.client
                .put_item()
                .table_name("things")
                .item("pk", AttributeValue::S(number.to_string()))
                .send()
                .await
                .unwrap();
        }
    }
}
