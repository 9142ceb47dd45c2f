//! A client: a relying party of one realm.

use std::collections::BTreeMap;

use countersign_protocol::ids::{ClientId, RealmId};

use crate::{factor::FactorNeed, text::BadText};
use countersign_ports::time::Time;

/// A client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub id: ClientId,
    pub realm: RealmId,
    pub name: String,
    pub display_name: String,
    /// An https URL of a picture, for pages and phones that show one.
    pub logo: Option<String>,
    /// Exact origins whose pages may open the page socket.
    pub origins: Vec<String>,
    /// Exact URLs a phone may send the browser back to.
    pub return_urls: Vec<String>,
    /// URLs where an app hands over a login that it started itself. Without one, apps cannot start
    /// logins at this client.
    pub callback_urls: Vec<String>,
    /// Texts for the phone, by name, with `{placeholders}` for values. A client that has templates
    /// cannot send texts of its own.
    pub templates: BTreeMap<String, String>,
    /// Clients whose enrolments it accepts: only phones that these clients invited may log in here.
    /// Empty accepts every phone.
    pub accepts: Vec<ClientId>,
    /// The second factor that its logins need, beside what the realm asks for.
    pub second_factor: Option<FactorNeed>,
    pub created_at: Time,
}

/// Fills a template. Values are checked like any shown text and must be a single line, so that they
/// cannot add lines of their own.
///
/// # Errors
/// The placeholder at fault, and what is wrong: it has no value, its value may not be shown, or a
/// value has no such placeholder in the template.
pub fn fill(template: &str, values: &BTreeMap<String, String>) -> Result<String, (String, BadText)> {
    let (mut text, mut used, mut rest) = (String::new(), Vec::new(), template);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((place, after)) = after.split_once('}') else { break };
        let value = values.get(place).ok_or_else(|| (place.to_owned(), BadText::Empty))?;
        crate::text::shown(value, 200, false).map_err(|why| (place.to_owned(), why))?;
        text.push_str(before);
        text.push_str(value);
        used.push(place);
        rest = after;
    }
    match values.keys().find(|k| !used.contains(&k.as_str())) {
        Some(unused) => Err((unused.clone(), BadText::NoPlace)),
        None => Ok(text + rest),
    }
}

/// Checks an origin: scheme, host, optional port and nothing else, as browsers send it in `Origin`
/// (WHATWG URL, "origin" and "serialization of an origin"), because it is compared exactly.
///
/// # Errors
/// What to write instead.
pub fn origin(text: &str) -> Result<(), String> {
    let sent = browser_origin(text);
    if sent.as_deref() == Some(text) && is_web_url(text) {
        return Ok(());
    }
    match sent.filter(|sent| is_web_url(sent)) {
        Some(sent) => Err(format!("browsers send this origin as {sent}")),
        None => {
            Err("an exact origin like https://shop.example, without a path; http on loopback only".into())
        }
    }
}

/// Returns the origin of a URL as browsers write it: in lower case, without a default port,
/// international names in Punycode.
fn browser_origin(text: &str) -> Option<String> {
    let origin = url::Url::parse(text).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

/// Whether this is an http(s) URL that can be compared byte by byte: no spaces, user info or
/// fragment; http on loopback only.
#[must_use]
pub fn is_web_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let name = host
        .strip_prefix('[')
        .and_then(|h| h.split(']').next())
        .unwrap_or_else(|| host.split(':').next().unwrap_or_default());
    let clean =
        text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'#' | b'@' | b'\\' | b'"' | b'<' | b'>'));
    let loopback = matches!(name, "localhost" | "127.0.0.1" | "::1");
    clean && !name.is_empty() && (scheme == "https" || (scheme == "http" && loopback))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_and_return_urls_are_exact_and_safe() {
        for good in [
            "https://shop.example",
            "https://shop.example:8443",
            "http://127.0.0.1:8000",
            "http://[::1]:8080",
            "https://xn--mnchen-3ya.example",
            "http://localhost",
        ] {
            assert_eq!(origin(good), Ok(()), "{good}");
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
            assert!(origin(bad).is_err(), "{bad}");
        }
        for (bad, sent) in [
            ("https://shop.example:443", "https://shop.example"),
            ("https://shop.example/", "https://shop.example"),
            ("https://Shop.Example", "https://shop.example"),
            ("HTTPS://shop.example", "https://shop.example"),
            ("http://localhost:80", "http://localhost"),
            ("http://[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080"),
            ("https://shop.example:08443", "https://shop.example:8443"),
            ("https://münchen.example", "https://xn--mnchen-3ya.example"),
            ("https://shop.example/pay?a=b", "https://shop.example"),
        ] {
            assert_eq!(origin(bad), Err(format!("browsers send this origin as {sent}")), "{bad}");
        }
        assert!(is_web_url("https://shop.example/back?a=b"));
    }

    #[test]
    fn a_template_takes_exactly_its_values_and_none_that_could_deceive() {
        let values = |all: &[(&str, &str)]| {
            all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(
            fill("Pay {n} to {who}.", &values(&[("n", "5 €"), ("who", "{n}")])),
            Ok("Pay 5 € to {n}.".to_owned())
        );
        assert_eq!(fill("Log in", &values(&[])), Ok("Log in".to_owned()));
        assert_eq!(fill("{n}", &values(&[])), Err(("n".to_owned(), BadText::Empty)));
        assert_eq!(fill("x", &values(&[("n", "1")])), Err(("n".to_owned(), BadText::NoPlace)));
        assert_eq!(fill("{n}", &values(&[("n", "a\nb")])), Err(("n".to_owned(), BadText::Invisible)));
    }
}
