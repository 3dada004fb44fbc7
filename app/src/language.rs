//! The languages that the pages speak, and which of them a browser is answered in.

use std::cmp::Reverse;

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// English, also for those who ask for nothing that is spoken here.
    English,
    /// German.
    German,
}

/// How many ranges of an `Accept-Language` are read: a browser sends a handful.
const RANGES_MAX: usize = 16;

/// The longest `Accept-Language` that is read, in bytes. A longer one is nobody's, and counts as none.
const HEADER_BYTES_MAX: usize = 1_024;

impl Language {
    /// All of them; the first is spoken where nothing is asked for.
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::German];

    /// The primary subtag of BCP 47, as in `<html lang>`.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The language of a tag; English for one that is not spoken here.
    #[cfg_attr(not(feature = "hydrate"), allow(dead_code, reason = "a browser reads its document"))]
    pub(crate) fn of_tag(tag: &str) -> Self {
        let language = Self::ALL.into_iter().find(|language| language.tag() == tag);
        language.unwrap_or(Self::English)
    }

    /// The best of an `Accept-Language` (RFC 9110, 12.5.4): by quality, then by order. Regions do not
    /// count: who asks for `de-AT` gets German. English when nothing fits.
    #[cfg_attr(not(feature = "ssr"), allow(dead_code, reason = "a server reads headers"))]
    pub(crate) fn accepted(header: &str) -> Self {
        if header.len() > HEADER_BYTES_MAX {
            return Self::English;
        }
        let ranges: Vec<_> = header.split(',').take(RANGES_MAX).filter_map(range).collect();
        let of = |tag: &str| {
            let ranges = ranges.iter().enumerate();
            let fitting = ranges.filter(|(_, (range, _))| range.eq_ignore_ascii_case(tag));
            fitting.map(|(place, (_, quality))| (Reverse(*quality), place)).min()
        };
        let wish = |language: &Self| of(language.tag()).or_else(|| of("*"));
        let wanted = |language: Self| {
            let (quality, place) = wish(&language).filter(|(quality, _)| quality.0 > 0)?;
            Some(((quality, place), language))
        };
        let best = Self::ALL.into_iter().filter_map(wanted).min_by_key(|(wish, _)| *wish);
        best.map_or(Self::English, |(_, language)| language)
    }
}

/// A range's primary subtag and its quality in thousandths; `None` for what is none.
#[cfg_attr(not(feature = "ssr"), allow(dead_code, reason = "a server reads headers"))]
fn range(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let primary = parts.next()?.split('-').next().filter(|primary| !primary.is_empty())?;
    let quality = match parts.next() {
        None => 1_000,
        Some(weight) => thousandths(weight.strip_prefix(['q', 'Q'])?.trim().strip_prefix('=')?)?,
    };
    Some((primary, quality))
}

/// `0.8` as 800; `None` unless it is 0 to 1 with at most three digits after the point.
fn thousandths(weight: &str) -> Option<u16> {
    let weight = weight.trim();
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_answered_in_the_language_that_it_likes_best() {
        for (header, language) in [
            ("", Language::English),
            ("de", Language::German),
            ("DE-at", Language::German),
            ("de-DE,de;q=0.9,en;q=0.8", Language::German),
            ("en-US,en;q=0.9,de;q=0.8", Language::English),
            ("en;q=0.2, de;q=0.25", Language::German),
            ("en, de", Language::English),
            ("de, en", Language::German),
            ("fr", Language::English),
            ("fr, de;q=0.1", Language::German),
            ("fr, *;q=0.5", Language::English),
            ("*", Language::English),
            ("en;q=0, *", Language::German),
            ("en;q=0", Language::English),
            ("de;q=0", Language::English),
            ("de;q=0.000, en;q=0.001", Language::English),
            ("de ; q = 0.9", Language::German),
            ("de;q=2", Language::English),
            ("de;q=1.001", Language::English),
            ("de;q=0.1234", Language::English),
            ("de;q=x", Language::English),
            ("de;level=1", Language::English),
            (";,;;q=,-", Language::English),
            ("deutsch", Language::English),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }

    #[test]
    fn what_is_too_long_counts_as_nothing() {
        let many = format!("{}de", "fr,".repeat(RANGES_MAX));
        assert_eq!(Language::accepted(&many), Language::English);
        let long = format!("de,{}", "x".repeat(HEADER_BYTES_MAX));
        assert_eq!(Language::accepted(&long), Language::English);
    }

    #[test]
    fn a_tag_leads_back_to_its_language() {
        for language in Language::ALL {
            assert_eq!(Language::of_tag(language.tag()), language);
        }
        assert_eq!(Language::of_tag("fr"), Language::English);
    }
}
