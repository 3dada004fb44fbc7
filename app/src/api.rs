//! What the server says to the world, as types: shared by server, page and tests.
//!
//! These are the bodies of the documented routes and nothing else: camelCase fields, RFC 3339 times
//! in UTC with milliseconds, durations in whole milliseconds. There is no logic here and no `cfg`, so
//! server and page can never disagree about a field.

mod problem;
mod progress;
mod request;
mod stream;
mod time;

pub use problem::{FieldError, Problem};
pub use progress::{
    Attempt, Basis, Estimate, Failure, Interruption, Late, Progress, Stage, StageProgress,
    StageState, Status, Try, UndoState, UndoStep, Waiting, WaitingFor,
};
pub use request::{
    CreateRequest, HistoryItem, Items, Links, Network, Request, Template, VirtualMachine,
};
pub use stream::{BoardEvent, BoardPing, Degraded, Live, Ping, Reset, Slow, StageEvent};
pub use time::Timestamp;
