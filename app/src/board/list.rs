//! The rows of the list, newest first: a pure fold of what the server said.
//!
//! Three things hold: an event is taken once and in order, whatever a connection repeats; a row that is
//! shown stays where it is, also when it is not any more what was asked for; and what is new waits until
//! it may be shown, so that nothing moves under a person who reads.

use std::{cmp::Reverse, collections::BTreeMap};

use uuid::Uuid;

use crate::{
    api::Status,
    backend::{BoardPage, ListQuery, ListedRequest},
};

/// Rows that a page shows at most; then there is the next page.
pub(crate) const ROWS_MAX: usize = 5_000;
/// Requests that wait to be shown; of more, the list is rather loaded again.
const WAITING_MAX: usize = 200;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// A row has changed.
    Changed,
    /// It is of a request that waits to be shown.
    Waits,
    /// It is of a request that belongs elsewhere.
    Elsewhere,
    /// It was known already.
    Known,
}

/// Newest first: the ids of requests grow with time.
type Rows = BTreeMap<Reverse<Uuid>, ListedRequest>;

/// The list.
#[derive(Debug, Clone)]
pub(crate) struct List {
    query: ListQuery,
    rows: Rows,
    waiting: Rows,
    /// More are waiting than are kept.
    has_more_waiting: bool,
    /// The last row that the server knows of this page, if there is a next one.
    next: Option<String>,
    /// As many rows as a person has asked to see.
    capacity: usize,
}

impl List {
    /// The list as the server rendered it.
    pub(crate) fn new(query: ListQuery, page: &BoardPage) -> Self {
        let mut list = Self {
            query,
            rows: Rows::new(),
            waiting: Rows::new(),
            has_more_waiting: false,
            next: None,
            capacity: 0,
        };
        list.replace(page.clone());
        list
    }

    /// What is asked for.
    pub(crate) fn query(&self) -> &ListQuery {
        &self.query
    }

    /// The ids of the rows, in their order.
    pub(crate) fn order(&self) -> Vec<Uuid> {
        self.rows.keys().map(|id| id.0).collect()
    }

    /// One row.
    pub(crate) fn row(&self, id: Uuid) -> Option<&ListedRequest> {
        self.rows.get(&Reverse(id))
    }

    /// Whether a request is shown, or waits to be.
    pub(crate) fn knows(&self, id: Uuid) -> bool {
        self.rows.contains_key(&Reverse(id)) || self.waiting.contains_key(&Reverse(id))
    }

    /// The rows of requests that have not ended: those change with time.
    pub(crate) fn living(&self) -> impl Iterator<Item = Uuid> {
        let rows = self.rows.values().filter(|row| !row.progress.status.has_ended());
        rows.map(|row| row.request.id)
    }

    /// Of so many rows after the first `above` those of requests that wait for their turn.
    pub(crate) fn queued(&self, above: usize, count: usize) -> impl Iterator<Item = Uuid> {
        let rows = self.rows.values().skip(above).take(count);
        let queued = rows.filter(|row| row.progress.status == Status::Queued);
        queued.map(|row| row.request.id)
    }

    /// How many requests wait to be shown, and whether there are even more.
    pub(crate) fn waiting(&self) -> (usize, bool) {
        (self.waiting.len(), self.has_more_waiting)
    }

    /// What to give as `after` for the next page.
    pub(crate) fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// Takes what is now known of a request.
    pub(crate) fn take(&mut self, listed: ListedRequest) -> Taken {
        let id = Reverse(listed.request.id);
        for (rows, taken) in [(&mut self.rows, Taken::Changed), (&mut self.waiting, Taken::Waits)] {
            if let Some(row) = rows.get_mut(&id) {
                let is_known = listed.progress.seq <= row.progress.seq;
                if is_known && !is_newer_wait(row, &listed) {
                    return Taken::Known;
                }
                *row = listed;
                return taken;
            }
        }
        if !self.belongs_here(&listed) {
            return Taken::Elsewhere;
        }
        if self.waiting.len() >= WAITING_MAX {
            self.has_more_waiting = true;
        } else {
            self.waiting.insert(id, listed);
        }
        Taken::Waits
    }

    /// Shows what waits. Of a full page the oldest rows go to the next one.
    pub(crate) fn show_waiting(&mut self) {
        self.rows.append(&mut self.waiting);
        while self.rows.len() > self.capacity.max(1) {
            self.rows.pop_last();
            self.next = self.rows.last_key_value().map(|(id, _)| id.0.to_string());
        }
    }

