//! The console: who may use it, what its pages contain, and what its actions do.

mod access;
mod actions;
mod browser;
mod pages;
