use super::*;

const OPEN: Todo = Todo { stream: Stream::Open, poll: false };

fn live_at(now_ms: f64) -> Keeper {
    let mut keeper = Keeper::new(now_ms);
    assert_eq!(keeper.tick(now_ms), OPEN);
    keeper.opened(now_ms);
    keeper.said(now_ms);
    assert_eq!(keeper.link(), Link::Live);
    keeper
}

/// Three attempts were refused one after the other; the next is due at 9 s.
fn refused_thrice() -> Keeper {
    let mut keeper = Keeper::new(0.0);
    for at in [0.0, 1_500.0, 4_500.0] {
        assert_eq!(keeper.tick(at), OPEN);
        keeper.failed(at, true);
        assert_eq!(keeper.link(), Link::Reconnecting);
    }
    keeper
}

#[test]
fn a_link_is_known_by_its_word() {
    for link in [Link::Rendered, Link::Live, Link::Reconnecting, Link::Polling, Link::Offline] {
        assert_eq!(Link::parse(link.as_str()), Some(link));
    }
    assert_eq!(Link::parse("asleep"), None);
}

#[test]
fn a_first_connection_is_not_called_a_reconnection() {
    let mut keeper = Keeper::new(0.0);
    assert_eq!(keeper.link(), Link::Rendered);
    assert_eq!(keeper.tick(0.0), OPEN);
    assert_eq!(keeper.link(), Link::Rendered);
    keeper.failed(100.0, false);
    assert_eq!(keeper.link(), Link::Reconnecting);
}

#[test]
fn silence_beyond_a_ping_ends_a_connection_within_20_s() {
    let mut keeper = live_at(0.0);
    assert_eq!(keeper.tick(17_000.0), Todo::NOTHING);
    assert_eq!(keeper.tick(17_500.0), OPEN);
    assert_eq!(keeper.link(), Link::Reconnecting);
}

#[test]
fn while_the_network_is_cut_it_tries_every_second_and_a_half() {
    let mut keeper = live_at(0.0);
    for attempt in 0..40 {
        let now = 2_000.0 * f64::from(attempt);
        keeper.failed(now, false);
        assert_eq!(keeper.tick(now + 1_499.0).stream, Stream::Keep);
        assert_eq!(keeper.tick(now + 1_500.0).stream, Stream::Open);
    }
}

#[test]
fn an_attempt_that_hangs_is_given_up_soon_and_later_more_patiently() {
    let mut keeper = Keeper::new(0.0);
    assert_eq!(keeper.tick(0.0), OPEN);
    assert_eq!(keeper.tick(2_500.0), Todo::NOTHING);
    let mut now = 0.0;
    for _ in 0..QUICK_ATTEMPTS {
        now += 2_501.0;
        assert_eq!(keeper.tick(now).stream, Stream::Open);
    }
    assert_eq!(keeper.tick(now + 9_000.0).stream, Stream::Keep);
    assert_eq!(keeper.tick(now + 10_001.0).stream, Stream::Open);
}

#[test]
fn a_server_that_refuses_is_asked_less_and_less_often() {
    let mut keeper = live_at(0.0);
    keeper.failed(0.0, true);
    assert_eq!(keeper.tick(1_500.0).stream, Stream::Open);
    keeper.failed(1_500.0, true);
    assert_eq!(keeper.tick(4_499.0).stream, Stream::Keep);
    assert_eq!(keeper.tick(4_500.0).stream, Stream::Open);
    for _ in 0..100 {
        keeper.failed(5_000.0, true);
    }
    assert_eq!(keeper.tick(19_999.0).stream, Stream::Keep);
    assert_eq!(keeper.tick(20_000.0).stream, Stream::Open);
}

