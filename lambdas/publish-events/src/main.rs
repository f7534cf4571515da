//! publish-events
fn main() {}
