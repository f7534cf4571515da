mod commit;
mod errors;
mod fixture;
mod limits;
