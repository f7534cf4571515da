//! The confirmation before a change.

use std::io::{IsTerminal, stdin};

use console::style;
use dialoguer::Confirm;

use crate::{context::Context, deployment::Deployment, error::Error};

/// Prints which stack is about to be changed and by which caller, and asks for
/// confirmation if it is prod.
///
/// # Errors
///
/// If the operator doesn't confirm, or can't be asked.
pub(crate) fn confirm_change(context: &Context<'_>) -> Result<(), Error> {
    let deployment = context.deployment;
    let account = &deployment.account;
    context.note(format_args!(
        "{} in account {}, Region {}, as {}",
        style(&deployment.stack).for_stderr().bold(),
        account.id,
        account.region,
        account.caller
    ));
    // Without a terminal, or with JSON output, there is no operator to ask.
    let is_terminal = stdin().is_terminal() && console::user_attended_stderr();
    confirm(
        deployment,
        context.arguments.yes,
        is_terminal && context.is_for_people(),
    )
}

fn confirm(deployment: &Deployment, yes: bool, can_ask: bool) -> Result<(), Error> {
    if !deployment.is_prod || yes {
        return Ok(());
    }
    if !can_ask {
        return Err(Error::NotConfirmed("a change of prod must be confirmed"));
    }
    let agreed = Confirm::new()
        .with_prompt("This is prod. Continue?")
        .default(false)
        .interact()
        .map_err(|error| match error {
            dialoguer::Error::IO(error) => Error::io("asking")(error),
        })?;
    if agreed {
        Ok(())
    } else {
        Err(Error::NotConfirmed("not confirmed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;

    #[test]
    fn prod_is_changed_only_after_confirmation() {
        let deployment = |is_prod| Deployment {
            stack: "orders-1".into(),
            account: Account {
                id: "123456789012".into(),
                caller: "arn:aws:iam::123456789012:user/ada".into(),
                region: "eu-central-1".into(),
            },
            is_local: false,
            is_prod,
            outbox_table: String::new(),
            event_bus: String::new(),
            dead_letter_queue_url: String::new(),
            stream_mapping: String::new(),
            sweep_schedule: String::new(),
        };
        let can_ask = false;
        assert!(confirm(&deployment(false), false, can_ask).is_ok());
        assert!(confirm(&deployment(true), true, can_ask).is_ok());
        let refused = confirm(&deployment(true), false, can_ask);
        assert!(matches!(refused, Err(Error::NotConfirmed(_))));
    }
}
