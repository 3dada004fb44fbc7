//! The signals that the list of requests reads.

use std::{collections::HashMap, sync::Arc};

use leptos::prelude::*;
use uuid::Uuid;

#[cfg(feature = "hydrate")]
use super::Taken;
use super::{List, RowView};
#[cfg(feature = "hydrate")]
use crate::backend::ListedRequest;
use crate::{
    backend::{BoardPage, ListQuery, Tally},
    live::Link,
    words::Words,
};

/// The list, as it is watched. Rendered once by the server, then moved on by the stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LiveBoard {
    /// The page's words.
    pub(crate) words: Words,
    list: StoredValue<List>,
    /// What each row says; a row reads its own signal and no other.
    views: StoredValue<HashMap<Uuid, ArcRwSignal<RowView>>>,
    /// The rows, in their order.
    pub(crate) order: RwSignal<Arc<[Uuid]>>,
    /// How many requests wait to be shown, and whether there are even more.
    pub(crate) waiting: RwSignal<(usize, bool)>,
    /// What to give as `after` for the next page.
    pub(crate) next: RwSignal<Option<String>>,
    /// How many requests there are.
    pub(crate) tally: RwSignal<Option<Tally>>,
    /// Now by the server's clock, in milliseconds since 1970. Stands still until the page is hydrated.
    pub(crate) now_ms: RwSignal<i64>,
    /// When the server was heard last, by its own clock.
    pub(crate) heard_ms: RwSignal<i64>,
    /// The state of the connection.
    pub(crate) link: RwSignal<Link>,
    /// Why the server cannot see the journal just now.
    pub(crate) degraded: RwSignal<Option<String>>,
}

impl LiveBoard {
    /// The signals as the server rendered them.
    pub(crate) fn new(page: &BoardPage, query: ListQuery) -> Self {
        let list = List::new(query, page);
        let now_ms = page.server_time.epoch_ms();
        let board = Self {
            words: Words::of_page(),
            views: StoredValue::new(HashMap::new()),
            order: RwSignal::new(Arc::from(list.order())),
            waiting: RwSignal::new((0, false)),
            next: RwSignal::new(page.next.clone()),
            tally: RwSignal::new(page.tally.clone()),
            now_ms: RwSignal::new(now_ms),
            heard_ms: RwSignal::new(now_ms),
            link: RwSignal::new(Link::Rendered),
            degraded: RwSignal::new(page.degraded.clone()),
            list: StoredValue::new(list),
        };
        board.make_views();
        board
    }

    /// What is asked for.
    pub(crate) fn query(self) -> ListQuery {
        self.list.with_value(|list| list.query().clone())
    }

    /// What a row says.
    pub(crate) fn view(self, id: Uuid) -> Option<ArcRwSignal<RowView>> {
        self.views.with_value(|views| views.get(&id).cloned())
    }

    /// Something that never changes of a row.
    pub(crate) fn with_row<T>(
        self,
        id: Uuid,
        read: impl FnOnce(&crate::backend::ListedRequest) -> T,
    ) -> Option<T> {
        self.list.with_value(|list| list.row(id).map(read))
    }

    /// A signal for each row that has none; those of rows that are gone go too.
    fn make_views(self) {
        let now_ms = self.now_ms.get_untracked();
        self.list.with_value(|list| {
            self.views.update_value(|views| {
                views.retain(|id, _| list.row(*id).is_some());
                for id in list.order() {
                    let Some(row) = list.row(id) else { continue };
                    let view = || ArcRwSignal::new(RowView::of(self.words, row, now_ms));
                    views.entry(id).or_insert_with(view);
                }
            });
        });
    }
}

#[cfg(feature = "hydrate")]
impl LiveBoard {
    /// Takes what is now known of requests.
    pub(crate) fn take(self, news: impl Iterator<Item = ListedRequest>) {
        for listed in news {
            let id = listed.request.id;
            let mut taken = Taken::Known;
            self.list.update_value(|list| taken = list.take(listed));
            if taken == Taken::Changed {
                self.refresh(id);
            }
        }
        self.show_counts();
    }

    /// Lets a row say what is true now.
    pub(crate) fn refresh(self, id: Uuid) {
        let now_ms = self.now_ms.get_untracked();
        let Some(now) = self.with_row(id, |row| RowView::of(self.words, row, now_ms)) else {
            return;
        };
        let Some(view) = self.view(id) else { return };
        if *view.read_untracked() != now {
            view.set(now);
        }
    }

    /// Whether a request is shown, or waits to be.
    pub(crate) fn knows(self, id: Uuid) -> bool {
        self.list.with_value(|list| list.knows(id))
    }

    /// The rows that change with time.
    pub(crate) fn living(self) -> Vec<Uuid> {
        self.list.with_value(|list| list.living().collect())
    }

    /// Of so many rows after the first `above` those that wait for their turn.
    pub(crate) fn queued(self, above: usize, count: usize) -> Vec<Uuid> {
        self.list.with_value(|list| list.queued(above, count).collect())
    }

    /// Shows the requests that wait.
    pub(crate) fn show_waiting(self) {
        self.change(List::show_waiting);
    }

    /// Adds the page after this one.
    pub(crate) fn add(self, page: BoardPage) {
        let known: Vec<Uuid> = page.rows.iter().map(|row| row.request.id).collect();
        self.change(|list| list.add(page));
        known.into_iter().for_each(|id| self.refresh(id));
    }

    /// Begins anew with what the server says now.
    pub(crate) fn replace(self, page: BoardPage) {
        self.tally.set(page.tally.clone());
        let known: Vec<Uuid> = page.rows.iter().map(|row| row.request.id).collect();
        self.change(|list| list.replace(page));
        // A row that stays has its signal from before.
        known.into_iter().for_each(|id| self.refresh(id));
    }

    fn change(self, change: impl FnOnce(&mut List)) {
        self.list.update_value(change);
        self.make_views();
        self.order.set(self.list.with_value(|list| Arc::from(list.order())));
        self.next.set(self.list.with_value(|list| list.next().map(str::to_owned)));
        self.show_counts();
    }

    fn show_counts(self) {
        let waiting = self.list.with_value(List::waiting);
        if self.waiting.get_untracked() != waiting {
            self.waiting.set(waiting);
        }
    }
}
