//! Every label in every language, a few sentences as they are read, and that no other file has any.

use std::{fs, path::Path};

use super::{Words, labels::LABELS};
use crate::{
    api::{Basis, Estimate, Stage, Status},
    measure::Outlook,
    sample,
};

const DE: Words = Words::GERMAN;

/// Labels that are the same in both languages.
const SAME: [&str; 6] =
    ["in_vcenter", "what_in_vcenter", "filter_status", "name", "cpus_title", "gateway"];

#[test]
fn every_label_is_there_and_translated() {
    for (name, english, german) in LABELS {
        assert!(!english.trim().is_empty() && !german.trim().is_empty(), "{name}");
        assert_eq!(english == german, SAME.contains(name), "{name}: {english} / {german}");
    }
}

#[test]
fn every_stage_and_status_is_translated() {
    for stage in Stage::ALL {
        assert_ne!(Words::ENGLISH.stage_label(stage), DE.stage_label(stage));
    }
    for status in Status::ALL {
        assert_ne!(Words::ENGLISH.status(status), DE.status(status));
    }
}

#[test]
fn german_numbers_have_their_own_signs() {
    assert_eq!(DE.duration(812), "0,8 s");
    assert_eq!(DE.duration(112_000), "1 min 52 s");
    assert_eq!(DE.with_thousands(1_048_576), "1.048.576");
    assert_eq!((DE.memory(1_536), DE.memory(1_028)), ("1,5 GiB".into(), "1.028 MiB".into()));
}

#[test]
fn german_knows_one_from_many() {
    assert_eq!((DE.cpus(1), DE.cpus(2)), ("1 CPU".into(), "2 CPUs".into()));
    #[cfg(feature = "ssr")]
    assert_eq!((DE.runs(1), DE.runs(2)), ("1 Durchlauf".into(), "2 Durchläufe".into()));
    assert_eq!(DE.new_requests(1, false), "1 neue Anforderung");
    assert_eq!(DE.new_requests(2, false), "2 neue Anforderungen");
    assert_eq!(DE.fields_are_wrong(1), "Ein Feld braucht einen anderen Wert");
}

#[test]
fn german_says_how_long_still() {
    let said = |low, high| DE.remaining(&Outlook { span_ms: Some((low, high)), late: None }).text;
    assert_eq!(said(62_000, 118_000), "Noch etwa 1–2 Minuten");
    assert_eq!(said(21_000, 66_000), "Noch etwa 20–70 s");
    assert_eq!(said(21_000, 110_000), "Noch unter 2 Minuten");
    assert_eq!(said(0, 4_000), "Noch ein paar Sekunden");
    let usual = Estimate {
        remaining_ms: 100_000,
        low_ms: Some(185_000),
        high_ms: Some(290_000),
        samples: 40,
        basis: Basis::Template,
        late: None,
    };
    assert_eq!(DE.foreseen(Some(Some(&usual)), 2), "Meist etwa 3–5 Minuten, 2 vor Ihnen");
}

#[test]
fn german_tells_a_request_through_its_stages() {
    let mut progress = sample::progress();
    assert_eq!(DE.announcement(&progress).as_deref(), Some("Konfiguration anwenden: läuft"));
    assert_eq!(
        DE.source_of_estimate(&progress).as_deref(),
        Some("aus 42 früheren Durchläufen dieser Vorlage")
    );
    let title = DE.document_title(&progress, "a", sample::NOW_MS, sample::NOW_MS);
    assert_eq!(title, "3/6 Konfiguration anwenden, etwa 50 s · a · Stagewatch");
    progress.status = Status::Ready;
    progress.ended_at = Some(sample::at(112_000));
    let headline = DE.headline(&progress, sample::NOW_MS, sample::NOW_MS);
    assert_eq!(headline.text, "Bereit in 1 min 52 s");
}

/// Where no word of a person's may be, below `src`.
const WORDLESS: [&str; 10] = [
    "app.rs",
    "board",
    "components",
    "film.rs",
    "islands",
    "live",
    "pages",
    "pages.rs",
    "shell.rs",
    "viewer.rs",
];

/// Literals that look like words and are none: what only a program reads, and the product's name.
const NO_WORDS: [&str; 1] = ["Stagewatch"];

#[test]
fn no_sentence_is_outside_of_the_catalogue() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files: Vec<_> = WORDLESS.iter().map(|place| source.join(place)).collect();
    let (mut found, mut seen) = (Vec::new(), 0);
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        if path.file_stem().unwrap().to_string_lossy().ends_with("tests") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        for (number, line) in text.lines().enumerate() {
            seen += 1;
            for literal in literals(line).filter(|literal| is_words(literal)) {
                found.push(format!("{}:{}: {literal}", path.display(), number + 1));
            }
        }
    }
    assert!(seen > 1_000, "only {seen} lines were read");
    assert_eq!(found, [""; 0], "these belong into app/src/words");
}

/// The string literals of a line of code.
fn literals(line: &str) -> impl Iterator<Item = &str> {
    let code = line.trim_start();
    let is_code = !code.starts_with("//") && !code.contains("reason = \"");
    let parts: Vec<_> = code.split('"').collect();
    // What stands between an odd and an even quote; attributes that only a program reads are not for people.
    let quoted = parts.windows(2).enumerate().filter(move |(index, _)| is_code && index % 2 == 0);
    let read = quoted.filter(|(_, pair)| !FOR_PROGRAMS.iter().any(|name| pair[0].ends_with(name)));
    read.map(|(_, pair)| pair[1]).collect::<Vec<_>>().into_iter()
}

/// Before a literal that no person reads.
const FOR_PROGRAMS: [&str; 9] = [
    " class=",
    " d=",
    "viewBox=",
    "viewBox=format!(",
    " content=",
    "style=(",
    "preserveAspectRatio=",
    "querySelector(",
    "expect(",
];

/// Whether a literal has a word that begins with a capital, or two words beside each other.
fn is_words(literal: &str) -> bool {
    if NO_WORDS.contains(&literal) || literal.starts_with("data:") {
        return false;
    }
    let is_word = |word: &str| word.len() > 1 && word.chars().all(char::is_alphabetic);
    let words: Vec<_> = literal.split(' ').collect();
    let is_capital = words.iter().any(|word| is_word(word) && word.starts_with(char::is_uppercase));
    is_capital || words.windows(2).any(|pair| is_word(pair[0]) && is_word(pair[1]))
}

#[test]
fn the_search_for_sentences_finds_them() {
    let found = |line| literals(line).any(is_words);
    for line in [r#"<h1>"New request"</h1>"#, r#"label="Name""#, r#"<p>"it is so"</p>"#] {
        assert!(found(line), "{line}");
    }
    for line in [r#"<p class="visually hidden">"#, r#"// "New request""#, r#"data-kind="main""#] {
        assert!(!found(line), "{line}");
    }
}
