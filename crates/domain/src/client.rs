//! A client: a relying party of one realm.

use countersign_protocol::ids::{ClientId, RealmId};

use crate::time::Time;

/// A client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub id: ClientId,
    pub realm: RealmId,
    pub name: String,
    pub display_name: String,
    /// Exact origins whose pages may open the page socket.
    pub origins: Vec<String>,
    /// Exact URLs a phone may send the browser back to.
    pub return_urls: Vec<String>,
    pub created_at: Time,
}

/// Whether this is an origin as browsers send it: scheme, host, maybe a port, nothing after.
#[must_use]
pub fn is_origin(text: &str) -> bool {
    is_web_url(text) && text.matches('/').count() == 2
}

/// Whether this is an http(s) URL that can be compared byte by byte: no spaces, user info or fragment; http on loopback only.
#[must_use]
pub fn is_web_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let name = host.strip_prefix('[').and_then(|h| h.split(']').next()).unwrap_or_else(|| host.split(':').next().unwrap_or_default());
    let clean = text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'#' | b'@' | b'\\' | b'"' | b'<' | b'>'));
    let loopback = matches!(name, "localhost" | "127.0.0.1" | "::1");
    clean && !name.is_empty() && (scheme == "https" || (scheme == "http" && loopback))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_and_return_urls_are_exact_and_safe() {
        for good in ["https://shop.example", "https://shop.example:8443", "http://127.0.0.1:8000", "http://[::1]:80", "http://localhost"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "https://shop.example/",
            "http://shop.example",
            "shop.example",
            "https://",
            "https://a@b",
            "javascript://x",
            "https://a#b",
            "https://a b",
            "http://127.0.0.1.evil.example",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
        assert!(is_web_url("https://shop.example/back?a=b"));
    }
}
