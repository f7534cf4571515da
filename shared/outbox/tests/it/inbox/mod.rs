mod once;
mod refused;
mod trouble;
mod world;
