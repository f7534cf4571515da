//! Transactions, as an outbox and an inbox commit them.

#![expect(clippy::result_large_err, reason = "the error is the SDK's")]

use std::{future::Future, pin::Pin, time::Duration};

use aws_sdk_dynamodb::{error::SdkError, types::TransactWriteItem};
use outbox::testing::{Transact, Transacted};
use tokio::time::{sleep, timeout};

use crate::{
    aws::InMemoryAws,
    fault::Fault,
    operation::Operation,
    sdk_error::{call_failed, rejected},
    services::Services,
};

/// How long the library waits for a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);

impl Transact for InMemoryAws {
    fn transact(
        &self,
        items: Vec<TransactWriteItem>,
        token: String,
    ) -> Pin<Box<dyn Future<Output = Transacted> + Send + '_>> {
        Box::pin(async move {
            let written = timeout(RESPONSE_TIMEOUT, self.write(items, token)).await;
            written.unwrap_or_else(|_| Err(SdkError::timeout_error("no response in time")))
        })
    }
}

impl InMemoryAws {
    async fn write(&self, items: Vec<TransactWriteItem>, token: String) -> Transacted {
        let written = self
            .call(Operation::TransactWriteItems.into(), |services, fault| {
                if let Some(Fault::Late(time)) = fault {
                    self.write_late(items, token, *time);
                    return None;
                }
                Some(write(services, &items, &token))
            })
            .await;
        match written {
            Ok(Some(written)) => written,
            // The request is in flight for longer than its caller waits.
            Ok(None) => std::future::pending().await,
            Err(failure) => Err(call_failed(failure)),
        }
    }

    fn write_late(&self, items: Vec<TransactWriteItem>, token: String, time: Duration) {
        let aws = self.clone();
        tokio::spawn(async move {
            sleep(time).await;
            // The caller gets no response.
            let _ = aws.with(|services| write(services, &items, &token));
        });
    }
}

fn write(services: &mut Services, items: &[TransactWriteItem], token: &str) -> Transacted {
    let changes = services.transact(items, token).map_err(rejected)?;
    let now = services.now();
    for change in changes.iter().flatten() {
        services.stream.push(change, now);
    }
    Ok(())
}
