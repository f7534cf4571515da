mod commit;
mod errors;
mod fixture;
mod identity;
mod limits;
mod numbers;
mod read_back;
mod values;

pub(crate) use fixture::renamed;
