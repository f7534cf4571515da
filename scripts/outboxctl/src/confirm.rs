//! Before anything is changed.

use std::io::{IsTerminal, stdin};

use console::style;
use dialoguer::Confirm;

use crate::{deployment::Deployment, error::Error};

/// Says what is about to be changed, by whom; asks if it is prod.
pub(crate) fn confirm_change(deployment: &Deployment, yes: bool) -> Result<(), Error> {
    let account = &deployment.account;
    eprintln!(
        "{} in account {}, Region {}, as {}",
        style(&deployment.stack).for_stderr().bold(),
        account.id,
        account.region,
        account.caller
    );
    if !deployment.is_prod || yes {
        return Ok(());
    }
    if !stdin().is_terminal() || !console::user_attended_stderr() {
        return Err(Error::NotConfirmed(
            "prod is changed only if somebody agrees",
        ));
    }
    let agreed = Confirm::new()
        .with_prompt("This is prod. Go on?")
        .default(false)
        .interact()
        .map_err(|error| match error {
            dialoguer::Error::IO(error) => Error::io("asking")(error),
        })?;
    if agreed {
        Ok(())
    } else {
        Err(Error::NotConfirmed("not agreed"))
    }
}
