mod commit;
mod errors;
mod fixture;
mod limits;

pub(crate) use fixture::renamed;
