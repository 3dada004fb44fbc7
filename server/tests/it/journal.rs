//! The journal in PostgreSQL: no hole, no double, no write of a worker that was replaced.

use server::domain::estimate::Told;
use server::domain::event::{NewEvent, VmEvent};
use server::domain::ids::{LeaseEpoch, Owner, RequestId, VcenterId};
use server::domain::ports::event_store::{
    Append, Created, EventStore as _, Idempotency, NewRequest, Projection,
};
use server::domain::spec::VmSpec;
use server::domain::stage::VmProvisioningStage as Stage;
use server::domain::vm::VmStatus;
use server::infrastructure::postgres::event_store::PgEventStore;
use sqlx::PgPool;
use uuid::Uuid;

mod append;
mod create;
mod doorbell;
mod given_up;
mod golden;
mod leases;
mod migrations;
mod tail;

/// A request as the application hands it to the store.
fn new_request(name: &str, key: Option<(&str, &str)>) -> NewRequest {
    let spec = VmSpec {
        request_id: RequestId(Uuid::now_v7()),
        name: name.to_owned(),
        template: "ubuntu-24.04".to_owned(),
        cpus: 2,
        memory_mib: 4096,
        network: None,
    };
    let owner = Owner::local();
    let event =
        VmEvent::VmRequested { spec: spec.clone(), owner: owner.clone(), slow_after_ms: 600_000 };
    NewRequest {
        spec,
        owner,
        vcenter: None,
        event: NewEvent { event, told: Told::default() },
        idempotency: key.map(|(key, body)| Idempotency { key: key.into(), body: body.into() }),
    }
}

/// Accepts a request that nobody else wants.
pub(crate) async fn accepted(pool: &PgPool, name: &str) -> RequestId {
    let new = new_request(name, None);
    let id = new.spec.request_id;
    let created = PgEventStore::new(pool.clone()).create(new).await.expect("accepted");
    assert!(matches!(created, Created::New(first) if first.seq == 1));
    id
}

/// Says that a stage was entered.
fn entered(stage: Stage) -> VmEvent {
    VmEvent::VmProvisioningProgressUpdated { current_stage: stage, details: None }
}

/// An append that a person makes on the journal as of `expected_seq`.
fn append(request: RequestId, expected_seq: u32, events: Vec<VmEvent>) -> Append {
    Append {
        request,
        expected_seq,
        epoch: None,
        events: events.into_iter().map(|event| NewEvent { event, told: Told::default() }).collect(),
        projection: Projection {
            status: VmStatus::Provisioning,
            vcenter: Some(VcenterId("vc".to_owned())),
            progress: Some(Stage::Cloning),
            vm: None,
            learn: Vec::new(),
        },
    }
}

/// The same under a lease.
fn append_under(epoch: LeaseEpoch, append: Append) -> Append {
    Append { epoch: Some(epoch), ..append }
}

/// The numbers in a request's journal.
async fn numbers(pool: &PgPool, request: RequestId) -> Vec<i32> {
    sqlx::query_scalar("select seq from events where request_id = $1 order by seq")
        .bind(request.0)
        .fetch_all(pool)
        .await
        .expect("the numbers")
}