#[test]
fn after_three_refusals_it_asks_instead_and_says_so_once_that_works() {
    let mut keeper = refused_thrice();
    assert_eq!(keeper.tick(4_600.0), Todo { stream: Stream::Keep, poll: true });
    assert_eq!(keeper.tick(5_100.0), Todo::NOTHING, "one question at a time");
    assert_eq!(keeper.link(), Link::Reconnecting);
    keeper.polled(5_200.0, true);
    assert_eq!(keeper.link(), Link::Polling);
    // The server answers: the stream is tried at once, and then only now and then.
    assert_eq!(keeper.tick(5_300.0).stream, Stream::Open);
    keeper.failed(5_400.0, true);
    assert_eq!(keeper.link(), Link::Polling);
    let mut tries = 0;
    for half_seconds in 0..62 {
        let now = 5_500.0 + 500.0 * f64::from(half_seconds);
        let todo = keeper.tick(now);
        tries += u32::from(todo.stream == Stream::Open);
        if todo.poll {
            keeper.polled(now, true);
        }
        assert_eq!(keeper.link(), Link::Polling);
    }
    assert_eq!(tries, 1, "once in half a minute");
}

#[test]
fn a_stream_that_comes_at_last_ends_the_asking() {
    let mut keeper = refused_thrice();
    assert!(keeper.tick(4_600.0).poll);
    keeper.polled(4_700.0, true);
    assert_eq!(keeper.tick(4_800.0).stream, Stream::Open);
    keeper.opened(4_900.0);
    assert_eq!(keeper.link(), Link::Live);
    assert!(!keeper.tick(9_000.0).poll);
}

#[test]
fn when_answers_stop_as_well_it_is_an_outage_again() {
    let mut keeper = refused_thrice();
    assert!(keeper.tick(4_600.0).poll);
    keeper.polled(4_700.0, true);
    assert_eq!(keeper.tick(4_800.0).stream, Stream::Open);
    keeper.failed(4_900.0, true);
    assert!(keeper.tick(7_600.0).poll);
    keeper.polled(7_700.0, false);
    assert_eq!(keeper.link(), Link::Reconnecting);
    assert_eq!(keeper.tick(9_200.0).stream, Stream::Open, "and not after half a minute");
}

#[test]
fn a_stream_that_is_open_and_mute_is_kept_back_by_something_on_the_way() {
    let mut keeper = Keeper::new(0.0);
    assert_eq!(keeper.tick(0.0), OPEN);
    keeper.opened(100.0);
    assert_eq!(keeper.link(), Link::Live);
    assert_eq!(keeper.tick(17_200.0), Todo { stream: Stream::Open, poll: true });
    keeper.polled(17_300.0, true);
    assert_eq!(keeper.link(), Link::Polling);
    keeper.opened(17_400.0);
    assert_eq!(keeper.link(), Link::Polling, "it has not said a word yet");
    assert!(keeper.tick(20_300.0).poll);
    keeper.polled(20_400.0, true);
    keeper.said(21_000.0);
    assert_eq!(keeper.link(), Link::Live);
    assert!(!keeper.tick(24_000.0).poll);
}

#[test]
fn without_a_connection_to_spare_it_asks_and_tries_for_one() {
    let mut keeper = Keeper::new(0.0);
    assert_eq!(keeper.tick(0.0), OPEN);
    keeper.crowded(10.0);
    assert_eq!(keeper.tick(500.0), Todo { stream: Stream::Keep, poll: true });
    keeper.polled(600.0, true);
    assert_eq!(keeper.link(), Link::Polling);
    assert_eq!(keeper.tick(3_010.0).stream, Stream::Open);
    keeper.opened(3_100.0);
    assert_eq!(keeper.link(), Link::Live);
}

#[test]
fn a_browser_without_a_network_is_offline_unless_the_server_is_on_this_machine() {
    let mut keeper = live_at(0.0);
    assert_eq!(keeper.network(1_000.0, false), Todo { stream: Stream::Open, poll: true });
    assert_eq!(keeper.link(), Link::Offline);
    keeper.opened(1_100.0);
    assert_eq!(keeper.link(), Link::Live);
    keeper.failed(2_000.0, false);
    assert_eq!(keeper.link(), Link::Offline);
    keeper.network(3_000.0, true);
    assert_eq!(keeper.link(), Link::Reconnecting);
}

