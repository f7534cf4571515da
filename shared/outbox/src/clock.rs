use jiff::Timestamp;

/// Where the time comes from, so that tests and simulations can bring their
/// own.
pub trait Clock: Send + Sync {
    /// The time it is.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