    /// Adds the page after this one.
    pub(crate) fn add(&mut self, page: BoardPage) {
        self.next = page.next;
        for listed in page.rows {
            let id = Reverse(listed.request.id);
            let newer = self.rows.get(&id).is_none_or(|row| row.progress.seq < listed.progress.seq);
            if newer {
                self.rows.insert(id, listed);
            }
        }
        self.capacity = self.capacity.max(self.rows.len());
    }

    /// Begins anew with this page.
    pub(crate) fn replace(&mut self, page: BoardPage) {
        self.rows.clear();
        self.waiting.clear();
        self.has_more_waiting = false;
        // A page that is not full takes as many as one that is.
        self.capacity = if page.next.is_some() { 0 } else { ROWS_MAX };
        self.add(page);
    }

    /// Whether a request that has no row here is to have one: it is like what is asked for, and newer than
    /// what the next page begins with.
    fn belongs_here(&self, listed: &ListedRequest) -> bool {
        let ListQuery { status, template, owner, q, after } = &self.query;
        let request = &listed.request;
        let is_wanted = status.is_none_or(|status| status == request.status)
            && template.as_ref().is_none_or(|template| *template == request.template)
            && owner.as_ref().is_none_or(|owner| *owner == request.requested_by)
            && q.as_ref().is_none_or(|q| request.name.contains(&q.to_lowercase()));
        let last = self.rows.last_key_value().map(|(id, _)| id.0);
        let is_of_this_page = self.next.is_none() || last.is_none_or(|last| request.id > last);
        is_wanted && is_of_this_page && after.is_none()
    }
}

