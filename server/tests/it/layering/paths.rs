//! Which modules and crates a source names. Not a parser of Rust: it reads the paths, and knows
//! comments, texts and the braces of `use`.

use std::collections::BTreeSet;

/// Something that a source names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mention {
    /// A module at the top of our own crate.
    Module(String),
    /// Another crate.
    Crate(String),
    /// It has code that waits.
    Async,
}

/// Everything that the source of the module at `module` names, with the numbers of the lines.
pub(super) fn mentions(
    text: &str,
    module: &[&str],
    crates: &BTreeSet<String>,
) -> Vec<(usize, Mention)> {
    let code = without_comments_and_texts(text);
    let words = words(&code);
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let begins_path = index == 0 || !matches!(words[index - 1].text, "::" | "." | "'");
        if !begins_path {
            continue;
        }
        let mut note = |mention| found.push((word.line, mention));
        match word.text {
            "async" => note(Mention::Async),
            "crate" | "super" | "self" => {
                for name in heads(&words[index..], module) {
                    note(Mention::Module(name));
                }
            }
            name if crates.contains(name) && is_path(&words, index) => {
                note(Mention::Crate(name.to_owned()));
            }
            _ => {}
        }
    }
    found
}

/// Whether a crate's name stands there as one, and not as the name of something else.
fn is_path(words: &[Word<'_>], index: usize) -> bool {
    let next = words.get(index + 1).map(|word| word.text);
    let after_use = index > 0 && matches!(words[index - 1].text, "use");
    next == Some("::") || (after_use && matches!(next, Some(";" | "as")))
}

/// The top-level modules that a path beginning with `crate`, `super` or `self` leads to.
fn heads(words: &[Word<'_>], module: &[&str]) -> Vec<String> {
    let mut place: Vec<&str> = module.to_vec();
    let mut rest = words;
    if rest[0].text == "crate" {
        place.clear();
        rest = &rest[1..];
    } else {
        while let [word, more @ ..] = rest
            && matches!(word.text, "super" | "self" | "::")
        {
            if word.text == "super" {
                place.pop();
            }
            rest = more;
        }
        // Still inside a module of the top: what follows is below it.
        if let Some(top) = place.first() {
            return vec![(*top).to_owned()];
        }
        return next_names(rest);
    }
    match rest {
        [colons, more @ ..] if colons.text == "::" => next_names(more),
        _ => Vec::new(),
    }
}

/// The name that comes next, or all first names inside braces.
fn next_names(words: &[Word<'_>]) -> Vec<String> {
    let Some((first, rest)) = words.split_first() else { return Vec::new() };
    if first.text != "{" {
        return vec![first.text.to_owned()];
    }
    let (mut names, mut depth, mut expects_name) = (Vec::new(), 1, true);
    for word in rest {
        match word.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => expects_name = true,
            name if depth == 1 && std::mem::take(&mut expects_name) => names.push(name.to_owned()),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

#[derive(Debug, Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    line: usize,
}

/// Names, `::`, and single signs.
fn words(code: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let is_name = |c: char| c.is_alphanumeric() || c == '_';
            let length = if rest.starts_with("::") {
                2
            } else if is_name(first) {
                rest.find(|c| !is_name(c)).unwrap_or(rest.len())
            } else {
                first.len_utf8()
            };
            let (text, after) = rest.split_at(length);
            words.push(Word { text, line: index + 1 });
            rest = after.trim_start();
        }
    }
    words
}

/// The source with blanks for what is not code; lines stay lines.
fn without_comments_and_texts(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let skipped = skipped(rest);
        if skipped == 0 {
            let next = rest.chars().next().map_or(1, char::len_utf8);
            code.push_str(&rest[..next]);
            rest = &rest[next..];
        } else {
            code.extend(rest[..skipped].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[skipped..];
        }
    }
    code
}

/// The length of the comment or text at the beginning of `rest`; 0 when there is none.
fn skipped(rest: &str) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if let Some(comment) = rest.strip_prefix("/*") {
        return comment.find("*/").map_or(rest.len(), |end| end + 4);
    }
    if let Some(raw) = rest.strip_prefix("r#\"") {
        return raw.find("\"#").map_or(rest.len(), |end| end + 5);
    }
    if let Some(character) = rest.strip_prefix("'\"'") {
        return rest.len() - character.len();
    }
    if !rest.starts_with('"') {
        return 0;
    }
    let mut escaped = false;
    for (index, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    rest.len()
}

#[test]
fn paths_are_followed_to_the_module_at_the_top() {
    let crates = ["serde".to_owned()].into();
    let found = |text: &str| -> Vec<Mention> {
        let found = mentions(text, &["http", "text"], &crates);
        found.into_iter().map(|(_, mention)| mention).collect()
    };
    let module = |name: &str| Mention::Module(name.to_owned());
    assert_eq!(found("use crate::a::b;"), [module("a")]);
    assert_eq!(found("use crate::{a::{b, c}, d, e::f};"), ["a", "d", "e"].map(module));
    assert_eq!(found("use super::b;"), [module("http")]);
    assert_eq!(found("use super::super::b::c;"), [module("b")]);
    assert_eq!(found("fn serde() {} /* serde::x */ // serde::y"), []);
    assert_eq!(found("#[derive(serde::Serialize)]"), [Mention::Crate("serde".to_owned())]);
    assert_eq!(found("r#\"serde::x\"# \"serde::\\\"y\" x.serde::<T>()"), []);
}
