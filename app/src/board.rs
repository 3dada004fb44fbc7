//! What the list of requests knows, kept true by the board's stream.
//!
//! [`List`] starts as what the server rendered and takes every event by one pure function, [`RowView`] is
//! what a row says at a moment: both can be tested without a browser. The browser's side is thin:
//! `connection` owns the `EventSource`, `live` the signals. Events are taken once per frame of the screen,
//! and only the rows that have changed are drawn again.

#[cfg(feature = "hydrate")]
mod connection;
mod list;
mod live;
mod view;

#[cfg(feature = "hydrate")]
pub(crate) use connection::{Screen, keep_true};
#[cfg(feature = "hydrate")]
pub(crate) use list::Taken;
pub(crate) use list::{List, ROWS_MAX};
pub(crate) use live::LiveBoard;
pub(crate) use view::{RowView, When};

use crate::{backend::ListQuery, words};

/// What is asked for, as it stands in an address: `status=ready&after=...`.
pub(crate) fn in_address(query: &ListQuery, after: Option<&str>) -> String {
    let pairs: Vec<_> = [
        ("status", query.status.map(crate::api::Status::as_str)),
        ("template", query.template.as_deref()),
        ("owner", query.owner.as_deref()),
        ("q", query.q.as_deref()),
        ("after", after),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(format!("{name}={}", words::in_query(value?))))
    .collect();
    pairs.join("&")
}

/// The address of a page of the list.
pub(crate) fn address(query: &ListQuery, after: Option<&str>) -> String {
    let pairs = in_address(query, after);
    if pairs.is_empty() { "/".to_owned() } else { format!("/?{pairs}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Status;

    #[test]
    fn the_next_page_keeps_what_was_asked_for() {
        let query = ListQuery {
            status: Some(Status::NeedsAttention),
            q: Some("a b".to_owned()),
            ..ListQuery::default()
        };
        assert_eq!(address(&query, Some("x=")), "/?status=needs_attention&q=a%20b&after=x%3D");
        assert_eq!(address(&ListQuery::default(), None), "/");
    }
}
