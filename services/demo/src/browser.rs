//! Shortens a `User-Agent` so that it can be read on a phone, for example "Firefox on Linux".

/// Longest name that is taken from an unknown browser.
const MAX: usize = 40;

/// The order matters: signs further down also occur in the `User-Agent` of browsers above.
const BROWSERS: [(&str, &str); 11] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// Returns the text that the phone shows about the browser that asks. The browser controls its
/// `User-Agent`, so the result contains only names from our tables, or the letters and digits of an
/// unknown program's first word.
pub(crate) fn readable(user_agent: &str) -> String {
    let find = |table: &[(&str, &'static str)]| {
        table.iter().find(|(sign, _)| user_agent.contains(sign)).map(|(_, name)| *name)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("A browser on {system}"),
        (None, None) => first_word(user_agent).unwrap_or_else(|| "An unknown browser".to_owned()),
    }
}

fn first_word(user_agent: &str) -> Option<String> {
    let word: String = user_agent
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
        .take(MAX)
        .collect();
    (!word.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn known_browsers_are_named() {
        let cases = [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                    Chrome/124.0.0.0 Safari/537.36 Edg/124.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 \
                    Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
                    Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                    FxiOS/125.0 Mobile/15E148 Safari/605.1.15",
                "Firefox on iPad",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                    HeadlessChrome/150.0.0.0 Safari/537.36",
                "Chrome on Linux",
            ),
        ];
        for (user_agent, expected) in cases {
            assert_eq!(readable(user_agent), expected, "{user_agent}");
        }
    }

    #[test]
    fn unknown_ones_are_short_and_plain() {
        assert_eq!(readable("curl/8.5.0"), "curl");
        assert_eq!(readable(""), "An unknown browser");
        assert_eq!(readable("\u{202e}evil"), "An unknown browser");
        assert_eq!(readable("Mozilla/5.0 (Linux)"), "A browser on Linux");
        assert_eq!(readable(&"x".repeat(5000)).len(), 40);
    }
}
