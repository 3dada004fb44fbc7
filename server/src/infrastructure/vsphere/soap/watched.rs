//! The two things that are waited for: tasks, and what a guest's tools report.

use std::net::IpAddr;

use roxmltree::Node;

use super::answer;
use super::waiter::Watched;
use crate::infrastructure::vsphere::api::{GuestInfo, GuestNic, TaskInfo, TaskState};

impl Watched for TaskInfo {
    const KIND: &'static str = "Task";
    // As a whole, so that state, result and error are of one moment.
    const PATHS: &'static [&'static str] = &["info"];

    fn unknown() -> Self {
        Self { state: TaskState::Queued, percent: None, cancelable: false, result: None }
    }

    fn take(&mut self, path: &str, value: Option<Node<'_, '_>>) {
        if let Some(info) = value.filter(|_| path == "info") {
            *self = read_task(info);
        }
    }

    fn is_final(&self) -> bool {
        matches!(self.state, TaskState::Success | TaskState::Error(_))
    }
}

fn read_task(info: Node<'_, '_>) -> TaskInfo {
    let state = match answer::text(info, "state") {
        Some("success") => TaskState::Success,
        Some("error") => TaskState::Error(match answer::child(info, "error") {
            Some(error) => answer::localized_fault(error),
            None => answer::unknown_fault(),
        }),
        Some("queued") => TaskState::Queued,
        _ => TaskState::Running,
    };
    let percent = answer::child(info, "progress").and_then(answer::number::<i64>);
    TaskInfo {
        state,
        percent: percent.and_then(|percent| u8::try_from(percent.clamp(0, 100)).ok()),
        cancelable: answer::child(info, "cancelable").is_some_and(answer::flag),
        result: answer::child(info, "result").and_then(answer::reference).map(|made| made.moref()),
    }
}

const NET: &str = "guest.net";
const IP_ADDRESS: &str = "guest.ipAddress";
const TOOLS: &str = "guest.toolsRunningStatus";
const HOST_NAME: &str = "guest.hostName";
const POWER: &str = "runtime.powerState";

impl Watched for GuestInfo {
    const KIND: &'static str = "VirtualMachine";
    const PATHS: &'static [&'static str] = &[NET, IP_ADDRESS, TOOLS, HOST_NAME, POWER];

    fn unknown() -> Self {
        Self::default()
    }

    fn take(&mut self, path: &str, value: Option<Node<'_, '_>>) {
        let text = value.and_then(answer::value);
        match path {
            NET => self.nics = value.map(read_nics).unwrap_or_default(),
            IP_ADDRESS => self.ip_address = text.and_then(read_address),
            TOOLS => self.tools_running = text == Some("guestToolsRunning"),
            HOST_NAME => self.hostname = text.map(str::to_owned),
            POWER => self.powered_off = text == Some("poweredOff"),
            _ => {}
        }
    }

    fn is_final(&self) -> bool {
        false
    }
}

fn read_nics(net: Node<'_, '_>) -> Vec<GuestNic> {
    answer::children(net, "GuestNicInfo")
        .map(|nic| GuestNic {
            mac: answer::text(nic, "macAddress").map(str::to_lowercase),
            connected: answer::child(nic, "connected").is_some_and(answer::flag),
            addresses: answer::children(nic, "ipAddress")
                .filter_map(answer::value)
                .filter_map(read_address)
                .collect(),
        })
        .collect()
}

/// An address, without the zone that a guest may put behind it.
fn read_address(text: &str) -> Option<IpAddr> {
    text.split('%').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::super::xml::XSI;
    use super::*;
    use crate::infrastructure::vsphere::api::Fault;

    fn take<T: Watched>(watched: &mut T, path: &str, inner: &str) {
        let text = format!("<val xmlns:x='{XSI}'>{inner}</val>");
        let document = Document::parse(&text).expect("well-formed");
        watched.take(path, Some(document.root_element()));
    }

    fn task(inner: &str) -> TaskInfo {
        let mut task = TaskInfo::unknown();
        take(&mut task, "info", inner);
        task
    }

    #[test]
    fn a_task_tells_state_percent_and_result() {
        let queued = TaskInfo::unknown();
        assert_eq!(task("<state>queued</state><progress></progress>"), queued);
        let running =
            task("<state>running</state><cancelable>true</cancelable><progress>42</progress>");
        assert!(running.cancelable && !task("<state>running</state>").cancelable);
        assert_eq!((running.state.clone(), running.percent), (TaskState::Running, Some(42)));
        assert!(!running.is_final());
        let done = task(
            "<state>success</state><result x:type='ManagedObjectReference' \
             type='VirtualMachine'>vm-7</result>",
        );
        assert_eq!(done.result.as_ref().map(|vm| vm.0.as_str()), Some("vm-7"));
        assert!(done.is_final());
    }

    #[test]
    fn a_failed_task_tells_its_fault() {
        let failed = task(
            "<state>error</state><error><fault x:type='InvalidPowerState'>\
             <existingState>poweredOn</existingState></fault>\
             <localizedMessage>Not in this state.</localizedMessage></error>",
        );
        let fault = Fault {
            kind: "InvalidPowerState".to_owned(),
            message: "Not in this state.".to_owned(),
            existing_state: Some("poweredOn".to_owned()),
        };
        assert_eq!(failed.state, TaskState::Error(fault));
        assert!(matches!(task("<state>error</state>").state, TaskState::Error(_)));
    }

    #[test]
    fn a_guest_tells_its_cards_and_forgets_what_is_no_longer_set() {
        let mut guest = GuestInfo::unknown();
        take(
            &mut guest,
            NET,
            "<GuestNicInfo><ipAddress>fe80::1%eth0</ipAddress><ipAddress>10.0.0.5</ipAddress>\
             <ipAddress>none</ipAddress><macAddress>00:50:56:AA:BB:CC</macAddress>\
             <connected>true</connected></GuestNicInfo><GuestNicInfo/>",
        );
        take(&mut guest, IP_ADDRESS, "10.0.0.5");
        take(&mut guest, TOOLS, "guestToolsRunning");
        take(&mut guest, HOST_NAME, "web-1");
        take(&mut guest, POWER, "poweredOn");
        let first = GuestNic {
            mac: Some("00:50:56:aa:bb:cc".to_owned()),
            connected: true,
            addresses: vec!["fe80::1".parse().expect("v6"), "10.0.0.5".parse().expect("v4")],
        };
        let told = GuestInfo {
            ip_address: Some("10.0.0.5".parse().expect("v4")),
            nics: vec![first, GuestNic::default()],
            tools_running: true,
            powered_off: false,
            hostname: Some("web-1".to_owned()),
        };
        assert_eq!(guest, told);
        take(&mut guest, POWER, "poweredOff");
        assert_eq!(guest, GuestInfo { powered_off: true, ..told.clone() });
        take(&mut guest, POWER, "poweredOn");

        guest.take(NET, None);
        guest.take(TOOLS, None);
        assert_eq!(guest, GuestInfo { nics: vec![], tools_running: false, ..told });
    }
}
