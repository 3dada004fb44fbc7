//! Query strings: known keys, each at most once, all mistakes at once.

use app::api::FieldError;

use super::error::ApiError;

/// How many rows a list has when the caller does not say.
const LIMIT_DEFAULT: u32 = 50;
/// How many rows a list may have at most.
pub const LIMIT_MAX: u32 = 200;

/// How much of a key that is not known is named back, in characters: it may be as long as its sender
/// likes.
pub(super) const UNKNOWN_KEY_CHARS_MAX: usize = 64;

/// The parameters of a query string, and what is wrong with them.
#[derive(Debug, Default)]
pub struct Params {
    values: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Params {
    /// Reads a query string that may have these keys.
    ///
    /// Unknown and repeated keys are told by [`finish`](Self::finish), with all the rest.
    pub fn parse(query: Option<&str>, known: &[&str]) -> Self {
        let mut params = Self::default();
        for (key, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&key.as_ref()) {
                params.wrong(
                    &key.chars().take(UNKNOWN_KEY_CHARS_MAX).collect::<String>(),
                    "is not known here",
                );
            } else if params.values.iter().any(|(earlier, _)| *earlier == key) {
                params.wrong(&key, "may be given once");
            } else {
                params.values.push((key.into_owned(), value.into_owned()));
            }
        }
        params
    }

    fn get(&self, key: &str) -> Option<&str> {
        let given = self.values.iter().find(|(given, _)| given == key);
        // An empty filter, as an empty field of a form sends it, is no filter.
        given.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A text.
    pub fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(str::to_owned)
    }

    /// A word that `parse` must know.
    pub fn word<T>(&mut self, key: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = self.get(key)?.to_owned();
        let parsed = parse(&value);
        if parsed.is_none() {
            self.wrong(key, "has a value that is not known");
        }
        parsed
    }

    /// How many rows.
    pub fn limit(&mut self) -> u32 {
        let Some(value) = self.get("limit") else { return LIMIT_DEFAULT };
        match number(value) {
            Some(limit) if (1..=LIMIT_MAX).contains(&limit) => limit,
            _ => {
                self.wrong("limit", &format!("must be 1 to {LIMIT_MAX}"));
                LIMIT_DEFAULT
            }
        }
    }

    /// A number.
    pub fn number(&mut self, key: &str) -> Option<u32> {
        self.word(key, number)
    }

    fn wrong(&mut self, field: &str, message: &str) {
        self.errors.push(FieldError { field: field.to_owned(), message: message.to_owned() });
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// 422 with everything that was wrong.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.errors.is_empty() { Ok(()) } else { Err(ApiError::invalid(self.errors)) }
    }
}
/// A number in digits alone: Rust's own reading takes a plus too, which stands for a space here.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
