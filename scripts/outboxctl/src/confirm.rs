//! The confirmation before a change.

use std::io::{IsTerminal, stdin};

use console::Style;
use dialoguer::Confirm;

use crate::{
    deployment::Deployment, error::Error, operator::Operator, purpose::Purpose, terminal::Terminal,
    text::Text,
};

/// Prints which stack is about to be changed and by which caller, and asks for confirmation
/// unless the stack is known to be for development.
///
/// # Errors
///
/// If the operator doesn't confirm, or can't be asked.
pub(crate) fn confirm_change(
    deployment: &Deployment,
    terminal: &Terminal,
    is_confirmed_already: bool,
) -> Result<(), Error> {
    let account = &deployment.account;
    let mut line = Text::new();
    line.add_beginning_with(
        &Style::new().for_stderr().bold(),
        &deployment.stack,
        format_args!(
            " in account {}, Region {}, as {}",
            account.id, account.region, account.caller
        ),
    );
    terminal.note(line);
    if deployment.purpose == Purpose::Development || is_confirmed_already {
        return Ok(());
    }
    // Without a terminal, or with JSON output, there is no operator to ask.
    let is_terminal = stdin().is_terminal() && console::user_attended_stderr();
    if !is_terminal || !terminal.is_for_people {
        return Err(Error::NotConfirmed {
            stack: deployment.stack.clone(),
            purpose: deployment.purpose.clone(),
        });
    }
    terminal.note(Text::line(format_args!(
        "this changes {}: {}",
        deployment.stack, deployment.purpose
    )));
    if is_confirmed()? {
        Ok(())
    } else {
        Err(Error::Declined)
    }
}

fn is_confirmed() -> Result<bool, Error> {
    // dialoguer writes the prompt itself, so there are no names in it.
    let asked = Confirm::new()
        .with_prompt("Continue?")
        .default(false)
        .interact();
    asked.map_err(|error| match error {
        dialoguer::Error::IO(error) => Error::io("asking")(error),
    })
}
