//! PostgreSQL's programs: found, never downloaded.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::error::EmbeddedError;

/// Where Debian's packages put each version, side by side.
const DEBIAN_VERSIONS: &str = "/usr/lib/postgresql";

/// `initdb` and `postgres` of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Programs {
    /// The major version, as `PG_VERSION` spells it.
    pub(super) version: String,
    bin: PathBuf,
}

impl Programs {
    /// The programs for data of `version`, or the newest for a new cluster.
    pub(super) async fn find(data: Option<(&str, &Path)>) -> Result<Self, EmbeddedError> {
        let debian = installed(Path::new(DEBIAN_VERSIONS));
        if let Some(found) = choose(&debian, data.map(|(version, _)| version)) {
            return Ok(found);
        }
        let elsewhere = on_path().await;
        let Some((version, data)) = data else {
            return elsewhere.ok_or(EmbeddedError::NotInstalled);
        };
        elsewhere.filter(|found| found.version == version).ok_or_else(|| {
            EmbeddedError::VersionNotInstalled {
                version: version.to_owned(),
                data: data.to_owned(),
            }
        })
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.bin.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.bin.join("postgres")
    }
}

/// Every version below `root` that has both programs: `root/<version>/bin`.
fn installed(root: &Path) -> Vec<Programs> {
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().into_string().ok()?;
            complete(Programs { version, bin: entry.path().join("bin") })
        })
        .collect()
}

/// The wanted version, or the newest (by number: 9.6 is older than 15).
fn choose(installed: &[Programs], wanted: Option<&str>) -> Option<Programs> {
    match wanted {
        Some(wanted) => installed.iter().find(|programs| programs.version == wanted),
        None => installed.iter().max_by_key(|programs| number(&programs.version)),
    }
    .cloned()
}

fn number(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

/// What the PATH has, for those who built PostgreSQL themselves.
async fn on_path() -> Option<Programs> {
    // PATH is no setting of ours, so it is not in the configuration.
    let path = std::env::var_os("PATH")?;
    for bin in std::env::split_paths(&path) {
        let Some(found) = complete(Programs { version: String::new(), bin }) else { continue };
        let mut ask = Command::new(found.postgres());
        ask.arg("--version").kill_on_drop(true);
        let Ok(answer) = ask.output().await else { continue };
        if let Some(version) = major(&String::from_utf8_lossy(&answer.stdout)) {
            return Some(Programs { version, ..found });
        }
    }
    None
}

fn complete(programs: Programs) -> Option<Programs> {
    (programs.initdb().is_file() && programs.postgres().is_file()).then_some(programs)
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is version 15.
fn major(answer: &str) -> Option<String> {
    let full = answer.split(')').nth(1)?.split_whitespace().next()?;
    let digits: String = full.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(versions: &[&str]) -> Vec<Programs> {
        versions
            .iter()
            .map(|version| Programs { version: (*version).to_owned(), bin: PathBuf::from(version) })
            .collect()
    }

    #[test]
    fn a_new_cluster_gets_the_newest_version_by_number() {
        let all = programs(&["9.6", "15", "13"]);
        assert_eq!(choose(&all, None), Some(all[1].clone()));
        assert_eq!(choose(&[], None), None);
    }

    #[test]
    fn data_is_served_by_its_own_version_only() {
        let all = programs(&["15", "16"]);
        assert_eq!(choose(&all, Some("15")), Some(all[0].clone()));
        assert_eq!(choose(&all, Some("14")), None);
    }

    #[test]
    fn a_version_counts_only_when_both_programs_are_there() {
        let root = tempfile::tempdir().unwrap();
        for (version, names) in [("15", &["initdb", "postgres"][..]), ("16", &["postgres"][..])] {
            let bin = root.path().join(version).join("bin");
            std::fs::create_dir_all(&bin).unwrap();
            for name in names {
                std::fs::write(bin.join(name), "").unwrap();
            }
        }
        let found = installed(root.path());
        assert_eq!(found.iter().map(|p| p.version.as_str()).collect::<Vec<_>>(), ["15"]);
    }

    #[test]
    fn the_major_version_is_read_from_what_postgres_says() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(major(debian).as_deref(), Some("15"));
        assert_eq!(major("postgres (PostgreSQL) 19devel\n").as_deref(), Some("19"));
        assert_eq!(major("something else"), None);
    }

    #[tokio::test]
    async fn a_missing_version_is_named_with_the_package_that_brings_it() {
        let missing = Programs::find(Some(("7", Path::new("/data")))).await.unwrap_err();
        assert_eq!(
            missing.to_string(),
            "the PostgreSQL data in /data is of version 7, which is not installed: \
             run `apt-get install postgresql-7`"
        );
    }
}
