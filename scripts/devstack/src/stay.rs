//! Keeps the stack of a demo running.

use std::pin::pin;

use tokio::sync::oneshot;

use crate::{error::Error, mappings::Mappings, stack::Stack, subscriber::Subscriber};

/// Keeps the stack running until Enter is pressed.
///
/// # Errors
///
/// If a part of it ends.
pub(crate) async fn stay(
    stack: &Stack,
    subscriber: &mut Subscriber,
    mappings: &mut Mappings,
) -> Result<(), Error> {
    println!("\nThe stack and its console stay until you press Enter.");
    let mut enter = pin!(enter());
    loop {
        tokio::select! {
            () = &mut enter => return Ok(()),
            received = receive(subscriber, stack) => received?,
            () = mappings.ended() => return Err(Error::Mapping("it has ended".to_owned())),
        }
    }
}

/// Receives what the bus has delivered.
pub(crate) async fn receive(subscriber: &mut Subscriber, stack: &Stack) -> Result<(), Error> {
    for event in subscriber.receive().await? {
        stack.delivered(&event);
    }
    Ok(())
}

/// Waits until Enter is pressed, or standard input ends. In a thread of its own: the runtime
/// would wait for a read of its own when the demo is interrupted.
async fn enter() {
    let (sender, pressed) = oneshot::channel();
    std::thread::spawn(move || {
        let read = std::io::stdin().read_line(&mut String::new());
        // The demo may have been interrupted.
        let _ = sender.send(read);
    });
    let _ = pressed.await;
}
