//! The list of requests, live: rows move by themselves, new requests come in where nobody is disturbed.

use leptos::prelude::*;

use crate::{
    api::Status,
    backend::{BoardPage, ListQuery},
    board::{LiveBoard, ROWS_MAX, address},
    components::BoardRow,
    live::Link,
    viewer::Viewer,
    words::Words,
};

/// Everything of the list that moves.
#[island]
pub(crate) fn Board(
    /// What the server knew when it rendered the page.
    page: BoardPage,
    /// What is asked for.
    query: ListQuery,
) -> impl IntoView {
    let board = LiveBoard::new(&page, query.clone());
    let words = board.words;
    stay_true(board, page.last_event_id);
    let is_filtered = query.status.is_some()
        || query.template.is_some()
        || query.owner.is_some()
        || query.q.is_some();
    let is_whole = !is_filtered && query.after.is_none();
    let is_empty = Memo::new(move |_| board.order.with(|order| order.is_empty()));
    view! {
        <div class="board">
            <Tally board query=query.clone()/>
            {move || match (is_empty.get(), is_whole) {
                (false, _) => ().into_any(),
                (true, true) => view! { <Welcome/> }.into_any(),
                (true, false) => view! { <p class="card empty">{words.no_request_like_that()}</p> }.into_any(),
            }}
            <section
                class="card"
                hidden=move || is_empty.get() && board.waiting.get().0 == 0
                aria-label=words.requests()
            >
                <Waiting board/>
                <ul class="rows">
                    <For
                        each=move || board.order.get().to_vec()
                        key=|id| *id
                        children=move |id| view! { <BoardRow board id/> }
                    />
                </ul>
            </section>
            <BoardLiveness board/>
            <Paging board query/>
        </div>
    }
}

/// How many requests there are of each status: each number leads to those.
#[component]
fn Tally(board: LiveBoard, query: ListQuery) -> impl IntoView {
    let words = board.words;
    let link = move |status: Option<Status>, label: &'static str, count: u32, query: &ListQuery| {
        let is_current = query.status == status;
        let to = ListQuery { status, after: None, ..query.clone() };
        view! {
            <li>
                <a href=address(&to, None) aria-current=is_current.then_some("true")>
                    {label}" "<b>{words.with_thousands(count)}</b>
                </a>
            </li>
        }
    };
    move || {
        let tally = board.tally.get().filter(|tally| !tally.statuses.is_empty())?;
        let all = tally.statuses.iter().map(|(_, count)| count).sum();
        let statuses = tally.statuses.iter();
        let each = statuses
            .map(|(status, count)| link(Some(*status), words.status(*status), *count, &query));
        Some(view! {
            <ul class="tally" aria-label=words.how_many()>
                {link(None, words.all(), all, &query)}
                {each.collect_view()}
            </ul>
        })
    }
}

/// New requests that would move what is being read: they come in when the person says so.
#[component]
fn Waiting(board: LiveBoard) -> impl IntoView {
    let told = move || {
        let (count, and_more) = board.waiting.get();
        board.words.new_requests(count, and_more)
    };
    view! {
        <div class="waiting-rows" hidden=move || board.waiting.get().0 == 0>
            <button type="button" class="button" data-kind="main" on:click=move |_| show(board)>
                {told}
            </button>
        </div>
    }
}

/// Whether the page is live, and where to go from here.
#[component]
fn BoardLiveness(board: LiveBoard) -> impl IntoView {
    let viewer = Viewer::of_island();
    let heard = move || viewer.moment(board.heard_ms.get(), board.now_ms.get());
    let words = board.words;
    let line = move || {
        let ago_ms = u64::try_from(board.now_ms.get() - board.heard_ms.get()).unwrap_or(0);
        let degraded = board.degraded.get();
        words.board_liveness(board.link.get(), degraded.as_deref(), &heard(), ago_ms)
    };
    view! {
        <p
            class="liveness board-liveness"
            data-link=move || board.link.get().as_str()
            data-degraded=move || board.degraded.with(Option::is_some).then_some("")
        >
            <span class="liveness-line" title=move || words.liveness_meaning(board.link.get())>
                <span class="liveness-words">{line}</span>
            </span>
            <span class="visually-hidden" role="status">
                {move || words.liveness_spoken(board.link.get())}
            </span>
            <a href="" hidden=move || board.link.get() == Link::Live>{words.refresh()}</a>
        </p>
    }
}

