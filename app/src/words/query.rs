//! Text inside an address.

/// A text as the value of a query parameter.
pub(crate) fn in_query(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_the_unreserved_is_encoded() {
        assert_eq!(in_query("a-b_c.d~9"), "a-b_c.d~9");
        assert_eq!(in_query("10.20.30.40/24 & ü"), "10.20.30.40%2F24%20%26%20%C3%BC");
    }
}
