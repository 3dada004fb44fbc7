//! What a browser takes over: the only code of the page that is downloaded.
//!
//! An island's props are sent along with the page, and its first client render equals the server's.

mod board;
mod moment;
mod replay;
mod request_form;
mod watched;

pub(crate) use board::Board;
pub(crate) use moment::Moment;
pub(crate) use replay::Replay;
pub(crate) use request_form::RequestForm;
pub(crate) use watched::Watched;
