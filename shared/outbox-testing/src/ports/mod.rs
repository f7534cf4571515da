//! The traits of the library, implemented by the services in memory.

mod bus;
mod dead_letters;
mod items;
mod parked_rows;
mod stream;
mod table;
mod transactions;
