//! What the page needs from the settings: its files, and where a finished VM can be reached.

use std::path::PathBuf;

use url::Url;

use crate::config::Config;
use crate::http::MachineLinks;

/// How a finished VM is reached. A simulated vCenter has no pages to lead to.
pub(super) fn machine_links(config: &Config, simulated: bool) -> MachineLinks {
    let vcenter = config.vsphere_url.as_ref().filter(|_| !simulated).and_then(vcenter_ui);
    MachineLinks { ssh_user: config.ssh_user.clone(), vcenter }
}

/// The address of vCenter's own pages, beside its SDK.
fn vcenter_ui(sdk: &Url) -> Option<String> {
    let mut address = sdk.join("/ui").ok()?;
    // Whatever stands before the host is nobody's business.
    address.set_username("").ok()?;
    address.set_password(None).ok()?;
    Some(address.to_string())
}

/// Where the page's files are: as set, else beside the program, as installed, else beside its folder,
/// as built.
pub(super) fn site_dir(set: Option<PathBuf>) -> PathBuf {
    let beside = || {
        let program = std::env::current_exe().ok()?;
        let mut sites = program.ancestors().skip(1).take(2).map(|folder| folder.join("site"));
        sites.find(|site| site.is_dir())
    };
    set.or_else(beside).unwrap_or_else(|| PathBuf::from("target/site"))
}
