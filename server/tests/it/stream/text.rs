//! The stream in words, for people at a terminal.

use super::{CLONING_SEQ, held_at_clone};
use crate::support::client::events;
use crate::support::server::TEMPLATE;
use crate::support::{EventStream, World};

async fn all_lines(mut stream: EventStream) -> Vec<String> {
    let mut text = String::new();
    while let Some(chunk) = stream.chunk().await {
        text.push_str(&chunk);
    }
    assert!(text.ends_with('\n') && !text.contains('\r'), "{text:?}");
    text.lines().map(str::to_owned).collect()
}

/// What is said after the time, which must have the form `12:04:30Z  `.
fn said(line: &str) -> &str {
    let (time, said) = line.split_once("  ").unwrap_or_else(|| panic!("a time: {line}"));
    let form: String = time.chars().map(|c| if c.is_ascii_digit() { 'd' } else { c }).collect();
    assert_eq!(form, "dd:dd:ddZ", "{line}");
    said
}

#[tokio::test]
async fn one_line_an_event_from_the_beginning_to_the_end() {
    let world = World::new().await;
    let (server, id, pause) = held_at_clone(&world, &[]).await;
    let mut stream = server.stream_at(&format!("{}?format=text", events(id)), &[]).await;
    assert_eq!(stream.status, 200);
    assert_eq!(stream.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(stream.headers["cache-control"], "no-cache, no-transform");
    let mut begin = String::new();
    while !begin.contains("Cloning") {
        begin.push_str(&stream.chunk().await.expect("what has happened so far"));
    }
    pause.release();
    let rest = all_lines(stream).await;
    let lines: Vec<&str> =
        begin.lines().map(said).chain(rest.iter().map(|line| said(line))).collect();
    for (line, begins) in lines.iter().zip([
        "● Created...  (queued)",
        "✓ Created (",
        "● Cloning from template...  (in progress)",
        "✓ Cloning from template (",
        "● Apply configuration...  (in progress)",
        "✓ Apply configuration (",
        "● Start VM...  (in progress)",
        "✓ Start VM (",
        "● Wait for network...  (in progress)",
        "✓ Wait for network (",
        "✓ Ready (in ",
    ]) {
        assert!(line.starts_with(begins), "{line:?} should begin with {begins:?} in {lines:#?}");
    }
    assert_eq!(lines.len(), 11, "{lines:#?}");
    let again = server.stream_at(&format!("{}?format=text", events(id)), &[]).await;
    let again = all_lines(again).await;
    assert_eq!(again.iter().map(|line| said(line)).collect::<Vec<_>>(), lines);
}

#[tokio::test]
async fn failures_tries_and_undo_have_lines_too() {
    let world = World::new().await;
    let server = world.server_with(&["--vsphere-network-timeout", "100ms"]).await;
    for (name, template, expected) in [
        ("a", "demo-flaky", vec!["! Start VM: try 1 failed: ", "✓ Ready"]),
        (
            "b",
            "demo-no-address",
            vec![
                "✗ Wait for network (failed): no usable address",
                "↺ Undoing what was made",
                "↺ Start VM (undone)  powered off",
                "↺ Cloning from template (undone)  VM deleted",
                "✗ Failed. Nothing was left behind.",
            ],
        ),
    ] {
        let id = server.ask(name, template).await.id;
        let lines =
            all_lines(server.stream_at(&format!("{}?format=text", events(id)), &[]).await).await;
        for expected in expected {
            let found = lines.iter().any(|line| said(line).starts_with(expected));
            assert!(found, "{expected:?} is missing in {lines:#?}");
        }
        let plain = |c: char| !c.is_control();
        assert!(lines.iter().all(|line| line.chars().all(plain)), "{lines:#?}");
    }
}

#[tokio::test]
async fn a_reader_of_text_comes_back_where_it_was_or_is_told_that_it_cannot() {
    let world = World::new().await;
    let (server, id, pause) = held_at_clone(&world, &[]).await;
    let epoch = server.epoch(id).await;
    let open = async |last: &str| {
        let path = format!("{}?format=text&last_event_id={last}", events(id));
        server.stream_at(&path, &[]).await
    };
    let (back, other) = (open(&format!("{epoch}.{CLONING_SEQ}")).await, open("other.1").await);
    pause.release();
    let back = all_lines(back).await;
    assert!(said(&back[0]).starts_with("✓ Cloning from template"), "{back:#?}");
    let other = all_lines(other).await;
    assert!(said(&other[0]).starts_with("! The journal is another one"), "{other:#?}");
    assert!(said(&other[1]).starts_with("● Created"), "{other:#?}");
}

/// The estimate of a stage is part of its line.
#[tokio::test]
async fn a_line_says_how_long_it_will_take_when_that_is_known() {
    let world = World::with_delay(std::time::Duration::from_millis(30)).await;
    let server = world.server().await;
    let first = server.ask("a", TEMPLATE).await.id;
    server.ended(first).await;
    let second = server.ask("b", TEMPLATE).await.id;
    let lines =
        all_lines(server.stream_at(&format!("{}?format=text", events(second)), &[]).await).await;
    let cloning = lines.iter().find(|line| line.contains("● Cloning")).expect("a line");
    // How long depends on the machine.
    assert!(cloning.contains("(in progress, about ") && cloning.contains(" left)"), "{lines:#?}");
}
