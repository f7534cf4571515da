mod adapters;
mod letters;
mod parked_rows;
mod run;
mod trimmed;
mod world;
