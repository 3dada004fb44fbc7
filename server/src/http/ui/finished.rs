//! What a person does next with a VM that is ready: go to it.

use app::backend::{Finished, Rank};
use axum::Json;
use axum::extract::{Path, State};

use crate::domain::timeline::Timeline;
use crate::domain::vm::VmStatus;
use crate::http::error::ApiError;
use crate::http::guard::Asking;
use crate::http::requests::request_id;
use crate::http::{AppState, convert, in_time};

/// Where a finished VM is reached.
#[derive(Debug, Clone, Default)]
pub struct MachineLinks {
    /// The user of the `ssh` line; without one ssh's own settings decide.
    pub ssh_user: Option<String>,
    /// The address of vCenter's own pages, `https://vcenter.example.com/ui`; none for the simulated one.
    pub vcenter: Option<String>,
}

impl MachineLinks {
    /// The line for a shell. An address has nothing in it that a shell takes for more.
    fn ssh(&self, address: &str) -> String {
        match &self.ssh_user {
            Some(user) => format!("ssh {user}@{address}"),
            None => format!("ssh {address}"),
        }
    }

    /// The page of a VM in vCenter. A MoRef may have any character in it.
    fn in_vcenter(&self, moref: &str, vcenter: &str) -> Option<String> {
        let base = self.vcenter.as_ref()?;
        let part =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let object = format!("urn:vmomi:VirtualMachine:{}:{}", part(moref), part(vcenter));
        Some(format!("{base}/app/vm;nav=v/{object}/summary"))
    }
}

/// `GET /ui/requests/{id}/finished`: what the page of a request asks for when it has become ready.
///
/// The page's own, and no promise to anybody else.
pub(super) async fn finished(
    State(state): State<AppState>,
    Asking(viewer): Asking,
    Path(id): Path<String>,
) -> Result<Json<Finished>, ApiError> {
    state.ready_or_503()?;
    let progress = in_time(state.query.progress(&viewer, request_id(&id)?)).await??;
    let progress = progress.ok_or_else(ApiError::no_such_request)?;
    let finished = in_time(of_timeline(&state, &progress.timeline)).await??;
    finished.map(Json).ok_or_else(ApiError::no_such_request)
}

/// The VM of a request that is ready, and how to go to it.
pub(super) async fn of_timeline(
    state: &AppState,
    timeline: &Timeline,
) -> Result<Option<Finished>, ApiError> {
    let Some(vm) = &timeline.vm else { return Ok(None) };
    if timeline.status != VmStatus::Ready {
        return Ok(None);
    }
    let rank = state.query.rank(timeline).await?;
    let vcenter = timeline.vcenter.as_ref().map(|vcenter| vcenter.0.as_str()).unwrap_or_default();
    Ok(Some(Finished {
        ssh: state.machine_links.ssh(&vm.ip_address.to_string()),
        vcenter: state.machine_links.in_vcenter(&vm.moref.0, vcenter),
        rank: rank.map(|rank| Rank { percent: rank.faster_than_percent, runs: rank.runs }),
        vm: convert::virtual_machine(vm),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vm_is_reached_by_ssh_and_in_vcenter() {
        let none = MachineLinks::default();
        assert_eq!(none.ssh("10.20.0.4"), "ssh 10.20.0.4");
        assert_eq!(none.in_vcenter("vm-42", "b1"), None);
        let both = MachineLinks {
            ssh_user: Some("ops".to_owned()),
            vcenter: Some("https://vc.example.com/ui".to_owned()),
        };
        assert_eq!(both.ssh("10.20.0.4"), "ssh ops@10.20.0.4");
        let link = both.in_vcenter("vm-42", "4c0e-1").unwrap();
        assert_eq!(
            link,
            "https://vc.example.com/ui/app/vm;nav=v/urn:vmomi:VirtualMachine:vm-42:4c0e-1/summary"
        );
        assert!(both.in_vcenter("vm/../x?", "u").unwrap().contains("vm%2F..%2Fx%3F"));
    }
}
