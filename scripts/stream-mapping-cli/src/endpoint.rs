//! Records which endpoint a call was sent to.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodbstreams::{
    config::{
        ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef,
    },
    error::BoxError,
};

/// Records the endpoint of a call. The SDK derives it from variables, profiles, the
/// Region and the service, and offers no other way to read it.
#[derive(Debug, Clone, Default)]
pub(crate) struct EndpointRecorder(Arc<Mutex<Option<String>>>);

impl EndpointRecorder {
    /// Returns the endpoint, once a call was sent.
    pub(crate) fn recorded(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Intercept for EndpointRecorder {
    fn name(&self) -> &'static str {
        "EndpointRecorder"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let endpoint = origin(context.request().uri()).to_owned();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(endpoint);
        Ok(())
    }
}

/// Returns scheme, host and port of a URI.
fn origin(uri: &str) -> &str {
    let host = uri.find("://").map_or(0, |scheme| scheme + 3);
    let end = uri[host..].find('/').map_or(uri.len(), |end| host + end);
    &uri[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_no_path() {
        for uri in [
            "http://127.0.0.1:4566",
            "http://127.0.0.1:4566/",
            "http://127.0.0.1:4566/path?a=b",
        ] {
            assert_eq!(origin(uri), "http://127.0.0.1:4566");
        }
    }
}
