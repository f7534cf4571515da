//! The source of the time.

use jiff::Timestamp;

/// The source of the time, so that tests and simulations can control it. `Outbox::with_clock`
/// and `Inbox::with_clock` take one.
///
/// ```
/// use jiff::Timestamp;
/// use outbox::Clock;
///
/// /// A clock that stands still.
/// struct Stopped(Timestamp);
///
/// impl Clock for Stopped {
///     fn now(&self) -> Timestamp {
///         self.0
///     }
/// }
///
/// let nine: Timestamp = "2026-11-24T09:00:00Z".parse()?;
/// assert_eq!(Stopped(nine).now(), nine);
/// # Ok::<(), jiff::Error>(())
/// ```
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
}

/// The machine's clock, the default everywhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
