//! The journal and its read models in PostgreSQL.

pub mod embedded;
