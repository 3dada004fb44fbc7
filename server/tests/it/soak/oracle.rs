//! What must be true afterwards, whatever went wrong: asked of PostgreSQL and vCenter themselves.

use std::sync::atomic::Ordering;

use app::api::Status;

use super::Soak;
use super::life::Life;
use super::reader::Findings;
use crate::support::Api;

/// Panics when a journal or vCenter is not as it must be, and returns what readers missed.
pub(super) async fn check(soak: &Soak, lives: &[Life]) -> Findings {
    soak.servers.all_ready().await;
    let api = Api::new(soak.servers.first().await);
    let machines = soak.vcenter.machines().await;
    let mut findings = Findings::default();
    for life in lives {
        let numbers: Vec<i32> =
            sqlx::query_scalar("select seq from events where request_id = $1 order by seq")
                .bind(life.id)
                .fetch_all(&soak.database.pool)
                .await
                .expect("the journal");
        let last = u32::try_from(numbers.len()).expect("a few events");
        assert!(numbers.iter().zip(1..).all(|(n, i)| *n == i), "{}: {numbers:?}", life.id);
        soak.counts.events.fetch_add(u64::from(last), Ordering::Relaxed);
        assert_eq!(api.progress(life.id).await.status, life.status);

        let all = api.all_events(life.id).await;
        assert_eq!(all.len(), numbers.len(), "{}: every row makes one frame", life.id);
        for log in &life.logs {
            findings.add(log, last);
            for frame in &log.frames {
                let seq = usize::try_from(frame.seq().expect("a number")).expect("small");
                assert_eq!(*frame, all[seq - 1], "{}: the same bytes from everybody", life.id);
            }
        }

        let mark = life.id.to_string();
        let made: Vec<_> = machines.iter().filter(|machine| machine.mark == mark).collect();
        if life.status == Status::Ready {
            assert_eq!(made.len(), 1, "{mark} has one VM");
            assert_eq!(made[0].name, life.name);
            assert_eq!(made[0].power_state, "poweredOn", "{mark}");
        } else {
            assert_eq!(made.len(), 0, "{mark} left nothing behind");
        }
    }
    let marked = machines.iter().filter(|machine| !machine.template && !machine.mark.is_empty());
    let ready = lives.iter().filter(|life| life.status == Status::Ready);
    let extra = marked.count().saturating_sub(ready.count());
    findings.extra_vms = u32::try_from(extra).expect("a few VMs");
    let rows: i64 = sqlx::query_scalar("select count(*) from provisioning_progress")
        .fetch_one(&soak.database.pool)
        .await
        .expect("a count");
    assert_eq!(rows, 0, "no progress is left of what has ended");
    findings
}
