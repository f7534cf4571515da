//! How often SQS has received each dead letter.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_sqs::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{
            AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
        },
    },
    error::BoxError,
    operation::receive_message::{ReceiveMessageInput, ReceiveMessageOutput},
    types::{Message, MessageSystemAttributeName::ApproximateReceiveCount},
};

/// How often each letter had been received before this command received it, by its id.
///
/// An interceptor of the SQS client, because the outbox crate reads letters without the count:
/// a replay doesn't need it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReceiveCounts(Arc<Mutex<HashMap<String, u64>>>);

impl ReceiveCounts {
    /// Returns how often a letter was received before; `None` if SQS didn't report it.
    pub(crate) fn before(&self, id: &str) -> Option<u64> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(id).copied()
    }

    fn record(&self, message: &Message) {
        let (Some(id), Some(count)) = (message.message_id(), receive_count(message)) else {
            return;
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The first count of this command: a letter becomes visible while a long command runs,
        // and is received by it again. SQS counts this receive, too.
        counts
            .entry(id.to_owned())
            .or_insert(count.saturating_sub(1));
    }
}

fn receive_count(message: &Message) -> Option<u64> {
    message
        .attributes()?
        .get(&ApproximateReceiveCount)?
        .parse()
        .ok()
}

impl Intercept for ReceiveCounts {
    fn name(&self) -> &'static str {
        "ReceiveCounts"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(input) = context.input_mut().downcast_mut::<ReceiveMessageInput>() {
            let names = &mut input.message_system_attribute_names;
            names.get_or_insert_default().push(ApproximateReceiveCount);
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let output = context.output_or_error().ok();
        if let Some(output) =
            output.and_then(|output| output.downcast_ref::<ReceiveMessageOutput>())
        {
            output
                .messages()
                .iter()
                .for_each(|message| self.record(message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(count: Option<&str>) -> Message {
        let message = Message::builder().message_id("1");
        match count {
            Some(count) => message.attributes(ApproximateReceiveCount, count).build(),
            None => message.build(),
        }
    }

    #[test]
    fn the_first_count_of_a_command_is_what_was_before_it() {
        let counts = ReceiveCounts::default();
        assert_eq!(counts.before("1"), None);
        for count in [None, Some("many"), Some("4"), Some("5")] {
            counts.record(&received(count));
        }
        assert_eq!(counts.before("1"), Some(3));
    }
}
