//! Filter criteria.

use serde_json::{Value, json};
use stream_mapping::Filter;

fn record() -> Value {
    json!({
        "eventName": "INSERT",
        "dynamodb": {
            "Keys": {"pk": {"S": "order#42"}},
            "NewImage": {
                "status": {"S": "Open"},
                "total": {"N": "42"},
                "note": {"S": ""},
                "paid": {"BOOL": true},
                "nothing": {"NULL": null},
                "billing.city": {"S": "Berlin"},
                "address": {"M": {"city": {"S": "Rome"}}},
                "both.a": {"S": "flat"},
                "both": {"a": {"S": "nested"}},
                "odd.": {"S": "dot"},
                "tags": {"SS": ["urgent", "export"]},
                "lines": {"L": [{"M": {"sku": {"S": "a"}, "kind": {"S": "tea"}, "gift": {"BOOL": true}}},
                                {"M": {"sku": {"S": "b"}, "kind": {"S": "pot"}}}]},
            },
            "SizeBytes": 120,
            "ApproximateCreationDateTime": 1.795_510_8e9,
        },
    })
}

/// Returns a pattern for an attribute of the item.
fn image(attribute: &str, pattern: &str) -> String {
    format!(r#"{{"dynamodb": {{"NewImage": {{"{attribute}": {pattern}}}}}}}"#)
}

fn size(rules: &str) -> String {
    format!(r#"{{"dynamodb": {{"SizeBytes": {rules}}}}}"#)
}

#[test]
fn records_pass_by_the_documented_rules() {
    for (rule, pattern, passes) in [
        ("equals", r#"{"eventName": ["INSERT"]}"#.to_owned(), true),
        ("equals", r#"{"eventName": ["insert"]}"#.to_owned(), false),
        ("or", r#"{"eventName": ["MODIFY", "INSERT"]}"#.to_owned(), true),
        ("and", r#"{"eventName": ["INSERT"], "awsRegion": ["x"]}"#.to_owned(), false),
        ("empty", image("note", r#"{"S": [""]}"#), true),
        ("empty", image("status", r#"{"S": [""]}"#), false),
        ("boolean", image("paid", r#"{"BOOL": [true]}"#), true),
        ("boolean", image("paid", r#"{"BOOL": [false]}"#), false),
        ("null", image("nothing", r#"{"NULL": [null]}"#), true),
        ("null", image("status", r#"{"S": [null]}"#), false),
        ("null is not missing", image("gone", r#"{"S": [null]}"#), false),
        ("number", size("[120]"), true),
        ("number", size("[121]"), false),
        ("equals-ignore-case", image("status", r#"{"S": [{"equals-ignore-case": "OPEN"}]}"#), true),
        ("equals-ignore-case", image("status", r#"{"S": [{"equals-ignore-case": "shut"}]}"#), false),
        ("prefix", image("status", r#"{"S": [{"prefix": "Op"}]}"#), true),
        ("prefix", image("status", r#"{"S": [{"prefix": "op"}]}"#), false),
        ("suffix", image("status", r#"{"S": [{"suffix": "en"}]}"#), true),
        ("suffix", image("status", r#"{"S": [{"suffix": "Op"}]}"#), false),
        ("anything-but", image("status", r#"{"S": [{"anything-but": ["Shut"]}]}"#), true),
        ("anything-but", image("status", r#"{"S": [{"anything-but": "Open"}]}"#), false),
        ("anything-but", size(r#"[{"anything-but": [119, 120]}]"#), false),
        ("anything-but needs a value", image("gone", r#"{"S": [{"anything-but": ["x"]}]}"#), false),
        ("numeric =", size(r#"[{"numeric": ["=", 120]}]"#), true),
        ("numeric range", size(r#"[{"numeric": [">", 100, "<=", 120]}]"#), true),
        ("numeric range", size(r#"[{"numeric": [">=", 100, "<", 120]}]"#), false),
        ("numbers of items are text", image("total", r#"{"N": [{"numeric": ["=", 42]}]}"#), false),
        ("numbers of items are text", image("total", r#"{"N": ["42"]}"#), true),
        ("exists", image("status", r#"{"S": [{"exists": true}]}"#), true),
        ("exists", image("gone", r#"{"S": [{"exists": true}]}"#), false),
        ("exists is for leaves", image("status", r#"[{"exists": true}]"#), false),
        ("does not exist", image("gone", r#"{"S": [{"exists": false}]}"#), true),
        ("does not exist", image("status", r#"{"S": [{"exists": false}]}"#), false),
        ("a list has the value", image("tags", r#"{"SS": ["export"]}"#), true),
        ("a list has the value", image("tags", r#"{"SS": ["import"]}"#), false),
        (
            "one element matches whole",
            image("lines", r#"{"L": {"M": {"sku": {"S": ["b"]}, "kind": {"S": ["pot"]}}}}"#),
            true,
        ),
        (
            "an element without a field",
            image("lines", r#"{"L": {"M": {"sku": {"S": ["b"]}, "gift": {"BOOL": [{"exists": false}]}}}}"#),
            true,
        ),
        (
            "an element without a field",
            image("lines", r#"{"L": {"M": {"sku": {"S": ["a"]}, "gift": {"BOOL": [{"exists": false}]}}}}"#),
            false,
        ),
        (
            "no element has the field",
            image("lines", r#"{"L": {"M": {"gift": {"BOOL": [{"exists": false}]}}}}"#),
            false,
        ),
        (
            "a value or none",
            image("lines", r#"{"L": {"M": {"sku": {"S": ["b"]}, "gift": {"BOOL": [{"exists": false}, true]}}}}"#),
            true,
        ),
        (
            "one element matches whole",
            image("lines", r#"{"L": {"M": {"sku": {"S": ["a"]}, "kind": {"S": ["pot"]}}}}"#),
            false,
        ),
        (
            "$or",
            r#"{"$or": [{"eventName": ["REMOVE"]}, {"dynamodb": {"SizeBytes": [120]}}]}"#.to_owned(),
            true,
        ),
        (
            "$or and a field",
            r#"{"$or": [{"eventName": ["INSERT"]}, {"eventName": ["MODIFY"]}], "awsRegion": ["x"]}"#
                .to_owned(),
            false,
        ),
    ] {
        holds(rule, &pattern, passes);
    }
}

#[test]
fn dots_and_numbers_match_as_in_eventbridge() {
    for (rule, pattern, passes) in [
        (
            "dots: as one name",
            r#"{"dynamodb.SizeBytes": [120]}"#.to_owned(),
            true,
        ),
        (
            "dots: as one name",
            r#"{"dynamodb.SizeBytes": [121]}"#.to_owned(),
            false,
        ),
        (
            "dots: in the middle",
            r#"{"dynamodb.NewImage": {"status.S": ["Open"]}}"#.to_owned(),
            true,
        ),
        (
            "dots: an attribute's name",
            image("billing.city", r#"{"S": ["Berlin"]}"#),
            true,
        ),
        (
            "dots: an attribute's name",
            image("billing", r#"{"city": {"S": ["Berlin"]}}"#),
            true,
        ),
        (
            "dots: an attribute's name",
            image("billing", r#"{"city.S": ["Rome"]}"#),
            false,
        ),
        (
            "dots: a map in a map",
            image("address", r#"{"M.city": {"S": ["Rome"]}}"#),
            true,
        ),
        (
            "dots: of both the value counts",
            image("both.a", r#"{"S": ["flat"]}"#),
            true,
        ),
        (
            "dots: of both the value counts",
            image("both.a", r#"{"S": ["nested"]}"#),
            true,
        ),
        (
            "dots: both exist",
            image("billing.city", r#"{"S": [{"exists": false}]}"#),
            false,
        ),
        (
            "dots: no part of a name",
            image("bill", r#"{"ing.city": {"S": ["Berlin"]}}"#),
            false,
        ),
        ("dots: at the end", image("odd.", r#"{"S": ["dot"]}"#), true),
        (
            "dots: in $or",
            r#"{"$or": [{"dynamodb.SizeBytes": [120]}, {"eventName": ["x"]}]}"#.to_owned(),
            true,
        ),
        (
            "$or within a field",
            image(
                "lines",
                r#"{"L": {"M": {"$or": [{"sku": {"S": ["x"]}}, {"sku.S": ["b"]}], "kind.S": ["pot"]}}}"#,
            ),
            true,
        ),
        (
            "$or within a field, in one element",
            image(
                "lines",
                r#"{"L": {"M": {"$or": [{"sku": {"S": ["x"]}}, {"sku.S": ["a"]}], "kind.S": ["pot"]}}}"#,
            ),
            false,
        ),
        // "300, 300.0, and 3.0e2 are not considered equal", says Lambda's page.
        ("a number with a point is another", size("[120.0]"), false),
        (
            "a creation time has an exponent",
            r#"{"dynamodb": {"ApproximateCreationDateTime": [1795510800]}}"#.to_owned(),
            false,
        ),
        (
            "a creation time is a number",
            r#"{"dynamodb": {"ApproximateCreationDateTime": [{"numeric": [">", 0]}]}}"#.to_owned(),
            true,
        ),
    ] {
        holds(rule, &pattern, passes);
    }
}

fn holds(rule: &str, pattern: &str, passes: bool) {
    let filter = Filter::from_patterns([pattern]).unwrap();
    assert_eq!(filter.passes(&record()), passes, "{rule}: {pattern}");
}

#[test]
fn one_of_several_patterns_must_match() {
    let (removes, inserts) = (
        r#"{"eventName": ["REMOVE"]}"#,
        r#"{"eventName": ["INSERT"]}"#,
    );
    let passes = |patterns: &[&str]| {
        let filter = Filter::from_patterns(patterns.iter().copied());
        filter.unwrap().passes(&record())
    };
    assert!(passes(&[removes, inserts]));
    assert!(!passes(&[removes]));
    assert!(passes(&[]), "without a filter everything passes");
}

/// Returns a pattern for one field.
fn a(rules: &str) -> String {
    format!(r#"{{"a": {{"b": {rules}}}}}"#)
}

fn rejection(pattern: &str) -> String {
    Filter::from_patterns([pattern]).unwrap_err().to_string()
}

#[test]
fn undocumented_rules_are_rejected_by_name() {
    for (pattern, rule) in [
        (a(r#"[{"wildcard": "x*"}]"#), "wildcard"),
        (a(r#"[{"cidr": "10.0.0.0/24"}]"#), "cidr"),
        (
            a(r#"[{"anything-but": {"prefix": "x"}}]"#),
            "anything-but prefix",
        ),
        (
            a(r#"[{"prefix": {"equals-ignore-case": "x"}}]"#),
            "prefix equals-ignore-case",
        ),
    ] {
        let reason = format!("a.b: {rule:?} is not a rule that AWS documents for Lambda");
        assert_eq!(rejection(&pattern), format!("filter {pattern}: {reason}"));
    }
}

#[test]
fn numeric_accepts_one_comparison_or_a_range() {
    for accepted in [
        r#"["=", 1]"#,
        r#"["<", 1]"#,
        r#"[">=", 1, "<", 2]"#,
        r#"[">", -1, "<=", 2.5]"#,
    ] {
        Filter::from_patterns([a(&format!(r#"[{{"numeric": {accepted}}}]"#)).as_str()]).unwrap();
    }
    let shape = "numeric must be one comparison, or a lower bound and then an upper one, \
                 like [\">\", 0, \"<=\", 5]";
    let empty = "numeric must have a lower bound that is less than the upper one";
    for (numeric, reason) in [
        // Two lower or two upper bounds.
        (r#"[">", 1, ">=", 2]"#, shape),
        (r#"["<", 2, "<=", 1]"#, shape),
        // The upper bound first.
        (r#"["<", 5, ">", 1]"#, shape),
        (r#"["<=", 5, ">=", 1]"#, shape),
        // Equal with another comparison.
        (r#"["=", 1, "<", 5]"#, shape),
        (r#"[">", 1, "=", 5]"#, shape),
        (r#"["=", 1, "=", 1]"#, shape),
        // No number is between the bounds.
        (r#"[">", 5, "<", 1]"#, empty),
        (r#"[">", 5, "<", 5]"#, empty),
        (r#"[">=", 5, "<=", 5]"#, empty),
        (r#"[">=", 5, "<=", 5.0]"#, empty),
        // Too many, too few, other values.
        (r#"[">", 1, "<", 5, "<", 6]"#, shape),
        (r#"[">", 1, "<"]"#, shape),
        (r#"[">"]"#, shape),
        ("[]", shape),
        (r#"["!=", 1]"#, shape),
        (r#"[">", "1"]"#, shape),
        (r#"[1, ">"]"#, shape),
        ("5", shape),
        (
            r#"["<", 5000000001]"#,
            "numeric accepts numbers from -5e9 to 5e9",
        ),
        (
            r#"["=", -5000000001]"#,
            "numeric accepts numbers from -5e9 to 5e9",
        ),
    ] {
        let pattern = a(&format!(r#"[{{"numeric": {numeric}}}]"#));
        assert_eq!(
            rejection(&pattern),
            format!("Invalid filter pattern definition. Filter {pattern}: a.b: {reason}")
        );
    }
}

/// The search stays short even if many values match on their own.
#[test]
fn a_pattern_with_many_choices_matches_quickly() {
    let choices: Vec<String> = (0..60)
        .map(|n| format!(r#""{n:02}": {{"$or": [{{"x": [1]}}, {{"y": [1]}}]}}"#))
        .collect();
    let pattern = format!(r#"{{{}, "z": ["impossible"]}}"#, choices.join(", "));
    let filter = Filter::from_patterns([pattern.as_str()]).unwrap();
    let mut record = json!({"z": "possible"});
    for n in 0..60 {
        record[format!("{n:02}")] = json!({"x": vec![1; 100], "y": vec![1; 100]});
    }
    assert!(!filter.passes(&record));
    record["z"] = json!("impossible");
    assert!(filter.passes(&record));
}

#[test]
fn invalid_patterns_are_rejected_in_aws_s_words() {
    for (pattern, reason) in [
        ("[]".into(), "the pattern: must be an object"),
        ("{}".into(), "the pattern: must have a field"),
        (a("{}"), "a.b: must have a field"),
        (a("[]"), "a.b: must have a rule"),
        (a(r#""x""#), "a.b: must be a list of rules or an object"),
        (a("[[1]]"), "a.b: must not have a list as a rule"),
        (
            a(r#"[{"prefix": "x", "suffix": "y"}]"#),
            "a.b: a rule must have one name",
        ),
        (a(r#"[{"prefix": 1}]"#), "a.b: prefix must be a text"),
        (
            a(r#"[{"exists": "yes"}]"#),
            "a.b: exists must be true or false",
        ),
        (
            a(r#"[{"anything-but": []}]"#),
            "a.b: anything-but must be texts or numbers",
        ),
        (
            a(r#"[{"anything-but": ["x", 1]}]"#),
            "a.b: anything-but must be texts or numbers",
        ),
        (
            r#"{"a": {"b": [1]}, "a.b": [2]}"#.into(),
            "a.b: is there twice, since a dot in a name is the same as a nested name",
        ),
        (
            r#"{"$or": [{"a": [1]}]}"#.into(),
            "$or: must have two patterns or more",
        ),
        (
            r#"{"$or": {"a": [1]}}"#.into(),
            "$or: must be a list of patterns",
        ),
        ("x".repeat(4097), "it has 4097 characters, 4096 are allowed"),
    ] {
        assert_eq!(
            rejection(&pattern),
            format!("Invalid filter pattern definition. Filter {pattern}: {reason}")
        );
    }
    // The recorded ones.
    for pattern in ["single-string", r#"[{"eventName": ["INSERT"=123}]"#] {
        let error = rejection(pattern);
        let words =
            format!("Invalid filter pattern definition. Filter {pattern}: it is not JSON: ");
        assert!(error.starts_with(&words), "{error}");
    }
    let eleven = [r#"{"a": [1]}"#; 11];
    let error = Filter::from_patterns(eleven).unwrap_err().to_string();
    assert_eq!(error, "FilterCriteria must have 0 to 10 filters, not 11");
}
