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
                "tags": {"SS": ["urgent", "export"]},
                "lines": {"L": [{"M": {"sku": {"S": "a"}, "kind": {"S": "tea"}}},
                                {"M": {"sku": {"S": "b"}, "kind": {"S": "pot"}}}]},
            },
            "SizeBytes": 120,
        },
    })
}

/// A pattern for an attribute of the item.
fn image(attribute: &str, pattern: &str) -> String {
    format!(r#"{{"dynamodb": {{"NewImage": {{"{attribute}": {pattern}}}}}}}"#)
}

fn size(rules: &str) -> String {
    format!(r#"{{"dynamodb": {{"SizeBytes": {rules}}}}}"#)
}

#[test]
fn a_record_passes_by_the_rules_that_aws_documents() {
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
        let filter = Filter::from_patterns([pattern.as_str()]).unwrap();
        assert_eq!(filter.passes(&record()), passes, "{rule}: {pattern}");
    }
}

#[test]
fn of_several_patterns_one_must_match() {
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

#[test]
fn what_aws_does_not_document_is_refused_by_name() {
    let a = |rules: &str| format!(r#"{{"a": {{"b": {rules}}}}}"#);
    let unknown = |rule: &str| format!("a.b: {rule:?} is no rule that AWS documents for Lambda");
    for (pattern, reason) in [
        (a(r#"[{"wildcard": "x*"}]"#), unknown("wildcard")),
        (a(r#"[{"cidr": "10.0.0.0/24"}]"#), unknown("cidr")),
        (
            a(r#"[{"anything-but": {"prefix": "x"}}]"#),
            unknown("anything-but prefix"),
        ),
        (
            a(r#"[{"prefix": {"equals-ignore-case": "x"}}]"#),
            unknown("prefix equals-ignore-case"),
        ),
        ("[]".into(), "the pattern: must be an object".into()),
        ("{}".into(), "the pattern: must have a field".into()),
        (a("{}"), "a.b: must have a field".into()),
        (a("[]"), "a.b: must have a rule".into()),
        (
            a(r#""x""#),
            "a.b: must be a list of rules or an object".into(),
        ),
        (a("[[1]]"), "a.b: must not have a list as a rule".into()),
        (
            a(r#"[{"prefix": "x", "suffix": "y"}]"#),
            "a.b: a rule must have one name".into(),
        ),
        (a(r#"[{"prefix": 1}]"#), "a.b: prefix must be a text".into()),
        (
            a(r#"[{"exists": "yes"}]"#),
            "a.b: exists must be true or false".into(),
        ),
        (
            a(r#"[{"anything-but": []}]"#),
            "a.b: anything-but must be texts or numbers".into(),
        ),
        (
            a(r#"[{"anything-but": ["x", 1]}]"#),
            "a.b: anything-but must be texts or numbers".into(),
        ),
        (
            a(r#"[{"numeric": [">"]}]"#),
            r#"a.b: numeric must be one or two comparisons like [">", 0, "<=", 5]"#.into(),
        ),
        (
            a(r#"[{"numeric": ["!=", 1]}]"#),
            r#"a.b: numeric must be one or two comparisons like [">", 0, "<=", 5]"#.into(),
        ),
        (
            a(r#"[{"numeric": ["<", 5000000001]}]"#),
            "a.b: numeric takes numbers from -5e9 to 5e9".into(),
        ),
        (
            r#"{"$or": [{"a": [1]}]}"#.into(),
            "$or: must have two patterns or more".into(),
        ),
        (
            r#"{"$or": {"a": [1]}}"#.into(),
            "$or: must be a list of patterns".into(),
        ),
        (
            "x".repeat(4097),
            "it has 4097 characters, 4096 are allowed".into(),
        ),
    ] {
        let error = Filter::from_patterns([pattern.as_str()]).unwrap_err();
        assert_eq!(error.to_string(), format!("filter {pattern}: {reason}"));
    }
    let error = Filter::from_patterns(["not json"]).unwrap_err().to_string();
    assert!(
        error.starts_with("filter not json: it is no JSON: "),
        "{error}"
    );
    let eleven = [r#"{"a": [1]}"#; 11];
    let error = Filter::from_patterns(eleven).unwrap_err().to_string();
    assert_eq!(error, "FilterCriteria must have 0 to 10 filters, not 11");
}
