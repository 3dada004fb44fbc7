//! The pages, one a file.
//!
//! Each loads its data through [`crate::data::Loaded`]: by the server's `Backend` while it renders, from
//! what the server sent along while the browser hydrates.

mod history;
mod new_request;
mod not_found;
mod problem;
mod request;
mod requests;

pub(crate) use history::HistoryPage;
pub(crate) use new_request::NewRequestPage;
pub(crate) use not_found::NotFoundPage;
pub(crate) use problem::ProblemPage;
pub(crate) use request::RequestPage;
pub(crate) use requests::RequestsPage;
