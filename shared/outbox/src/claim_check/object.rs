//! The objects in S3.

use aws_sdk_s3::{
    Client,
    error::BoxError,
    operation::get_object::{GetObjectError, GetObjectOutput},
    primitives::ByteStream,
};

use crate::{
    EventData,
    claim_check::{
        error::{ReadError, StoreError},
        reference::DataReference,
    },
};

/// Writes the data of a reference. Written again, it is the same object.
pub(super) async fn write(
    client: &Client,
    bucket: &str,
    reference: &DataReference,
    data: &EventData,
) -> Result<(), StoreError> {
    let put = client
        .put_object()
        .bucket(bucket)
        .key(&reference.key)
        .content_type("application/json")
        .body(ByteStream::from(data.as_json().as_bytes().to_vec()));
    let written = put.send().await;
    written.map(|_| ()).map_err(|error| StoreError::Put {
        reference: reference.uri.clone(),
        source: error.into(),
    })
}

/// Reads the data of a reference.
pub(super) async fn read(
    client: &Client,
    bucket: &str,
    reference: &DataReference,
) -> Result<EventData, ReadError> {
    let get = client.get_object().bucket(bucket).key(&reference.key);
    let object = match get.send().await {
        Ok(object) => object,
        Err(error) => {
            let is_missing = error
                .as_service_error()
                .is_some_and(GetObjectError::is_no_such_key);
            return Err(if is_missing {
                missing(reference)
            } else {
                unread(reference, error.into())
            });
        }
    };
    let data = body(reference, object).await?;
    let json = if reference.matches(&data) {
        serde_json::from_slice(&data)
    } else {
        return Err(altered(reference));
    };
    json.map_err(|_| altered(reference))
}

/// Returns the bytes of an object. One of another length is not loaded.
async fn body(reference: &DataReference, object: GetObjectOutput) -> Result<Vec<u8>, ReadError> {
    let length = object.content_length();
    if length.is_some_and(|bytes| !reference.has_length(bytes)) {
        return Err(altered(reference));
    }
    let body = object.body.collect().await;
    let body = body.map_err(|error| unread(reference, error.into()))?;
    Ok(body.to_vec())
}

fn missing(reference: &DataReference) -> ReadError {
    ReadError::Missing {
        event_id: reference.event_id.clone(),
        reference: reference.uri.clone(),
    }
}

fn altered(reference: &DataReference) -> ReadError {
    ReadError::Altered {
        event_id: reference.event_id.clone(),
        reference: reference.uri.clone(),
    }
}

fn unread(reference: &DataReference, source: BoxError) -> ReadError {
    ReadError::Read {
        event_id: reference.event_id.clone(),
        reference: reference.uri.clone(),
        source,
    }
}
