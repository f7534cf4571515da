//! What commands print with `--output json` matches their schemas: the runner of these tests checks
//! each output.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};

/// The options with a value that may stand before a command.
const WITH_VALUE: [&str; 5] = ["--env", "--stack", "--profile", "--region", "--output"];

/// Checks what the command has printed, if that is JSON.
pub(crate) fn check(command: &Command, output: &Output) {
    let typed: Vec<&str> = command
        .get_args()
        .filter_map(|typed| typed.to_str())
        .collect();
    let is_json = typed.contains(&"--output=json")
        || typed.windows(2).any(|pair| pair == ["--output", "json"]);
    let is_help = typed
        .iter()
        .any(|word| ["--help", "--version"].contains(word));
    if !is_json || is_help {
        return;
    }
    let (name, bytes) = match output.status.code() {
        Some(2) => ("error".to_owned(), &output.stderr),
        _ => (command_name(&typed), &output.stdout),
    };
    // The reader of a report may have closed the pipe.
    if !bytes.is_empty() {
        let value =
            serde_json::from_slice(bytes).unwrap_or_else(|_| panic!("{typed:?}: {output:?}"));
        check_value(&name, &value);
    }
}

/// Checks a value that a command has printed. `dlq list` is named `dlq-list`.
pub(crate) fn check_value(name: &str, value: &Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let schema = fs::read_to_string(folder.join(format!("{name}.json")));
    let mut schema =
        serde_json::from_str(&schema.unwrap_or_else(|_| panic!("{name} has no schema"))).unwrap();
    close(&mut schema);
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    let validator = options.build(&schema).unwrap();
    let problems: Vec<String> = validator
        .iter_errors(value)
        .map(|problem| format!("{problem} at {}", problem.instance_path()))
        .collect();
    assert!(problems.is_empty(), "{name}: {problems:#?}\n{value:#}");
}

/// Returns the name of the command's schema.
fn command_name(typed: &[&str]) -> String {
    let mut words = typed.iter();
    while let Some(word) = words.next() {
        match *word {
            option if WITH_VALUE.contains(&option) => drop(words.next()),
            option if option.starts_with('-') => {}
            "dlq" => return format!("dlq-{}", words.next().unwrap()),
            command => return command.to_owned(),
        }
    }
    panic!("no command was typed: {typed:?}")
}

/// Allows no member that the schema doesn't name. The schema itself does, since later versions may
/// add members.
fn close(schema: &mut Value) {
    close_inner(schema, false);
}

/// Closes a schema; of a form of an object, which is only a part of it, what is in it.
fn close_inner(schema: &mut Value, is_part: bool) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    let has_properties = members.contains_key("properties");
    let properties = members.get_mut("properties").and_then(Value::as_object_mut);
    for property in properties.into_iter().flat_map(|all| all.values_mut()) {
        close_inner(property, false);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = members.get_mut(inner) {
            close_inner(inner, false);
        }
    }
    let forms = members.get_mut("anyOf").and_then(Value::as_array_mut);
    for form in forms.into_iter().flatten() {
        close_inner(form, is_part || has_properties);
    }
    if has_properties && !is_part {
        members.insert("unevaluatedProperties".to_owned(), json!(false));
    }
}

#[test]
fn a_closed_schema_rejects_what_it_does_not_name() {
    let text = json!({"type": "string"});
    let schema = json!({
        "type": "object",
        "properties": {"row": text, "list": {"items": {"properties": {"inner": text}}}},
        "anyOf": [{"properties": {"event": text}}, {"properties": {"unreadable": text}}],
    });
    let mut closed = schema.clone();
    close(&mut closed);
    for (value, expected) in [
        (json!({"row": "a/1", "event": "OrderCreated"}), true),
        (json!({"list": [{"inner": ""}], "unreadable": ""}), true),
        (json!({"more": ""}), false),
        (json!({"list": [{"more": ""}]}), false),
    ] {
        assert!(jsonschema::is_valid(&schema, &value), "{value}");
        assert_eq!(jsonschema::is_valid(&closed, &value), expected, "{value}");
    }
}

#[test]
fn a_command_is_found_behind_options() {
    for (typed, expected) in [
        (&["--stack", "mine", "status", "--watch"][..], "status"),
        (&["--yes", "--output", "json", "dlq", "list"], "dlq-list"),
    ] {
        assert_eq!(command_name(typed), expected);
    }
}
