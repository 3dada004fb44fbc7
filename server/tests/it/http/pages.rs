//! What the pages ask for while they are open, and the report.

use app::api::Status;
use app::backend::{BoardPage, Finished, ListedRequest, NameCheck};
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::missing::foreign_request;
use crate::support::World;
use crate::support::server::TEMPLATE;

#[tokio::test]
async fn the_board_is_told_in_pages_with_where_its_stream_goes_on_from() {
    let world = World::new().await;
    let server = world.server().await;
    for number in 0..5 {
        let id = server.ask(&format!("vm-{number}"), TEMPLATE).await.id;
        server.ended(id).await;
    }
    foreign_request(&world).await;
    let first: BoardPage = server.read("/ui/board?limit=3").await;
    let names = |page: &BoardPage| -> Vec<String> {
        page.rows.iter().map(|row| row.request.name.clone()).collect()
    };
    assert_eq!(names(&first), ["vm-4", "vm-3", "vm-2"]);
    let tally = first.tally.as_ref().expect("on the first page");
    assert_eq!(serde_json::to_value(&tally.statuses).unwrap(), json!([["ready", 5]]));
    assert_eq!((tally.templates.len(), tally.owners.len()), (1, 1));
    let path = "/api/requests/events";
    let mut stream = server.stream_at(path, &[("last-event-id", &first.last_event_id)]).await;
    let frames = stream.until(|frame| frame.name() == "ping").await;
    assert!(frames.iter().all(|frame| frame.name() != "reset"), "{frames:?}");

    let next = first.next.expect("another page");
    let second: BoardPage = server.read(&format!("/ui/board?limit=3&after={next}")).await;
    assert_eq!((names(&second), second.next), (vec!["vm-1".to_owned(), "vm-0".to_owned()], None));
    for path in ["/ui/board?limit=0", "/ui/board?status=done", "/ui/board?page=2"] {
        assert_eq!(server.get(path).await.status, 422, "{path}");
    }
}

#[tokio::test]
async fn rows_are_told_by_their_ids_to_who_may_see_them() {
    let world = World::new().await;
    let server = world.server().await;
    let id = server.ask("vm", TEMPLATE).await.id;
    server.ended(id).await;
    let foreign = foreign_request(&world).await;
    let nobody = Uuid::nil();
    let path = format!("/ui/board/rows?ids={},{foreign},{nobody}", id.simple());
    let rows: Vec<ListedRequest> = server.read(&path).await;
    let told: Vec<_> = rows.iter().map(|row| (row.request.id, row.progress.status)).collect();
    assert_eq!(told, [(id, Status::Ready)]);
    let many = |count: usize| vec![nobody.simple().to_string(); count].join(",");
    for (ids, status) in [(many(100), 200), (many(101), 422), ("x".to_owned(), 422)] {
        assert_eq!(server.get(&format!("/ui/board/rows?ids={ids}")).await.status, status);
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_told_while_it_is_typed() {
    let world = World::new().await;
    let server = world.server().await;
    let id = server.ask("taken", TEMPLATE).await.id;
    server.ended(id).await;
    for (name, is_taken) in
        [("taken", true), ("free", false), ("", false), ("Not_A_Name", false), ("%00", false)]
    {
        let check: NameCheck = server.read(&format!("/ui/name?name={name}")).await;
        assert_eq!(check.taken.is_some(), is_taken, "{name}: {check:?}");
    }
}

#[tokio::test]
async fn a_finished_vm_says_how_to_go_to_it_and_every_request_has_a_report() {
    let world = World::new().await;
    let settings = ["--ssh-user", "ops", "--vsphere-network-timeout", "100ms"];
    let server = world.server_with(&settings).await;
    let mut last = Uuid::nil();
    for number in 0..6 {
        last = server.ask(&format!("vm-{number}"), TEMPLATE).await.id;
        server.ended(last).await;
    }
    let finished: Finished = server.read(&format!("/ui/requests/{last}/finished")).await;
    assert_eq!(finished.ssh, format!("ssh ops@{}", finished.vm.ip_address));
    assert_eq!(finished.vcenter, None, "the simulated one has no pages");
    assert_eq!(finished.rank.map(|rank| rank.runs), Some(5));

    let failed = server.ask("failed", "demo-no-address").await.id;
    server.ended(failed).await;
    let reply = server.get(&format!("/requests/{failed}/report")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    for line in ["Code            no_address", "Name            failed"] {
        assert!(reply.body.lines().any(|told| told == line), "{line:?} in\n{}", reply.body);
    }
    let theirs = foreign_request(&world).await;
    for id in [theirs, Uuid::now_v7()] {
        for path in [format!("/requests/{id}/report"), format!("/ui/requests/{id}/finished")] {
            assert_eq!(server.get(&path).await.status, 404, "{path}");
        }
    }
    let none = server.get(&format!("/ui/requests/{failed}/finished")).await;
    assert_eq!(none.status, 404);
}

#[tokio::test]
async fn a_page_is_in_the_language_that_its_reader_asks_for_and_the_api_in_english() {
    let world = World::new().await;
    let server = world.server().await;
    for (wish, tag, heading) in [
        (None, "en", "Requests"),
        (Some("de-DE,de;q=0.9,en;q=0.8"), "de", "Anforderungen"),
        (Some("fr"), "en", "Requests"),
        (Some("en;q=0,*"), "de", "Anforderungen"),
    ] {
        let wish: Vec<_> = wish.map(|wish| ("accept-language", wish)).into_iter().collect();
        let page = server.send(Method::GET, "/", &wish, "").await;
        let text = page.body;
        assert!(text.contains(&format!("<html lang=\"{tag}\"")), "{wish:?}: {text}");
        assert!(text.contains(&format!("<h1>{heading}</h1>")), "{wish:?}: {text}");
        let vary = page.headers.get_all("vary").iter();
        assert!(vary.into_iter().any(|vary| vary.to_str().unwrap().contains("accept-language")));
    }
}
