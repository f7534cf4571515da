//! The calls of a service's demo, in its `scripts/demo.json`.

use std::{collections::BTreeMap, path::Path};

use aws_sdk_lambda::primitives::Blob;
use serde::Deserialize;
use serde_json::Value;

use crate::{clients::Clients, deployment::Deployment, error::Error};

/// A call of a function.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DemoCall {
    /// The name of its crate.
    pub(super) function: String,
    pub(super) payload: Value,
    /// The types of the events that the call commits.
    #[serde(default)]
    pub(super) events: Vec<String>,
    /// The response once all events are handled. Such a call is made at the end, and repeated
    /// until it returns this.
    pub(super) until: Option<Value>,
}

/// How often each type of event occurs.
pub(super) type EventCounts = BTreeMap<String, usize>;

/// Reads the calls in a file.
pub(super) fn read(file: &Path) -> Result<Vec<DemoCall>, Error> {
    let failed = |reason: String| Error::DemoCalls {
        file: file.to_owned(),
        reason,
    };
    let json = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
    let calls: Vec<DemoCall> =
        serde_json::from_slice(&json).map_err(|error| failed(error.to_string()))?;
    if event_counts(&calls).is_empty() {
        return Err(failed("none of them commits an event".to_owned()));
    }
    Ok(calls)
}

/// Returns how often the calls commit each type of event.
pub(super) fn event_counts(calls: &[DemoCall]) -> EventCounts {
    let mut counts = EventCounts::new();
    for event in calls.iter().flat_map(|call| &call.events) {
        *counts.entry(event.clone()).or_default() += 1;
    }
    counts
}

impl DemoCall {
    /// Makes the call, and returns the function's response.
    pub(super) async fn make(
        &self,
        clients: &Clients,
        deployment: &Deployment,
    ) -> Result<Value, Error> {
        let failed = |reason: String| Error::FunctionFailed {
            function: self.function.clone(),
            reason,
        };
        let deployed = deployment
            .functions
            .get(&self.function)
            .ok_or_else(|| failed("no output of the stack has its name".to_owned()))?;
        let response = clients
            .lambda
            .invoke()
            .function_name(deployed)
            .payload(Blob::new(self.payload.to_string()))
            .send()
            .await
            .map_err(|error| Error::call("Invoke")(error.into()))?;
        let payload = response.payload.map(Blob::into_inner).unwrap_or_default();
        if response.function_error.is_some() {
            return Err(failed(String::from_utf8_lossy(&payload).into_owned()));
        }
        serde_json::from_slice(&payload).map_err(|error| failed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_text(text: &str) -> Result<Vec<DemoCall>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("demo.json");
        std::fs::write(&file, text).unwrap();
        let said = format!("{} has no calls for a demo: ", file.display());
        read(&file).map_err(|error| error.to_string().replace(&said, ""))
    }

    #[test]
    fn calls_are_read_with_the_events_that_they_commit() {
        let text = r#"[
            {"function": "change", "payload": {"create": 1}, "events": ["Created"]},
            {"function": "change", "payload": {"both": 2}, "events": ["Created", "Completed"]},
            {"function": "get", "payload": "counts", "until": {"Created": 2}}
        ]"#;
        let calls = read_text(text).unwrap();
        assert_eq!(calls.len(), 3);
        assert_eq!(calls[2].until, Some(json!({"Created": 2})));
        let expected = [("Created", 2), ("Completed", 1)];
        let expected = expected.map(|(event, count)| (event.to_owned(), count));
        assert_eq!(event_counts(&calls), EventCounts::from(expected));
    }

    #[test]
    fn a_file_without_calls_is_an_error_that_says_why() {
        for (text, problem) in [
            ("[]", "none of them commits an event"),
            ("[", "EOF while parsing"),
            ("{}", "expected a sequence"),
            (r#"[{"function": "a"}]"#, "missing field `payload`"),
            (
                r#"[{"function": "a", "payload": 1, "event": 1}]"#,
                "unknown field `event`",
            ),
        ] {
            let said = read_text(text).unwrap_err();
            assert!(said.contains(problem), "{text}: {said}");
        }
        let missing = read(Path::new("/nowhere/demo.json")).unwrap_err();
        assert!(missing.to_string().contains("/nowhere/demo.json"));
    }
}
