#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

const SCHEMES: [&str; 3] = ["postgres", "redis", "redis-sentinel"];

fn parse(text: &str) -> Result<ServerUrl, UrlError> {
    ServerUrl::parse(text, &SCHEMES)
}

fn host(name: &str, port: Option<u16>) -> Host {
    Host { name: name.to_owned(), port }
}

#[test]
fn each_part_is_decoded_by_itself() {
    let url =
        parse(" POSTGRES://n%40s:p%23%2F%3Fw:x@db.example:5433/the%20db?sslmode=require&a=%26 \n").unwrap();
    assert_eq!(url.scheme, "postgres");
    assert_eq!(url.user.as_deref(), Some("n@s"));
    assert_eq!(url.password.as_ref().unwrap().expose(), "p#/?w:x");
    assert_eq!(url.hosts, [host("db.example", Some(5433))]);
    assert_eq!(url.only_segment().unwrap(), Some("the db"));
    assert_eq!((url.parameter("sslmode"), url.parameter("a")), (Some("require"), Some("&")));
    assert_eq!(
        format!("{url} {url:?}"),
        "postgres://db.example:5433/the db postgres://db.example:5433/the db"
    );
}

#[test]
fn hosts_come_in_several_forms() {
    for (text, hosts) in [
        ("redis://h", vec![host("h", None)]),
        ("redis://127.0.0.1:1", vec![host("127.0.0.1", Some(1))]),
        ("redis://[::1]", vec![host("::1", None)]),
        ("redis://:x@[fe80::1]:7/2", vec![host("fe80::1", Some(7))]),
        (
            "redis-sentinel://a:1, b , [::1]:3/main",
            vec![host("a", Some(1)), host("b", None), host("::1", Some(3))],
        ),
        ("postgres://%2Frun%2Fpostgresql:5432/ns", vec![host("/run/postgresql", Some(5432))]),
        ("postgres:///ns", Vec::new()),
    ] {
        assert_eq!(parse(text).unwrap().hosts, hosts, "{text}");
    }
    assert!(parse("postgres://%2Frun/ns").unwrap().hosts[0].is_socket());
    assert_eq!(parse("redis://u:p@[::1]:7/2").unwrap().to_string(), "redis://[::1]:7/2");
}

#[test]
fn what_is_no_url_is_refused_with_its_reason() {
    for (text, why) in [
        ("", UrlError::Scheme("postgres://, redis://, redis-sentinel://".to_owned())),
        ("localhost:6379", UrlError::Scheme("postgres://, redis://, redis-sentinel://".to_owned())),
        ("redis://:a#b@h", UrlError::Raw),
        ("redis://:a?b@h", UrlError::Raw),
        ("redis://:a/b@h", UrlError::Raw),
        ("redis://h/0?x=a@b", UrlError::Raw),
        ("redis://:50%@h", UrlError::Percent),
        ("redis://:%zz@h", UrlError::Percent),
        ("redis://:%ff@h", UrlError::Encoding),
        ("redis://:%00@h", UrlError::Encoding),
        ("redis://:a b@h", UrlError::Blank),
        ("redis://h/0\n1", UrlError::Blank),
        ("redis://::1:6379", UrlError::Host),
        ("redis://[::1", UrlError::Host),
        ("redis://[h]", UrlError::Host),
        ("redis://h:0", UrlError::Port),
        ("redis://h:65536", UrlError::Port),
        ("redis://h:+80", UrlError::Port),
        ("redis://a,,b", UrlError::Host),
        ("redis://h/0#insecure", UrlError::Fragment),
        ("redis://h/0?x", UrlError::NoValue),
    ] {
        assert_eq!(parse(text).unwrap_err(), why, "{text}");
    }
    let two = parse("redis://h/0?db=1&S3cret=x").unwrap();
    assert_eq!(
        two.only_parameters(&["db"]).unwrap_err().to_string(),
        "has the parameter (hidden); known are: db"
    );
    assert_eq!(parse("redis://h/a/b").unwrap().only_segment(), Err(UrlError::Path));
}

proptest! {
    /// Whatever stands in a password, raw or encoded, and whatever else is wrong with the URL: no
    /// text that we make contains a part of it.
    #[test]
    fn no_part_of_a_password_is_ever_shown(
        between in proptest::collection::vec("[@:/?#%&=,;\\[\\] \\\\\"'<>|^`{}é\u{1F511}\n]{0,3}", 1..5),
        before in "(postgres|redis|redis-sentinel|mysql|http|)(://|:/|//|:)(user|)(:|)",
        after in "(@|)(h|h:1|a:1,b|\\[::1\\]|)(/0|/0/1|)(\\?db=1|\\?db|#f|)",
        encoded: bool,
    ) {
        // `QZX` occurs nowhere else, so each occurrence would be a part of the password.
        let secret: String = between.iter().map(|b| format!("QZX{b}")).collect();
        let inside = if encoded {
            let plain = |b: u8| b.is_ascii_alphanumeric();
            let one = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02x}") };
            secret.bytes().map(one).collect()
        } else {
            secret
        };
        let text = format!("{before}{inside}{after}");
        match parse(&text) {
            Err(why) => prop_assert!(!format!("{why} {why:?}").contains("QZX"), "{why}"),
            // Without an @ there is no password: then the text is a host.
            Ok(url) if text.contains('@') && after.starts_with('@') => {
                let shown = format!("{url} {url:?} {:?}", url.password);
                prop_assert!(!shown.contains("QZX"), "{shown}");
                let errors = format!("{:?} {:?}", url.only_segment().err(), url.only_parameters(&[]).err());
                prop_assert!(!errors.contains("QZX"), "{errors}");
            }
            Ok(_) => {}
        }
    }

    /// A password that is percent-encoded arrives as it was.
    #[test]
    fn an_encoded_password_arrives_unchanged(password in "[^\\p{C}]{1,40}") {
        let encoded: String = password.bytes().map(|b| format!("%{b:02X}")).collect();
        let url = parse(&format!("redis://ns:{encoded}@h:1/0")).unwrap();
        let arrived = url.password.unwrap();
        prop_assert_eq!(arrived.expose(), password);
        prop_assert_eq!(url.hosts, vec![host("h", Some(1))]);
    }
}
