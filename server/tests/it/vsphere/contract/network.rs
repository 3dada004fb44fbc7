//! Which address is told, and what is told when none comes.

use std::net::IpAddr;
use std::time::Duration;

use server::domain::ports::vsphere::{Checkpoint, RejectionCode, VspherePort as _};
use server::domain::stage::VmProvisioningStage as Stage;
use server::infrastructure::vsphere::adapter::Deadlines;

use super::{Bench, DEADLINES, Target, rejection};
use crate::vsphere::recorder::Recorder;

/// Long enough that the test's own address arrives before it.
const NETWORK_DEADLINE: Duration = Duration::from_secs(2);

pub(crate) async fn a_link_local_address_is_waited_out<T: Target>() {
    let bench = Bench::<T>::fresh().await;
    let spec = bench.dhcp_spec(1);
    let sink = Recorder::new();
    let link_local: IpAddr = "fe80::1".parse().unwrap();
    let real: IpAddr = "10.30.0.99".parse().unwrap();
    let resume = Checkpoint::default();

    let made = bench.adapter.create_vm(&spec, &resume, &sink);
    let meanwhile = async {
        sink.until_stage(Stage::WaitingForNetwork, 1).await;
        bench.target.give_addresses(&spec.name, &[link_local]).await;
        sink.until_live("only fe80::1 seen").await;
        bench.target.give_addresses(&spec.name, &[real]).await;
    };
    let (made, ()) = tokio::join!(made, meanwhile);

    assert_eq!(made.unwrap().ip_address, real);
}

pub(crate) async fn without_an_address_the_deadline_says_what_was_seen<T: Target>() {
    let deadlines = Deadlines { network: NETWORK_DEADLINE, ..DEADLINES };
    let bench = Bench::<T>::with_deadlines(deadlines).await;
    let spec = bench.dhcp_spec(1);
    let sink = Recorder::new();
    let link_local: IpAddr = "fe80::1".parse().unwrap();
    let resume = Checkpoint::default();

    let result = bench.adapter.create_vm(&spec, &resume, &sink);
    let meanwhile = async {
        sink.until_stage(Stage::WaitingForNetwork, 1).await;
        bench.target.give_addresses(&spec.name, &[link_local]).await;
    };
    let (result, ()) = tokio::join!(result, meanwhile);

    let (code, reason) = rejection(result);
    assert_eq!(code, RejectionCode::NoAddress);
    assert!(reason.contains("within 2s") && reason.contains("only fe80::1 seen"), "{reason}");
    // It is left for the caller to remove.
    assert_eq!(bench.count(&spec.name).await, 1);
    bench.adapter.remove_vm(&spec, &sink.checkpoint(), &()).await.unwrap();
    assert_eq!(bench.count(&spec.name).await, 0);
}