/// The pages before and after this one.
#[component]
fn Paging(board: LiveBoard, query: ListQuery) -> impl IntoView {
    let viewer = Viewer::of_island();
    let (is_loading, words) = (RwSignal::new(false), board.words);
    let first = query.after.is_some().then(|| address(&query, None));
    let older = {
        let query = query.clone();
        move || board.next.get().map(|next| address(&query, Some(&next)))
    };
    let can_show_more = move || {
        let count = board.order.with(|order| order.len());
        viewer.is_here() && board.next.with(Option::is_some) && count < ROWS_MAX
    };
    view! {
        <nav class="paging" aria-label=words.pages()>
            {first.map(|first| view! { <a href=first>{words.newest()}</a> })}
            <button
                type="button"
                class="button"
                hidden=move || !can_show_more()
                aria-disabled=move || is_loading.get().then_some("true")
                on:click=move |_| show_more(board, is_loading)
            >
                {move || if is_loading.get() { words.loading() } else { words.show_more() }}
            </button>
            {move || older().map(|older| view! { <a href=older>{words.older()}</a> })}
        </nav>
    }
}

/// What a person sees who has not asked for anything yet.
#[component]
fn Welcome() -> impl IntoView {
    let words = Words::of_page();
    view! {
        <section class="card empty">
            <h2>{words.welcome()}</h2>
            <p>{words.welcome_meaning()}</p>
            <p class="actions">
                <a class="button" data-kind="main" href="/requests/new">
                    {words.ask_for_the_first()}
                </a>
            </p>
        </section>
    }
}

/// Lets the stream move the list on. Browsers only, and only after hydration.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "a server only renders"))]
fn stay_true(board: LiveBoard, last_event_id: String) {
    #[cfg(feature = "hydrate")]
    {
        let last_event_id = StoredValue::new(last_event_id);
        Effect::new(move |_| {
            let screen = crate::board::Screen { may_show, rows_above };
            crate::board::keep_true(board, last_event_id.get_value(), screen);
        });
    }
}

/// A page that is scrolled by less is at its top.
#[cfg(feature = "hydrate")]
const AT_TOP_PX: f64 = 8.0;

/// Whether new rows may come in now: nobody points at a row, has the focus in the list, has marked text,
/// or has scrolled down to read.
#[cfg(feature = "hydrate")]
fn may_show() -> bool {
    let Some(list) = document().query_selector(".rows").ok().flatten() else { return true };
    let is_at_top = window().scroll_y().is_ok_and(|y| y < AT_TOP_PX);
    let is_pointed_at = list.matches(":hover").unwrap_or(false);
    let has_focus = document().active_element().is_some_and(|active| list.contains(Some(&active)));
    let selection = window().get_selection().ok().flatten();
    let has_marked = selection.is_some_and(|selection| !selection.is_collapsed());
    is_at_top && !is_pointed_at && !has_focus && !has_marked
}

/// How many rows lie above what is in view: found by halves, since there may be thousands.
#[cfg(feature = "hydrate")]
fn rows_above() -> usize {
    let Some(list) = document().query_selector(".rows").ok().flatten() else { return 0 };
    let rows = list.children();
    let is_above = |row: web_sys::Element| row.get_bounding_client_rect().bottom() < 0.0;
    let (mut above, mut below) = (0, rows.length());
    while above < below {
        let middle = above.midpoint(below);
        if rows.item(middle).is_some_and(is_above) {
            above = middle + 1;
        } else {
            below = middle;
        }
    }
    above as usize
}

/// Shows the requests that wait, and leads to them.
#[cfg_attr(
    not(feature = "hydrate"),
    expect(unused_variables, reason = "nobody clicks on a server")
)]
fn show(board: LiveBoard) {
    #[cfg(feature = "hydrate")]
    {
        if board.waiting.get_untracked().1 {
            // There are more than are kept here.
            drop(window().location().set_href(&address(&board.query(), None)));
            return;
        }
        board.show_waiting();
        request_animation_frame(|| {
            window().scroll_to_with_x_and_y(0.0, 0.0);
            focus_row(0);
        });
    }
}

/// Gives the focus to a row: the button that was pressed may be gone.
#[cfg(feature = "hydrate")]
fn focus_row(index: usize) {
    use wasm_bindgen::JsCast;
    let list = document().query_selector(".rows").ok().flatten();
    let row = list.and_then(|list| list.children().item(u32::try_from(index).ok()?));
    let link = row.and_then(|row| row.query_selector("a").ok().flatten());
    if let Some(link) = link {
        drop(link.unchecked_into::<web_sys::HtmlElement>().focus());
    }
}

/// Adds more rows to this page.
#[cfg_attr(
    not(feature = "hydrate"),
    expect(unused_variables, reason = "nobody clicks on a server")
)]
fn show_more(board: LiveBoard, is_loading: RwSignal<bool>) {
    #[cfg(feature = "hydrate")]
    {
        if is_loading.get_untracked() {
            return;
        }
        let Some(next) = board.next.get_untracked() else { return };
        is_loading.set(true);
        let query = crate::board::in_address(&board.query(), Some(&next));
        leptos::task::spawn_local(async move {
            let address = format!("/ui/board?{query}&limit=200");
            if let Some(page) = crate::browser::read_json(&address).await {
                let first_new = board.order.with_untracked(|order| order.len());
                board.add(page);
                request_animation_frame(move || focus_row(first_new));
            }
            is_loading.set(false);
        });
    }
}
