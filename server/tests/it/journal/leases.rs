//! Leases: one holder at a time, by PostgreSQL's clock.

use std::time::Duration;

use chrono::DateTime;
use server::domain::ids::{LeaseEpoch, MoRef, VcenterId};
use server::domain::ports::event_store::{HandBack, Leases as _, Renewal};
use server::domain::ports::vsphere::{Checkpoint, TaskInFlight, TaskOperation};
use server::infrastructure::postgres::leases::PgLeases;

use super::accepted;
use crate::support::postgres::TestDatabase;

const LEASE: Duration = Duration::from_secs(600);

/// Handed back at an end, by a worker that knows all there is.
fn back(pause: Duration) -> HandBack {
    HandBack { pause, known_seq: 1, unfinished: false }
}

#[tokio::test]
async fn a_request_is_claimed_by_one_worker_until_its_lease_ends() {
    let database = TestDatabase::new().await;
    let leases = PgLeases::new(database.pool.clone());
    let request = accepted(&database.pool, "a").await;
    let claim = |worker: &'static str| {
        let leases = leases.clone();
        async move { leases.claim(worker, None, LEASE, 10, None).await.expect("claims") }
    };
    let first = claim("one").await;
    assert_eq!((first.len(), first[0].request, first[0].epoch), (1, request, LeaseEpoch(1)));
    assert_eq!(claim("other").await, []);

    sqlx::query("update vm_requests set lease_until = clock_timestamp()")
        .execute(&database.pool)
        .await
        .unwrap();
    let second = claim("other").await;
    assert_eq!(second[0].epoch, LeaseEpoch(2));
    let lost = leases.renew(request, LeaseEpoch(1), LEASE).await.unwrap();
    assert_eq!(lost, Renewal::Lost, "it is another's");
    let held = leases.renew(request, LeaseEpoch(2), LEASE).await.unwrap();
    assert_eq!(held, Renewal::Held { last_seq: 1 });
    leases.release(request, LeaseEpoch(1), back(Duration::ZERO)).await.unwrap();
    assert_eq!(claim("one").await, [], "nobody hands back what is another's");
    leases.release(request, LeaseEpoch(2), back(Duration::ZERO)).await.unwrap();
    assert_eq!(claim("one").await[0].epoch, LeaseEpoch(3));
}

#[tokio::test]
async fn workers_that_ask_together_get_different_requests() {
    let database = TestDatabase::new().await;
    for number in 0..12 {
        accepted(&database.pool, &format!("vm-{number}")).await;
    }
    let asking = (0..4).map(|number| {
        let leases = PgLeases::new(database.pool.clone());
        tokio::spawn(async move { leases.claim(&format!("w{number}"), None, LEASE, 5, None).await })
    });
    let mut claimed = Vec::new();
    for asked in asking.collect::<Vec<_>>() {
        let claims = asked.await.expect("no panic").expect("claims");
        assert!(claims.len() <= 5, "no more than it has hands for");
        claimed.extend(claims.into_iter().map(|claim| claim.request));
    }
    let rest =
        PgLeases::new(database.pool.clone()).claim("last", None, LEASE, 100, None).await.unwrap();
    claimed.extend(rest.into_iter().map(|claim| claim.request));
    let together = claimed.len();
    claimed.sort_unstable();
    claimed.dedup();
    assert_eq!((claimed.len(), together), (12, 12));
}

