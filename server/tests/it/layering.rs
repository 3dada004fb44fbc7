//! Data flows one way: http -> application -> domain <- infrastructure; only bootstrap knows everybody.
//!
//! The sources are read, and every path in them that leads against an arrow is named with its line.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

mod paths;

use paths::{Mention, mentions};

/// What a layer may name.
struct Rule {
    /// The paths of the layer's modules below `src`.
    layer: &'static [&'static str],
    /// Our own modules that it may name, besides itself.
    modules: &'static [&'static str],
    /// Other crates.
    crates: Crates,
    /// Whether it may have `async` in it.
    may_await: bool,
    why: &'static str,
}

enum Crates {
    /// Only these.
    Only(&'static [&'static str]),
    /// All but these.
    AllBut(&'static [&'static str]),
}

/// Our own modules at the top.
const TOP: [&str; 8] = [
    "application",
    "bootstrap",
    "config",
    "domain",
    "http",
    "infrastructure",
    "shutdown",
    "telemetry",
];

/// The first rule whose layer holds a file is the file's.
const RULES: [Rule; 7] = [
    Rule {
        layer: &["domain/ports"],
        modules: &[],
        crates: Crates::Only(&["async_trait", "chrono", "futures_core", "thiserror", "uuid"]),
        may_await: true,
        why: "a port declares what the domain needs and knows no adapter",
    },
    Rule {
        layer: &["domain"],
        modules: &[],
        crates: Crates::Only(&["chrono", "proptest", "thiserror", "uuid"]),
        may_await: false,
        why: "the domain is pure: no I/O, no waiting, nothing serialisable",
    },
    Rule {
        layer: &["application"],
        modules: &["domain"],
        crates: Crates::AllBut(&[
            "app",
            "axum",
            "hyper",
            "hyper_util",
            "leptos",
            "leptos_axum",
            "reqwest",
            "serde",
            "serde_json",
            "sqlx",
            "tower",
            "tower_http",
        ]),
        may_await: true,
        why: "the application knows ports, and neither adapters nor the wire",
    },
    Rule {
        layer: &["infrastructure"],
        modules: &["domain"],
        crates: Crates::AllBut(&["app", "axum", "hyper", "leptos", "leptos_axum", "tower_http"]),
        may_await: true,
        why: "an adapter knows the port that it implements, and nobody who uses it",
    },
    Rule {
        layer: &["http"],
        modules: &["application", "domain"],
        crates: Crates::AllBut(&["reqwest", "sqlx"]),
        may_await: true,
        why: "http translates for the application, and never reaches past it",
    },
    Rule {
        layer: &["config"],
        modules: &["domain"],
        crates: Crates::AllBut(&["app", "axum", "reqwest", "sqlx"]),
        may_await: false,
        why: "settings are values, and know nobody who uses them",
    },
    Rule {
        layer: &["bootstrap", "lib", "main", "shutdown", "telemetry"],
        modules: &TOP,
        crates: Crates::AllBut(&[]),
        may_await: true,
        why: "the composition root may know everybody",
    },
];

#[test]
fn nothing_is_imported_against_the_arrows() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let crates = dependencies();
    assert!(crates.contains("sqlx") && crates.contains("async_trait"), "{crates:?}");
    let mut files = Vec::new();
    collect(&source, &mut files);
    assert!(files.len() > 60, "the sources were not found: {files:?}");
    let mut wrong = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).expect("a source");
        let path = file.strip_prefix(&source).expect("below src");
        wrong.extend(violations(path, &text, &crates));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What in this source, which is at this path below `src`, leads against the arrows.
fn violations(path: &Path, text: &str, crates: &BTreeSet<String>) -> Vec<String> {
    let module = path.with_extension("");
    let holds = |rule: &&Rule| rule.layer.iter().any(|layer| module.starts_with(layer));
    let Some(rule) = RULES.iter().find(holds) else {
        return vec![format!("src/{}: belongs to no layer", path.display())];
    };
    let segments: Vec<&str> = module.iter().filter_map(|part| part.to_str()).collect();
    let found = mentions(text, &segments, crates);
    let wrong = found.into_iter().filter_map(|(line, mention)| {
        let name = match &mention {
            Mention::Module(top) if may_name(rule, &segments, top) => return None,
            Mention::Crate(name) if rule.crates.allow(name) => return None,
            Mention::Async if rule.may_await => return None,
            Mention::Module(module) => format!("crate::{module}"),
            Mention::Crate(name) => name.clone(),
            Mention::Async => "async".to_owned(),
        };
        Some(format!("src/{}:{line}: names {name}; {}", path.display(), rule.why))
    });
    wrong.collect()
}

/// Whether a layer may name this module at the top. What is no module there is an item of the file
/// itself, seen from a module inside it.
fn may_name(rule: &Rule, file: &[&str], top: &str) -> bool {
    !TOP.contains(&top) || file.first() == Some(&top) || rule.modules.contains(&top)
}

impl Crates {
    fn allow(&self, name: &str) -> bool {
        match self {
            Self::Only(these) => these.contains(&name),
            Self::AllBut(these) => !these.contains(&name),
        }
    }
}

/// The crates that this package depends on, as they are named in code.
fn dependencies() -> BTreeSet<String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("the manifest");
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        } else if inside && let Some((name, _)) = line.split_once(['.', ' ', '=']) {
            names.insert(name.replace('-', "_"));
        }
    }
    names
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Each source is wrong in its layer, and the one after it is not.
#[test]
fn an_import_against_the_arrows_would_be_found() {
    for (path, wrong, right) in [
        ("domain/vm.rs", "use crate::application::feed;", "use crate::domain::stage;"),
        ("domain/vm.rs", "use serde::Serialize;", "use chrono::Utc;"),
        ("domain/vm.rs", "fn f() { tokio::spawn(g()) }", "// tokio::spawn is not for here"),
        ("domain/vm.rs", "async fn f() {}", "/// Never `async`.\nfn f() {}"),
        ("domain/ports/clock.rs", "use sqlx::PgPool;", "use async_trait::async_trait;"),
        ("domain/ports/clock.rs", "use super::super::super::http::x;", "use super::super::stage;"),
        ("application/feed.rs", "use crate::{domain::ids, http::text};", "use crate::domain::ids;"),
        ("application/feed.rs", "use app::api;", "use tokio::sync;"),
        (
            "application/feed/topic.rs",
            "use super::super::super::infrastructure::x;",
            "use super::x;",
        ),
        ("application/feed.rs", "fn f(x: &sqlx::PgPool) {}", "fn f() -> &str { \"sqlx::PgPool\" }"),
        ("infrastructure/clock.rs", "use crate::application::feed;", "use sqlx::PgPool;"),
        ("infrastructure/clock.rs", "let x = crate::http::router();", "let x = self.http();"),
        ("http/text.rs", "use crate::infrastructure::clock;", "use crate::application::feed;"),
        ("http/text.rs", "use sqlx as database;", "use axum::http::header;"),
        ("http.rs", "pub use crate::bootstrap::Server;", "use axum::Router;"),
        ("config.rs", "use crate::http::AppState;", "use crate::domain::spec;"),
    ] {
        let crates = dependencies();
        let found = |text: &str| violations(Path::new(path), text, &crates);
        assert_eq!(found(wrong).len(), 1, "{path}: {wrong}");
        assert!(
            found(wrong)[0].starts_with(&format!("src/{path}:1: names ")),
            "{:?}",
            found(wrong)
        );
        assert_eq!(found(right), [""; 0], "{path}: {right}");
    }
}
