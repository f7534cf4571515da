//! What functions may do and what they do, in the same words.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    process::Command,
};

use devstack::{Call, Deployment};
use serde::Deserialize;
use serde_json::Value;

use crate::{scripts, text};

/// An action on a resource, which goes by the output of the stack that names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Right {
    pub(crate) action: String,
    pub(crate) on: String,
}

/// Rights of functions, by the names of their crates.
pub(crate) type Rights = BTreeMap<String, BTreeSet<Right>>;

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.action, self.on)
    }
}

/// What each function may do itself, by the template it was deployed from.
pub(crate) fn granted(deployment: &Deployment) -> Rights {
    #[derive(Deserialize)]
    struct Granted {
        function: BTreeSet<Right>,
    }
    let infra = scripts().join("../infra");
    let output = Command::new(infra.join("node_modules/.bin/tsx"))
        .arg("test/print-granted-actions.ts")
        .arg(&deployment.template)
        .current_dir(&infra)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let granted: BTreeMap<String, Granted> = serde_json::from_slice(&output.stdout).unwrap();
    granted
        .into_iter()
        .map(|(function, granted)| (function, granted.function))
        .collect()
}

/// What a call takes.
pub(crate) fn taken_by(call: &Call, deployment: &Deployment) -> Vec<Right> {
    let caller = call.caller.as_deref().unwrap_or("somebody");
    let request: Value = serde_json::from_slice(&call.request)
        .unwrap_or_else(|error| panic!("{caller} calls {} with no JSON: {error}", call.action));
    let taken = actions(&call.action, &request)
        .unwrap_or_else(|what| panic!("what {caller} needs for {what} is not known: say it here"));
    let right = |(action, resource): (String, String)| Right {
        action,
        on: output_of(&resource, deployment),
    };
    taken.into_iter().map(right).collect()
}

/// Actions as IAM knows them, each with the resource as the request names it; what
/// is unknown, if it is.
fn actions(operation: &str, request: &Value) -> Result<Vec<(String, String)>, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |name: &str| request[name].as_array().cloned().unwrap_or_default();
    let keys = |of: &Value| -> Vec<String> {
        let of = of.as_object().into_iter();
        of.flat_map(|object| object.keys().cloned()).collect()
    };
    let taken = match operation {
        "GetItem" | "PutItem" | "UpdateItem" | "DeleteItem" | "Query" | "Scan" => {
            vec![(format!("dynamodb:{operation}"), text(&request["TableName"]))]
        }
        "BatchGetItem" | "BatchWriteItem" => keys(&request["RequestItems"])
            .into_iter()
            .map(|table| (format!("dynamodb:{operation}"), table))
            .collect(),
        // A transaction needs the rights of the writes in it.
        "TransactWriteItems" => {
            let mut taken = Vec::new();
            for item in list("TransactItems") {
                for write in keys(&item) {
                    let action = match write.as_str() {
                        "Put" | "Update" | "Delete" | "ConditionCheck" => {
                            format!("dynamodb:{write}Item")
                        }
                        _ => return Err(format!("{write} in {operation}")),
                    };
                    taken.push((action, text(&item[&write]["TableName"])));
                }
            }
            taken
        }
        "DescribeEventBus" => vec![(format!("events:{operation}"), text(&request["Name"]))],
        "PutEvents" => list("Entries")
            .iter()
            .map(|entry| (format!("events:{operation}"), text(&entry["EventBusName"])))
            .collect(),
        "SendMessage" => vec![(format!("sqs:{operation}"), text(&request["QueueUrl"]))],
        _ => return Err(operation.to_owned()),
    };
    Ok(taken)
}

fn output_of(resource: &str, deployment: &Deployment) -> String {
    let outputs = [
        ("OrdersTableName", &deployment.orders_table),
        ("OutboxTableName", &deployment.outbox_table),
        ("ShipmentsTableName", &deployment.shipments_table),
        ("EventBusName", &deployment.event_bus),
        ("DeadLetterQueueUrl", &deployment.dead_letter_queue_url),
    ];
    let named = outputs.into_iter().find(|(_, value)| *value == resource);
    named.map_or(resource, |(output, _)| output).to_owned()
}

/// What is granted and not used, and what is used and not granted.
pub(crate) fn differences(granted: &Rights, used: &Rights) -> Vec<String> {
    let none = BTreeSet::new();
    let functions: BTreeSet<&String> = granted.keys().chain(used.keys()).collect();
    let mut differences = Vec::new();
    for function in functions {
        let granted = granted.get(function).unwrap_or(&none);
        let used = used.get(function).unwrap_or(&none);
        for right in granted.difference(used) {
            differences.push(format!("{function} may {right}, and never does"));
        }
        for right in used.difference(granted) {
            differences.push(format!("{function} does {right}, and may not"));
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_takes_rights_on_everything_it_names() {
        let table = |name: &str| json!({"TableName": name});
        for (operation, request, expected) in [
            ("Scan", table("a"), vec![("dynamodb:Scan", "a")]),
            (
                "BatchGetItem",
                json!({"RequestItems": {"a": {}, "b": {}}}),
                vec![
                    ("dynamodb:BatchGetItem", "a"),
                    ("dynamodb:BatchGetItem", "b"),
                ],
            ),
            (
                "TransactWriteItems",
                json!({"TransactItems": [
                    {"Put": table("a")}, {"ConditionCheck": table("b")}, {"Delete": table("c")},
                ]}),
                vec![
                    ("dynamodb:PutItem", "a"),
                    ("dynamodb:ConditionCheckItem", "b"),
                    ("dynamodb:DeleteItem", "c"),
                ],
            ),
            (
                "PutEvents",
                json!({"Entries": [{"EventBusName": "a"}, {"EventBusName": "b"}]}),
                vec![("events:PutEvents", "a"), ("events:PutEvents", "b")],
            ),
        ] {
            let expected = expected
                .into_iter()
                .map(|(action, on)| (action.to_owned(), on.to_owned()));
            assert_eq!(actions(operation, &request), Ok(expected.collect()));
        }
        assert_eq!(
            actions("CreateTable", &json!({})),
            Err("CreateTable".to_owned())
        );
    }

    #[test]
    fn rights_differ_in_both_directions() {
        let rights = |function: &str, actions: &[&str]| {
            let right = |action: &&str| Right {
                action: (*action).to_owned(),
                on: "Table".to_owned(),
            };
            Rights::from([(function.to_owned(), actions.iter().map(right).collect())])
        };
        let granted = rights("get-order", &["GetItem", "Scan"]);
        assert_eq!(differences(&granted, &granted), Vec::<String>::new());
        assert_eq!(
            differences(&granted, &rights("get-order", &["GetItem", "PutItem"])),
            [
                "get-order may Scan on Table, and never does",
                "get-order does PutItem on Table, and may not",
            ]
        );
        assert_eq!(
            differences(&Rights::new(), &rights("get-order", &["GetItem"])),
            ["get-order does GetItem on Table, and may not"]
        );
    }
}
