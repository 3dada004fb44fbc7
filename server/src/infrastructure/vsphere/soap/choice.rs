//! Chooses what a setting means among what there is, or says what the choices are.

use crate::infrastructure::vsphere::api::ApiError;

/// How many choices an error lists.
const CHOICES_SHOWN_MAX: usize = 20;

/// Something that a setting may mean.
#[derive(Debug, Clone)]
pub(super) struct Candidate<T> {
    pub(super) name: String,
    /// Its inventory path, with a leading slash.
    pub(super) path: String,
    pub(super) value: T,
}

impl<T> Candidate<T> {
    /// Whether a setting means it: by its name, its path, or the end of its path.
    fn is_meant(&self, setting: &str) -> bool {
        let setting = setting.trim_matches('/');
        self.name == setting
            || self.path.strip_suffix(setting).is_some_and(|before| before.ends_with('/'))
    }
}

/// Chooses the candidate that the setting means, or the only one.
pub(super) fn choose<T>(
    what: &str,
    variable: &str,
    setting: Option<&str>,
    candidates: Vec<Candidate<T>>,
) -> Result<Candidate<T>, ApiError> {
    let fail = |reason| Err(ApiError::Placement { reason });
    let choices = list(candidates.iter().map(|candidate| candidate.name.as_str()));
    let total = candidates.len();
    let mut meant: Vec<_> = candidates
        .into_iter()
        .filter(|candidate| setting.is_none_or(|setting| candidate.is_meant(setting)))
        .collect();
    match (meant.pop(), setting) {
        (Some(only), _) if meant.is_empty() => Ok(only),
        (None, _) if total == 0 => {
            fail(format!("vCenter has no {what} that this account may see ({variable})"))
        }
        (None, setting) => fail(format!(
            "{what} {:?} does not exist ({variable}); there are: {choices}",
            setting.unwrap_or_default()
        )),
        (Some(last), Some(setting)) => {
            let paths = meant.iter().chain([&last]).map(|candidate| candidate.path.as_str());
            let paths = list(paths);
            fail(format!(
                "{what} {setting:?} is not the only one ({variable}): give the path of one of {paths}"
            ))
        }
        (Some(_), None) => fail(format!("set {variable} to one of: {choices}")),
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(CHOICES_SHOWN_MAX);
    names.truncate(CHOICES_SHOWN_MAX);
    let listed = names.join(", ");
    if more > 0 { format!("{listed} and {more} more") } else { listed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(setting: Option<&str>, paths: &[&str]) -> Result<String, String> {
        let candidates = paths
            .iter()
            .map(|path| Candidate {
                name: path.rsplit('/').next().unwrap_or_default().to_owned(),
                path: (*path).to_owned(),
                value: (),
            })
            .collect();
        choose("pool", "VSPHERE_POOL", setting, candidates)
            .map(|found| found.path)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_only_one_needs_no_name() {
        assert_eq!(chosen(None, &["/DC0/a"]).as_deref(), Ok("/DC0/a"));
    }

    #[test]
    fn without_a_name_several_are_a_question() {
        assert_eq!(
            chosen(None, &["/DC0/b", "/DC0/a"]),
            Err("set VSPHERE_POOL to one of: a, b".to_owned())
        );
        let reason = "vCenter has no pool that this account may see (VSPHERE_POOL)";
        assert_eq!(chosen(None, &[]), Err(reason.to_owned()));
        assert_eq!(chosen(Some("a"), &[]), Err(reason.to_owned()));
    }

    #[test]
    fn a_name_or_the_end_of_a_path_chooses() {
        let paths = ["/DC0/x/a", "/DC0/y/a", "/DC0/ya"];
        assert_eq!(chosen(Some("ya"), &paths).as_deref(), Ok("/DC0/ya"));
        assert_eq!(chosen(Some("y/a"), &paths).as_deref(), Ok("/DC0/y/a"));
        assert_eq!(chosen(Some("/DC0/x/a"), &paths).as_deref(), Ok("/DC0/x/a"));
        assert_eq!(chosen(Some("DC0/x/a/"), &paths).as_deref(), Ok("/DC0/x/a"));
    }

    #[test]
    fn a_wrong_or_unclear_name_lists_the_choices() {
        let paths = ["/DC0/x/a", "/DC0/y/a"];
        assert_eq!(
            chosen(Some("b"), &paths),
            Err("pool \"b\" does not exist (VSPHERE_POOL); there are: a".to_owned())
        );
        assert_eq!(
            chosen(Some("a"), &paths),
            Err("pool \"a\" is not the only one (VSPHERE_POOL): give the path of one of \
                 /DC0/x/a, /DC0/y/a"
                .to_owned())
        );
    }

    #[test]
    fn a_long_list_is_cut() {
        let names: Vec<_> = (0..CHOICES_SHOWN_MAX + 3).map(|n| format!("/p{n:02}")).collect();
        let paths: Vec<_> = names.iter().map(String::as_str).collect();
        let reason = chosen(None, &paths).expect_err("several");
        assert!(reason.starts_with("set VSPHERE_POOL to one of: p00, p01,"), "{reason}");
        assert!(reason.ends_with("p19 and 3 more"), "{reason}");
    }
}
