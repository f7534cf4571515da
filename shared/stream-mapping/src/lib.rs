//! stream-mapping
