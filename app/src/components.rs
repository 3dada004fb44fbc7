//! What islands are made of, one component a file; its style sheet in style/ has the same name.

mod announcer;
mod attempts;
mod bar;
mod chip;
mod copy;
mod eta;
mod failure;
mod field;
mod glyph;
mod liveness;
mod machine;
mod note;
mod stepper;
mod summary_of_errors;
mod template_choice;
mod undo;
mod waiting;

pub(crate) use announcer::Announcer;
pub(crate) use attempts::Attempts;
pub(crate) use bar::Bar;
pub(crate) use chip::Chip;
pub(crate) use copy::Copy;
pub(crate) use eta::Eta;
pub(crate) use failure::FailureStory;
pub(crate) use field::Field;
pub(crate) use glyph::Glyph;
pub(crate) use liveness::Liveness;
pub(crate) use machine::Machine;
pub(crate) use note::Note;
pub(crate) use stepper::Stepper;
pub(crate) use summary_of_errors::SummaryOfErrors;
pub(crate) use template_choice::TemplateChoice;
pub(crate) use undo::Undo;
pub(crate) use waiting::{SlowNote, WaitingNote};