#[test]
fn what_has_not_answered_for_a_minute_is_offline() {
    let mut keeper = live_at(0.0);
    keeper.failed(1_000.0, false);
    keeper.tick(60_000.0);
    assert_eq!(keeper.link(), Link::Reconnecting);
    keeper.tick(60_500.0);
    assert_eq!(keeper.link(), Link::Offline);
    keeper.opened(70_000.0);
    assert_eq!(keeper.link(), Link::Live);
}

#[test]
fn a_server_that_refuses_is_not_offline() {
    let mut keeper = live_at(0.0);
    keeper.failed(1_000.0, false);
    keeper.failed(50_000.0, true);
    keeper.tick(100_000.0);
    assert_eq!(keeper.link(), Link::Reconnecting);
    keeper.tick(110_500.0);
    assert_eq!(keeper.link(), Link::Offline);
}

#[test]
fn waking_opens_at_once_what_is_not_known_to_be_alive() {
    let mut keeper = live_at(0.0);
    assert_eq!(keeper.wake(3_000.0), Todo::NOTHING);
    assert_eq!(keeper.wake(60_000.0), Todo { stream: Stream::Open, poll: true });
    keeper.failed(61_000.0, false);
    assert_eq!(keeper.wake(61_100.0).stream, Stream::Open);
}

#[test]
fn waking_does_not_call_a_connection_lost_that_lives_on_answers() {
    let mut keeper = refused_thrice();
    assert!(keeper.tick(4_600.0).poll);
    keeper.polled(4_700.0, true);
    assert_eq!(keeper.wake(6_000.0), Todo { stream: Stream::Open, poll: true });
    assert_eq!(keeper.link(), Link::Polling);
    keeper.polled(6_100.0, false);
    assert_eq!(keeper.link(), Link::Reconnecting, "it does not answer any more");
}

#[test]
fn after_a_sleep_everything_is_asked_for_anew() {
    let mut keeper = live_at(0.0);
    assert_eq!(keeper.reopen(3_000.0), Todo { stream: Stream::Open, poll: true });
    assert_eq!(keeper.link(), Link::Reconnecting);
    // That answer is no sign of a stream that cannot be had.
    keeper.polled(3_100.0, true);
    assert_eq!(keeper.link(), Link::Reconnecting);
    keeper.opened(3_200.0);
    assert_eq!(keeper.link(), Link::Live);
}

#[test]
fn an_heir_is_as_live_as_who_was_before_until_it_fails() {
    let mut keeper = Keeper::heir(1_000.0, 900.0, true, true);
    assert_eq!(keeper.link(), Link::Live);
    assert_eq!(keeper.tick(1_000.0), OPEN);
    assert_eq!(keeper.link(), Link::Live);
    keeper.failed(1_100.0, false);
    assert_eq!(keeper.link(), Link::Reconnecting);
    assert_eq!(Keeper::heir(1_000.0, 900.0, false, true).link(), Link::Reconnecting);
}

#[test]
fn after_the_end_nothing_is_opened_again() {
    let mut keeper = live_at(0.0);
    keeper.end();
    keeper.failed(1_000.0, false);
    keeper.opened(1_000.0);
    keeper.said(1_000.0);
    keeper.crowded(1_000.0);
    keeper.polled(1_000.0, true);
    assert_eq!(keeper.tick(99_000.0), Todo::NOTHING);
    assert_eq!(keeper.wake(99_000.0), Todo::NOTHING);
    assert_eq!(keeper.network(99_000.0, true), Todo::NOTHING);
    assert_eq!(keeper.link(), Link::Ended);
}
