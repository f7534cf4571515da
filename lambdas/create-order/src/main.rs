//! create-order
fn main() {}
