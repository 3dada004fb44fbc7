//! What the page says, in each of its languages: labels, durations, headlines, failures.
//!
//! This is the catalogue: every sentence stands here and nowhere else, in all languages beside each
//! other, so that one that is not translated does not compile. [`Words`] says in which language; a
//! component asks for it once and hands it on. Nothing else here touches the DOM, a clock or a locale,
//! so the server's first render and the browser's are equal by construction, and every sentence is
//! covered by a native test.

use crate::language::Language;

/// A sentence with something in it: the words, English, German, and what belongs at each `{}`.
macro_rules! say {
    ($words:expr, $english:literal, $german:literal $(, $argument:expr)* $(,)?) => {
        match $words.language() {
            $crate::language::Language::English => format!($english $(, $argument)*),
            $crate::language::Language::German => format!($german $(, $argument)*),
        }
    };
}

#[cfg(test)]
mod catalogue_tests;
mod duration;
mod failure;
mod film;
mod headline;
#[cfg(feature = "ssr")]
mod history;
#[cfg(feature = "ssr")]
mod insights;
mod labels;
mod liveness;
mod moment;
mod notification;
mod query;
mod remaining;
mod sentences;
mod size;
mod stage;
mod summary;
mod timeline;
mod told;
mod tone;
mod usual;

pub(crate) use duration::elapsed;
pub(crate) use film::film_speed;
pub(crate) use headline::waits_for;
#[cfg(feature = "ssr")]
pub(crate) use history::HistoryRow;
#[cfg(feature = "ssr")]
pub(crate) use insights::range_held;
pub(crate) use liveness::Said;
pub(crate) use moment::{utc, utc_full};
#[cfg(feature = "hydrate")]
pub(crate) use notification::Notice;
pub(crate) use query::in_query;
pub(crate) use remaining::{Remaining, capitalised};
pub(crate) use stage::{stage_key, state_key, state_sign};
pub(crate) use tone::{Tone, tone};

/// The page's words in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words(Language);

impl Words {
    /// In English, as the API speaks.
    pub(crate) const ENGLISH: Self = Self(Language::English);
    /// In German.
    #[cfg(test)]
    pub(crate) const GERMAN: Self = Self(Language::German);

    /// The words of this page: on the server what its reader's browser asks for, in the browser what
    /// the page says of itself, so that both render the same.
    pub(crate) fn of_page() -> Self {
        #[cfg(feature = "hydrate")]
        {
            let page = leptos::prelude::document().document_element();
            let tag = page.and_then(|page| page.get_attribute("lang")).unwrap_or_default();
            Self(Language::of_tag(&tag))
        }
        #[cfg(not(feature = "hydrate"))]
        {
            #[cfg(feature = "ssr")]
            if let Some(parts) = leptos::prelude::use_context::<axum::http::request::Parts>() {
                let wish = parts.headers.get(axum::http::header::ACCEPT_LANGUAGE);
                let wish = wish.and_then(|wish| wish.to_str().ok()).unwrap_or_default();
                return Self(Language::accepted(wish));
            }
            Self::ENGLISH
        }
    }

    /// Which language it is.
    pub(crate) const fn language(self) -> Language {
        self.0
    }

    /// Of a text in all languages the one in this.
    const fn pick(self, english: &'static str, german: &'static str) -> &'static str {
        match self.0 {
            Language::English => english,
            Language::German => german,
        }
    }
}
