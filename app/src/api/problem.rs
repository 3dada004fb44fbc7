//! Errors, as RFC 9457 problem details.

use serde::{Deserialize, Serialize};

/// The body of every error below `/api` (`application/problem+json`, RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// A stable URI that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in a few words; the same for every problem of one kind.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time and what to do about it, for a person.
    pub detail: String,
    /// The id of the HTTP request, for support; it is also in the `X-Request-Id` header.
    pub request_id: String,
    /// Every wrong field of a bad body or query; absent for other problems.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The field's name as in the JSON body, with dots for nesting: `network.ipAddress`.
    pub field: String,
    /// What is wrong with it, for a person.
    pub message: String,
}
