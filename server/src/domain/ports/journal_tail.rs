//! journal_tail.
