//! Schemas that programs rely on, kept as files: what is sent must match its file, and a file is
//! replaced only by a schema that breaks no reader. For tests.

mod changes;

use std::{env, fmt::Write, fs, path::Path};

use serde_json::Value;

pub use self::changes::{Change, changes};

/// A schema, and what was promised.
#[derive(Debug, Clone, Copy)]
pub struct Promise<'p> {
    /// What has the schema, for messages.
    pub name: &'p str,
    /// The file with the schema that was promised.
    pub file: &'p Path,
    /// What to do about a change that breaks readers.
    pub advice: &'p str,
}

impl Promise<'_> {
    /// Compares the file with the schema of what is sent. With the variable `UPDATE_SCHEMAS`, the
    /// file is written, unless that would break readers.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to do, if the file is not the schema, or can't be written.
    pub fn hold(&self, sent: &Value) -> Result<(), String> {
        let promised = self.promised()?;
        let Some(promised) = promised else {
            return self.write_or(sent, &format!("{} has no schema yet", self.name));
        };
        if promised == *sent {
            return Ok(());
        }
        let (complaint, is_breaking) = self.complaint(&changes(&promised, sent));
        if is_breaking {
            return Err(complaint);
        }
        self.write_or(sent, &complaint)
    }

    /// Returns the schema in the file, if there is one.
    fn promised(&self) -> Result<Option<Value>, String> {
        let Ok(json) = fs::read_to_string(self.file) else {
            return Ok(None);
        };
        let parsed = serde_json::from_str(&json);
        parsed.map(Some).map_err(|error| self.failed(&error))
    }

    fn write_or(&self, sent: &Value, complaint: &str) -> Result<(), String> {
        if env::var_os("UPDATE_SCHEMAS").is_none() {
            return Err(format!("{complaint}: run 'make schemas'"));
        }
        let written = fs::write(self.file, format!("{sent:#}\n"));
        written.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &dyn std::error::Error) -> String {
        format!("{}: {error}", self.file.display())
    }

    /// Returns what differs and what to do about it, and whether that breaks readers.
    fn complaint(&self, changes: &[Change]) -> (String, bool) {
        let is_breaking = changes.iter().any(|change| change.is_breaking);
        let mut said = format!(
            "{} does not match the schema that was promised\n",
            self.name
        );
        for change in changes {
            let kind = if change.is_breaking {
                "breaks readers"
            } else {
                "harmless"
            };
            // A string can always be written.
            let _ = writeln!(said, "  {kind}: {}", change.what);
        }
        said += if is_breaking {
            self.advice
        } else {
            "No reader breaks"
        };
        (said, is_breaking)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_complaint_says_what_to_do() {
        let promise = Promise {
            name: "OrderCreated",
            file: Path::new("/no/such/file"),
            advice: "Add a version.",
        };
        let id = |kind: &str| json!({"properties": {"id": {"type": kind}}});
        let broken = promise.complaint(&changes(&id("string"), &id("integer")));
        assert!(
            broken.1 && broken.0.ends_with("Add a version."),
            "{broken:?}"
        );
        let mut described = id("string");
        described["description"] = json!("described better");
        let harmless = promise.complaint(&changes(&id("string"), &described));
        assert!(!harmless.1 && harmless.0.ends_with("No reader breaks"));
        let new = promise.hold(&id("string")).unwrap_err();
        assert_eq!(new, "OrderCreated has no schema yet: run 'make schemas'");
    }
}