/// Whether what is waited for has changed without an event: the queue moves, vCenter comes and goes.
fn is_newer_wait(row: &ListedRequest, told: &ListedRequest) -> bool {
    let (known, told) = (&row.progress, &told.progress);
    known.seq == told.seq && known.server_time < told.server_time && known.waiting != told.waiting
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{api::Timestamp, sample};

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn listed(number: u128, seq: u32, status: Status) -> ListedRequest {
        let request = serde_json::from_value(json!({
            "id": id(number), "name": format!("vm-{number}"), "template": "debian-12", "cpus": 1,
            "memoryMib": 1024, "network": null, "status": status.as_str(), "requestedBy": "local",
            "createdAt": sample::at(0), "vm": null,
            "links": { "self": "", "progress": "", "events": "", "page": "" }
        }));
        let mut progress = sample::progress();
        (progress.request_id, progress.seq, progress.status) = (id(number), seq, status);
        ListedRequest { request: request.unwrap(), progress }
    }

    fn going(number: u128, seq: u32) -> ListedRequest {
        listed(number, seq, Status::Provisioning)
    }

    fn page(numbers: &[u128], has_next: bool) -> BoardPage {
        let next = numbers.last().filter(|_| has_next).map(|last| id(*last).to_string());
        BoardPage {
            rows: numbers.iter().map(|number| going(*number, 3)).collect(),
            next,
            last_event_id: "e.1".to_owned(),
            server_time: sample::at(0) as Timestamp,
            tally: None,
            degraded: None,
        }
    }

    fn list(query: ListQuery, numbers: &[u128], has_next: bool) -> List {
        List::new(query, &page(numbers, has_next))
    }

    fn numbers(list: &List) -> Vec<u128> {
        list.order().iter().map(Uuid::as_u128).collect()
    }

    #[test]
    fn an_event_is_taken_once_and_never_goes_back() {
        let mut list = list(ListQuery::default(), &[9, 8], false);
        assert_eq!(list.take(going(9, 3)), Taken::Known);
        assert_eq!(list.take(going(9, 5)), Taken::Changed);
        assert_eq!(list.take(going(9, 4)), Taken::Known);
        assert_eq!(list.row(id(9)).unwrap().progress.seq, 5);
        assert_eq!(numbers(&list), [9, 8], "no row moves");
    }

    #[test]
    fn a_place_in_the_queue_moves_without_an_event_and_never_back() {
        let queued = |ahead: Option<u32>, at_ms: i64| {
            let mut listed = listed(9, 1, Status::Queued);
            let waiting = ahead.map(|ahead| json!({ "for": "worker", "ahead": ahead }));
            listed.progress.waiting = serde_json::from_value(json!(waiting)).unwrap();
            listed.progress.server_time = Some(sample::at(at_ms));
            listed
        };
        let mut list = list(ListQuery::default(), &[8], false);
        list.take(queued(None, 0));
        list.show_waiting();
        assert_eq!(list.take(queued(Some(3), 2_000)), Taken::Changed);
        assert_eq!(list.take(queued(Some(3), 3_000)), Taken::Known);
        assert_eq!(list.take(queued(Some(4), 1_000)), Taken::Known, "an answer that was late");
        assert_eq!(list.take(queued(None, 0)), Taken::Known, "an event that was told again");
        assert_eq!(list.take(queued(Some(2), 4_000)), Taken::Changed);
        assert_eq!(list.row(id(9)).unwrap().progress.waiting.as_ref().unwrap().ahead, Some(2));
        assert_eq!(list.take(going(9, 2)), Taken::Changed, "its turn has come");
        assert_eq!(list.take(queued(Some(1), 9_000)), Taken::Known);
    }

    #[test]
    fn what_is_new_waits_and_then_stands_in_its_place() {
        let mut list = list(ListQuery::default(), &[9, 7], false);
        assert_eq!(list.take(going(10, 1)), Taken::Waits);
        assert_eq!(list.take(going(10, 2)), Taken::Waits);
        assert_eq!(list.take(going(8, 4)), Taken::Waits);
        assert_eq!([11, 10, 9].map(|number| list.knows(id(number))), [false, true, true]);
        assert_eq!((numbers(&list), list.waiting()), (vec![9, 7], (2, false)));
        list.show_waiting();
        assert_eq!((numbers(&list), list.waiting()), (vec![10, 9, 8, 7], (0, false)));
        assert_eq!(list.row(id(10)).unwrap().progress.seq, 2);
    }

    #[test]
    fn a_full_page_stays_as_long_as_it_is_and_the_next_one_begins_after_it() {
        let mut list = list(ListQuery::default(), &[9, 8, 7], true);
        assert_eq!(list.take(going(5, 1)), Taken::Elsewhere, "it is on the next page");
        list.take(going(10, 1));
        list.show_waiting();
        assert_eq!(numbers(&list), [10, 9, 8]);
        assert_eq!(list.next(), Some(id(8).to_string().as_str()));
        list.add(page(&[7, 6], false));
        assert_eq!((numbers(&list), list.next()), (vec![10, 9, 8, 7, 6], None));
        list.take(going(11, 1));
        list.show_waiting();
        assert_eq!(numbers(&list).len(), 5, "as many as were asked to be seen");
    }

    #[test]
    fn only_what_is_asked_for_comes_in_and_what_is_shown_stays() {
        let query = ListQuery { status: Some(Status::Provisioning), ..ListQuery::default() };
        let mut failed = list(query, &[9], false);
        assert_eq!(failed.take(listed(10, 1, Status::Queued)), Taken::Elsewhere);
        assert_eq!(failed.take(going(10, 2)), Taken::Waits);
        assert_eq!(failed.take(listed(9, 4, Status::Failed)), Taken::Changed);
        assert_eq!(numbers(&failed), [9], "it stays until the list is asked for again");

        for (query, comes) in [
            (ListQuery { q: Some("VM-1".to_owned()), ..ListQuery::default() }, true),
            (ListQuery { q: Some("web".to_owned()), ..ListQuery::default() }, false),
            (ListQuery { template: Some("debian".to_owned()), ..ListQuery::default() }, false),
            (ListQuery { owner: Some("local".to_owned()), ..ListQuery::default() }, true),
            (ListQuery { owner: Some("other".to_owned()), ..ListQuery::default() }, false),
            (ListQuery { after: Some(id(9).to_string()), ..ListQuery::default() }, false),
        ] {
            let taken = list(query.clone(), &[], false).take(going(10, 1));
            assert_eq!(taken == Taken::Waits, comes, "{query:?}");
        }
    }

    #[test]
    fn what_waits_has_a_limit_and_says_so() {
        let mut list = list(ListQuery::default(), &[1], false);
        for number in 0..WAITING_MAX + 5 {
            list.take(going(10 + number as u128, 1));
        }
        assert_eq!(list.waiting(), (WAITING_MAX, true));
    }

    #[test]
    fn a_list_that_begins_anew_forgets_what_it_was() {
        let mut list = list(ListQuery::default(), &[9, 8], true);
        list.take(going(10, 7));
        list.replace(page(&[3], false));
        assert_eq!((numbers(&list), list.waiting(), list.next()), (vec![3], (0, false), None));
        assert_eq!(list.take(going(2, 1)), Taken::Waits, "there is room");
    }
}
