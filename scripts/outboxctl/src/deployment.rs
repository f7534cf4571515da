//! The deployed stack of an outbox, by its outputs.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::{
    error::ProvideErrorMetadata,
    types::{Stack, Tag},
};

use outbox::relay::Order;

use crate::{
    account::Account,
    arguments::Arguments,
    call_failure::call_failed,
    environment::Environment,
    error::Error,
    purpose::{PURPOSE_TAG, Purpose},
};

/// The service whose stacks `--env` names: `orders-dev`, `orders-prod`.
const SERVICE: &str = "orders";

/// A stack with an outbox, and the names of its resources.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    pub(crate) stack: String,
    pub(crate) account: Account,
    /// Whether it is deployed to the emulator on this machine.
    pub(crate) is_local: bool,
    /// Whether it is that of the orders service.
    pub(crate) is_of_orders: bool,
    /// What the stack is for, which decides whether a change of it must be confirmed.
    pub(crate) purpose: Purpose,
    pub(crate) outbox_table: String,
    pub(crate) event_bus: String,
    /// The sources that may be published; `None` for a stack of an older construct.
    pub(crate) event_sources: Option<Vec<String>>,
    /// Whether the outbox keeps order.
    pub(crate) order: Order,
    pub(crate) dead_letter_queue_url: String,
    /// The UUID of the event source mapping.
    pub(crate) stream_mapping: String,
    /// The EventBridge rule that starts the sweeper.
    pub(crate) sweep_schedule: String,
}

impl Deployment {
    /// Finds the stack and reads its outputs.
    ///
    /// # Errors
    ///
    /// If there is no such stack, or it lacks an output.
    pub(crate) async fn find(config: &SdkConfig, arguments: &Arguments) -> Result<Self, Error> {
        let name = stack_name(arguments);
        let (account, stack) = tokio::try_join!(Account::of(config), describe(config, &name))?;
        let stack = stack.ok_or_else(|| Error::NoStack {
            stack: name.clone(),
            account: account.id.clone(),
            region: account.region.clone(),
            is_local: arguments.env == Some(Environment::Local),
        })?;
        let outputs: HashMap<&str, &str> = stack
            .outputs()
            .iter()
            .filter_map(|output| Some((output.output_key()?, output.output_value()?)))
            .collect();
        let output = |output: &'static str| {
            let value = outputs.get(output).map(|value| (*value).to_owned());
            value.ok_or_else(|| Error::NoOutput {
                stack: name.clone(),
                output,
            })
        };
        let tags = stack.tags().iter();
        let tag = tags
            .filter(|tag| tag.key() == Some(PURPOSE_TAG))
            .find_map(Tag::value);
        Ok(Self {
            account,
            is_local: arguments.env == Some(Environment::Local),
            is_of_orders: arguments
                .env
                .is_some_and(|env| name == stack_of_orders(env)),
            purpose: Purpose::of(arguments.env, tag),
            outbox_table: output("OutboxTableName")?,
            event_bus: output("EventBusName")?,
            event_sources: outputs
                .get("EventSources")
                .map(|sources| sources.split(',').map(str::to_owned).collect()),
            order: order(outputs.get("EventOrder").copied(), &name)?,
            dead_letter_queue_url: output("DeadLetterQueueUrl")?,
            stream_mapping: output("StreamMappingId")?,
            sweep_schedule: output("SweepScheduleName")?,
            stack: name.clone(),
        })
    }
}

/// Returns the order that a stack's outbox keeps. Stacks of older versions don't say it.
fn order(output: Option<&str>, stack: &str) -> Result<Order, Error> {
    let Some(output) = output else {
        return Ok(Order::default());
    };
    output.parse().map_err(|error| Error::InvalidOutput {
        stack: stack.to_owned(),
        output: "EventOrder",
        problem: format!("{error}"),
    })
}

fn stack_of_orders(environment: Environment) -> String {
    format!("{SERVICE}-{}", environment.name())
}

fn stack_name(arguments: &Arguments) -> String {
    match (&arguments.stack, arguments.env) {
        (Some(stack), _) => stack.clone(),
        (None, Some(environment)) => stack_of_orders(environment),
        // The command line has one of them.
        (None, None) => String::new(),
    }
}

async fn describe(config: &SdkConfig, name: &str) -> Result<Option<Stack>, Error> {
    let described = aws_sdk_cloudformation::Client::new(config)
        .describe_stacks()
        .stack_name(name)
        .send()
        .await;
    match described {
        Ok(described) => Ok(described.stacks.unwrap_or_default().into_iter().next()),
        // CloudFormation reports a missing stack as a ValidationError.
        Err(error)
            if error.code() == Some("ValidationError")
                && error
                    .message()
                    .is_some_and(|message| message.contains("does not exist")) =>
        {
            Ok(None)
        }
        Err(error) => Err(call_failed(format!("DescribeStacks {name}"))(error)),
    }
}
