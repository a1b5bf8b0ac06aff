//! The console in the browser: files that were built from `web/` and are part of the program, served from memory.
//! No decision is taken here and nothing is read from a request but its method, its path and what it accepts;
//! whoever opens a page sees an empty frame, which asks the API as the person who is logged in.

mod embedded;
mod file;
mod negotiate;
mod pages;
mod policy;
mod site;

pub use pages::Pages;
pub use site::Site;
