//! The permissions that functions have and those that their calls need, in comparable form.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    process::Command,
};

use devstack::{Call, Deployment};
use serde::Deserialize;
use serde_json::Value;

use crate::{scripts, text};

/// An action on a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Permission {
    pub(crate) action: String,
    /// The output of the stack with the resource's name.
    pub(crate) on: String,
}

/// Permissions of functions, by the names of their crates.
pub(crate) type Permissions = BTreeMap<String, BTreeSet<Permission>>;

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.action, self.on)
    }
}

/// Returns the permissions of each function's own role, from the deployed template.
pub(crate) fn granted(deployment: &Deployment) -> Permissions {
    #[derive(Deserialize)]
    struct Granted {
        function: BTreeSet<Permission>,
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

/// Returns the permissions that a call needs.
pub(crate) fn needed_by(call: &Call, deployment: &Deployment) -> Vec<Permission> {
    let caller = call.caller.as_deref().unwrap_or("an unknown caller");
    let request: Value = serde_json::from_slice(&call.request)
        .unwrap_or_else(|error| panic!("{caller} calls {} with no JSON: {error}", call.action));
    let needed = actions(&call.action, &request).unwrap_or_else(|what| {
        panic!("add the permissions that {caller} needs for {what} to this test")
    });
    let permission = |(action, resource): (String, String)| Permission {
        action,
        on: output_of(&resource, deployment),
    };
    needed.into_iter().map(permission).collect()
}

/// Returns the IAM actions of an operation, each with the resource in the request; as an
/// error, the operation that is unknown.
fn actions(operation: &str, request: &Value) -> Result<Vec<(String, String)>, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |name: &str| request[name].as_array().cloned().unwrap_or_default();
    let keys = |of: &Value| -> Vec<String> {
        let of = of.as_object().into_iter();
        of.flat_map(|object| object.keys().cloned()).collect()
    };
    let needed = match operation {
        "GetItem" | "PutItem" | "UpdateItem" | "DeleteItem" | "Query" | "Scan" => {
            vec![(format!("dynamodb:{operation}"), text(&request["TableName"]))]
        }
        "BatchGetItem" | "BatchWriteItem" => keys(&request["RequestItems"])
            .into_iter()
            .map(|table| (format!("dynamodb:{operation}"), table))
            .collect(),
        // A transaction needs the permissions of its writes.
        "TransactWriteItems" => {
            let mut needed = Vec::new();
            for item in list("TransactItems") {
                for write in keys(&item) {
                    let action = match write.as_str() {
                        "Put" | "Update" | "Delete" | "ConditionCheck" => {
                            format!("dynamodb:{write}Item")
                        }
                        _ => return Err(format!("{write} in {operation}")),
                    };
                    needed.push((action, text(&item[&write]["TableName"])));
                }
            }
            needed
        }
        "DescribeEventBus" => vec![(format!("events:{operation}"), text(&request["Name"]))],
        "PutEvents" => list("Entries")
            .iter()
            .map(|entry| (format!("events:{operation}"), text(&entry["EventBusName"])))
            .collect(),
        "SendMessage" => vec![(format!("sqs:{operation}"), text(&request["QueueUrl"]))],
        _ => return Err(operation.to_owned()),
    };
    Ok(needed)
}

fn output_of(resource: &str, deployment: &Deployment) -> String {
    let mut outputs = [
        "OrdersTableName",
        "OutboxTableName",
        "ShipmentsTableName",
        "EventBusName",
        "DeadLetterQueueUrl",
        "ShippingDeadLetterQueueUrl",
    ]
    .into_iter();
    let output = outputs.find(|output| deployment.output(output).unwrap() == resource);
    output.unwrap_or(resource).to_owned()
}

/// Returns permissions that are granted but not used, or used but not granted.
pub(crate) fn differences(granted: &Permissions, used: &Permissions) -> Vec<String> {
    let none = BTreeSet::new();
    let functions: BTreeSet<&String> = granted.keys().chain(used.keys()).collect();
    let mut differences = Vec::new();
    for function in functions {
        let granted = granted.get(function).unwrap_or(&none);
        let used = used.get(function).unwrap_or(&none);
        for permission in granted.difference(used) {
            differences.push(format!("{function} may {permission}, but never does"));
        }
        for permission in used.difference(granted) {
            differences.push(format!("{function} does {permission}, but may not"));
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_needs_permissions_on_every_resource_it_names() {
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
    fn permissions_differ_in_both_directions() {
        let permissions = |function: &str, actions: &[&str]| {
            let permission = |action: &&str| Permission {
                action: (*action).to_owned(),
                on: "Table".to_owned(),
            };
            Permissions::from([(
                function.to_owned(),
                actions.iter().map(permission).collect(),
            )])
        };
        let granted = permissions("get-order", &["GetItem", "Scan"]);
        assert_eq!(differences(&granted, &granted), Vec::<String>::new());
        assert_eq!(
            differences(&granted, &permissions("get-order", &["GetItem", "PutItem"])),
            [
                "get-order may Scan on Table, but never does",
                "get-order does PutItem on Table, but may not",
            ]
        );
        assert_eq!(
            differences(&Permissions::new(), &permissions("get-order", &["GetItem"])),
            ["get-order does GetItem on Table, but may not"]
        );
    }
}
