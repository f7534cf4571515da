//! A bus that rejects events, for the demos.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    error::Error,
    faults::{Fault, Kind},
    stack::Stack,
};

/// How long the relay may take to call the bus.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes every call of the bus fail from now on.
pub(crate) fn start(stack: &Stack, kind: Kind) -> Result<(), Error> {
    stack.faults.rules().add(Fault {
        action: "PutEvents".to_owned(),
        kind,
        probability: 1.0,
        count: None,
    })?;
    Ok(())
}

/// Ends all faults.
pub(crate) fn end(stack: &Stack) {
    stack.faults.rules().clear(None);
    println!("the bus is fixed");
}

/// Waits until the relay has called the broken bus.
pub(crate) async fn until_called(stack: &Stack) -> Result<(), Error> {
    let give_up_at = Instant::now() + PATIENCE;
    let was_called = || stack.faults.rules().list().iter().any(|f| f.hits > 0);
    while !was_called() {
        if Instant::now() > give_up_at {
            return Err(Error::BusNotCalled);
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
