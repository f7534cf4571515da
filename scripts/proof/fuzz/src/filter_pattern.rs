//! Patterns of a filter, one a line; after an empty line, the record they are
//! held against.

use serde_json::{Value, json};
use stream_mapping::{Filter, InvalidFilter};

/// Most characters of one pattern.
const MOST_CHARACTERS: usize = 4096;

/// Levels of a pattern that any JSON reader takes.
const MOST_LEVELS: usize = 100;

/// A pattern that is accepted says the same of a record however it is written
/// and asked; one that is refused is named with a reason.
pub fn filter_pattern(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (patterns, record) = text.split_once("\n\n").unwrap_or((text, ""));
    let patterns: Vec<&str> = patterns.lines().collect();
    let record = serde_json::from_str(record).unwrap_or_else(|_| a_record());
    match Filter::from_patterns(patterns.iter().copied()) {
        Ok(filter) => accepted(&filter, &patterns, &record),
        Err(error) => refused(&error, &patterns),
    }
}

fn accepted(filter: &Filter, patterns: &[&str], record: &Value) {
    let passes = filter.passes(record);
    assert_eq!(filter.passes(record), passes, "asked again");
    let each: Vec<bool> = patterns.iter().map(|one| alone(one, record)).collect();
    // Without a pattern everything passes.
    assert_eq!(each.is_empty() || each.contains(&true), passes);

    for (pattern, passes) in patterns.iter().zip(each) {
        let json: Value = serde_json::from_str(pattern).expect("what is accepted is JSON");
        let either = json!({"$or": [json, json]});
        for again in [json.to_string(), either.to_string()] {
            if is_no_limit_near(&again) {
                assert_eq!(alone(&again, record), passes, "{pattern} as {again}");
            }
        }
    }
}

/// A pattern that is written another way may be too long, or nested too deep.
fn is_no_limit_near(pattern: &str) -> bool {
    pattern.chars().count() <= MOST_CHARACTERS && pattern.matches(['{', '[']).count() < MOST_LEVELS
}

fn alone(pattern: &str, record: &Value) -> bool {
    let filter = Filter::from_patterns([pattern]);
    let filter = filter.unwrap_or_else(|error| panic!("accepted before: {error}"));
    filter.passes(record)
}

fn refused(error: &InvalidFilter, patterns: &[&str]) {
    match error {
        InvalidFilter::Pattern { pattern, reason }
        | InvalidFilter::Undocumented { pattern, reason } => {
            assert!(patterns.contains(&pattern.as_str()), "{pattern}");
            assert!(!reason.to_string().is_empty());
        }
        error => assert!(patterns.len() > 10, "{error}"),
    }
}

fn a_record() -> Value {
    json!({
        "eventName": "INSERT",
        "dynamodb": {
            "Keys": {"pk": {"S": "order#42"}},
            "NewImage": {
                "status": {"S": "Open"},
                "total": {"N": "42"},
                "tags": {"SS": ["urgent", "export"]},
                "lines": {"L": [{"M": {"sku": {"S": "a"}}}, {"M": {"sku": {"S": "b"}}}]},
            },
            "SizeBytes": 120,
        },
    })
}
