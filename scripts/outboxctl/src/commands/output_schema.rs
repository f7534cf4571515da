//! The schemas of what commands print with `--output json`.

use clap::ValueEnum;
use serde_json::Value;

use super::{
    discard::Discarded, dlq_list, dlq_replay::Replayed, dlq_show, group_change::GroupChange,
    group_preview::Preview, history::History, parked, pause::PublishingState, pending,
    publish::SweepReport, published::Published, show, status::Status,
};
use crate::{
    failure::Failure,
    json_schema::{document, of},
};

/// A command that prints JSON, or the failure of any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputSchema {
    Status,
    Pending,
    Parked,
    Show,
    DlqList,
    DlqShow,
    DlqReplay,
    Publish,
    Unpark,
    Edit,
    Discard,
    History,
    Pause,
    Resume,
    /// Of a failure, on standard error.
    Error,
}

impl OutputSchema {
    /// Returns the schema.
    pub(crate) fn schema(self) -> Value {
        let forms = match self {
            Self::Status => vec![of::<Status>()],
            Self::Pending => vec![of::<pending::Listing>()],
            Self::Parked => vec![of::<parked::Listing>()],
            Self::Show => vec![of::<show::Shown>()],
            Self::DlqList => vec![of::<dlq_list::Listing>()],
            Self::DlqShow => vec![of::<dlq_show::Shown>()],
            Self::DlqReplay => vec![of::<Replayed>()],
            Self::Publish => vec![of::<Published>(), of::<SweepReport>()],
            Self::Unpark => vec![of::<Published>(), of::<Preview>(), of::<GroupChange>()],
            Self::Edit => vec![of::<Published>()],
            Self::Discard => vec![of::<Discarded>(), of::<Preview>(), of::<GroupChange>()],
            Self::History => vec![of::<History>()],
            Self::Pause | Self::Resume => vec![of::<PublishingState>()],
            Self::Error => vec![of::<Failure<'_>>()],
        };
        document(&self.title(), forms)
    }

    /// Returns the command's name with hyphens: `dlq-list`.
    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn title(self) -> String {
        match self {
            Self::Error => "A failure of outboxctl --output json".to_owned(),
            _ => format!("outboxctl --output json {}", self.name().replace('-', " ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        fs,
        path::{Path, PathBuf},
    };

    use clap::CommandFactory;
    use promised_schemas::Promise;

    use super::*;
    use crate::arguments::Arguments;

    const ADVICE: &str = "Undo this, or, if this version may break programs, remove the file, run 'make schemas', \
         and say so in CHANGELOG.md.";

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas")
    }

    fn names() -> BTreeSet<String> {
        let all = OutputSchema::value_variants().iter();
        all.map(|schema| schema.name()).collect()
    }

    #[test]
    fn the_output_is_as_programs_were_promised() {
        let complaints = OutputSchema::value_variants().iter().filter_map(|schema| {
            let promise = Promise {
                name: &schema.title(),
                file: &folder().join(format!("{}.json", schema.name())),
                advice: ADVICE,
            };
            promise.hold(&schema.schema()).err()
        });
        let complaints: Vec<String> = complaints.collect();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }

    #[test]
    fn every_command_that_prints_json_has_a_schema() {
        fn add(command: &clap::Command, prefix: &str, names: &mut BTreeSet<String>) {
            for sub in command.get_subcommands() {
                let name = format!("{prefix}{}", sub.get_name());
                if sub.has_subcommands() {
                    add(sub, &format!("{name}-"), names);
                } else {
                    names.insert(name);
                }
            }
        }
        let mut expected = BTreeSet::from(["error".to_owned()]);
        add(&Arguments::command(), "", &mut expected);
        // They print no report: a page, and the address of one.
        for name in ["generate", "console"] {
            assert!(expected.remove(name), "{name}");
        }
        assert_eq!(names(), expected);
    }

    #[test]
    fn every_file_is_of_a_command_and_listed_in_the_documents() {
        let files = fs::read_dir(folder()).unwrap();
        let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let expected = names().into_iter().map(|name| format!("{name}.json"));
        let expected: BTreeSet<String> = expected.collect();
        assert_eq!(files.collect::<BTreeSet<_>>(), expected);
        let page = folder().join("../../../docs/outboxctl-json.md");
        let page = fs::read_to_string(page).unwrap();
        for file in expected {
            let link = format!("](../scripts/outboxctl/schemas/{file})");
            assert!(page.contains(&link), "{link}");
        }
    }

    #[test]
    fn every_member_is_described_and_in_words_of_json() {
        fn check(schema: &Value, path: &str) {
            let described = schema["description"].as_str().unwrap_or_default();
            assert!(!described.contains("None"), "{path}: {described}");
            let properties = schema["properties"].as_object();
            for (name, property) in properties.into_iter().flatten() {
                let path = format!("{path}.{name}");
                assert!(
                    property["description"].is_string(),
                    "{path} is not described"
                );
                check(property, &path);
            }
            for inner in ["items", "additionalProperties"] {
                if let Some(inner) = schema.get(inner) {
                    check(inner, path);
                }
            }
            for form in schema["anyOf"].as_array().into_iter().flatten() {
                check(form, path);
            }
        }
        for schema in OutputSchema::value_variants() {
            check(&schema.schema(), &schema.name());
        }
    }
}
