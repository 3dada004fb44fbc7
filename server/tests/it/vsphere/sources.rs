//! What the sources under `infrastructure/vsphere` may not name.

use std::fs;
use std::path::{Path, PathBuf};

/// Words that only a domain event has. The adapter tells plain stages; what they become in the journal
/// is not its business.
const FORBIDDEN: [&str; 4] =
    ["domain::event", "VmEvent", "VmProvisioned", "VmProvisioningProgressUpdated"];

#[test]
fn nothing_of_vsphere_names_a_domain_event() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/infrastructure");
    let mut files = vec![root.join("vsphere.rs")];
    collect(&root.join("vsphere"), &mut files);
    assert!(files.len() > 10, "the sources were not found: {files:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let named: Vec<_> = FORBIDDEN.iter().filter(|word| names(&text, word)).collect();
        assert!(named.is_empty(), "{} names {named:?}", file.display());
    }
}

#[test]
fn a_domain_event_would_be_found() {
    assert!(names("use crate::domain::event::VmEvent;", "VmEvent"));
    assert!(names("domain::{event, spec}; VmProvisioned {}", "VmProvisioned"));
    assert!(!names("VmProvisioningResult, VmEvents", "VmEvent"));
}

/// Whether the text has the word, not merely as a part of a longer one.
fn names(text: &str, word: &str) -> bool {
    let continues = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[at + word.len()..].chars().next().is_some_and(continues))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
