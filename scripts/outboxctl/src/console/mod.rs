//! `console`: a page on loopback that shows the pipeline and fixes what is stuck.
//!
//! | module | what |
//! |---|---|
//! | `server` | listens, and opens the browser |
//! | `access`, `headers` | who may use it, and what its pages may do |
//! | `live` | reads AWS while a page is open, and sends what has changed |
//! | `pages` | the pages, each with its routes |
//! | `tasks` | actions that run on when the page is closed |
//! | `view`, `markup` | parts that pages share, and how they are rendered |
//! | `local` | what only the local stack knows |

mod access;
mod app;
mod assets;
mod headers;
mod live;
mod local;
mod markup;
mod options;
mod pages;
mod problem;
mod search;
mod server;
mod tasks;
mod view;

pub(crate) use self::{
    options::{ConsoleOptions, HELP},
    server::serve,
};