#[tokio::test]
async fn what_belongs_to_another_vcenter_is_not_claimed() {
    let database = TestDatabase::new().await;
    let leases = PgLeases::new(database.pool.clone());
    for (name, vcenter) in [("theirs", Some("there")), ("ours", Some("here")), ("nobodys", None)] {
        let request = accepted(&database.pool, name).await;
        sqlx::query("update vm_requests set vcenter = $2 where id = $1")
            .bind(request.0)
            .bind(vcenter)
            .execute(&database.pool)
            .await
            .unwrap();
    }
    let here = VcenterId("here".to_owned());
    assert_eq!(leases.claim("w", Some(&here), LEASE, 10, None).await.unwrap().len(), 2);
    let there = VcenterId("there".to_owned());
    assert_eq!(leases.claim("w", Some(&there), LEASE, 10, None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_checkpoint_is_found_by_the_next_holder_and_kept_by_no_earlier_one() {
    let database = TestDatabase::new().await;
    let leases = PgLeases::new(database.pool.clone());
    let request = accepted(&database.pool, "a").await;
    leases.claim("one", None, LEASE, 1, None).await.unwrap();
    for operation in [
        TaskOperation::Clone,
        TaskOperation::Reconfigure,
        TaskOperation::Customize,
        TaskOperation::PowerOn,
        TaskOperation::PowerOff,
        TaskOperation::Destroy,
    ] {
        let since = DateTime::from_timestamp_millis(1_764_000_000_123);
        let task = TaskInFlight { moref: MoRef("task-1/@[]".to_owned()), operation, since };
        let vm = Some(MoRef("vm-1".to_owned()));
        let checkpoint = Checkpoint { task: Some(task), vm, address_since: since };
        let epoch: i64 = sqlx::query_scalar("select lease_epoch from vm_requests")
            .fetch_one(&database.pool)
            .await
            .unwrap();
        let epoch = LeaseEpoch(epoch);
        assert!(leases.save_checkpoint(request, epoch, &checkpoint).await.unwrap());
        let earlier = LeaseEpoch(epoch.0 - 1);
        let other = Checkpoint::default();
        assert!(!leases.save_checkpoint(request, earlier, &other).await.unwrap());
        leases.release(request, epoch, back(Duration::ZERO)).await.unwrap();
        let claims = leases.claim("next", None, LEASE, 1, None).await.unwrap();
        assert_eq!(claims[0].checkpoint, checkpoint);
    }
}

#[tokio::test]
async fn work_that_is_handed_back_for_later_is_not_claimed_before() {
    let database = TestDatabase::new().await;
    let leases = PgLeases::new(database.pool.clone());
    let request = accepted(&database.pool, "a").await;
    leases.claim("one", None, LEASE, 1, None).await.unwrap();
    leases.release(request, LeaseEpoch(1), back(LEASE)).await.unwrap();
    assert_eq!(leases.claim("one", None, LEASE, 1, None).await.unwrap(), []);
    let due_in: f64 = sqlx::query_scalar(
        "select extract(epoch from due_at - clock_timestamp())::float8 from vm_requests",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    assert!((LEASE.as_secs_f64() - 30.0..=LEASE.as_secs_f64()).contains(&due_in), "{due_in}");
}

#[tokio::test]
async fn work_that_did_not_come_to_its_end_is_known_as_interrupted() {
    let database = TestDatabase::new().await;
    let leases = PgLeases::new(database.pool.clone());
    let request = accepted(&database.pool, "a").await;
    let claim = async || leases.claim("w", None, LEASE, 1, None).await.unwrap().remove(0);
    assert!(!claim().await.interrupted, "nobody had it before");
    leases.release(request, LeaseEpoch(1), back(Duration::ZERO)).await.unwrap();
    assert!(!claim().await.interrupted, "its holder had come to an end");
    let unfinished = HandBack { unfinished: true, ..back(Duration::ZERO) };
    leases.release(request, LeaseEpoch(2), unfinished).await.unwrap();
    let renewed = leases.renew(request, LeaseEpoch(2), LEASE).await.unwrap();
    assert_eq!(renewed, Renewal::Lost, "it was handed back");
    assert!(claim().await.interrupted, "it was handed back in the middle");
    leases.end_all().await.unwrap();
    assert!(claim().await.interrupted, "its holder is dead");
}

#[tokio::test]
async fn work_that_is_handed_back_for_later_is_due_at_once_when_its_journal_has_moved() {
    let database = TestDatabase::new().await;
    let leases = PgLeases::new(database.pool.clone());
    let request = accepted(&database.pool, "a").await;
    leases.claim("w", None, LEASE, 1, None).await.unwrap();
    let knew_nothing = HandBack { known_seq: 0, ..back(LEASE) };
    leases.release(request, LeaseEpoch(1), knew_nothing).await.unwrap();
    assert_eq!(leases.claim("w", None, LEASE, 1, None).await.unwrap().len(), 1);
}
