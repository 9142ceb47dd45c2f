//! Texts that databases treat differently: each is written and asked for on SQLite, PostgreSQL and
//! MariaDB, and the answers are the same.

use std::collections::BTreeSet;

use countersign_api::segment;
use futures_util::future::join_all;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::support::{Pod, Shares, Stage};

/// Texts with their relatives: other cases, blanks around them, with an accent, twice.
const WORDS: &[&str] = &[
    "alice",
    "Straße",
    "STRASSE",
    "İstanbul",
    "ılık",
    "ſo",
    "Ångström",
    "é",
    "e\u{301}",
    "가",
    "ﬁne",
    "paypal",
    "раураl",
    "ΣΊΣΥΦΟΣ",
    "œuvre",
    "naïve",
];

/// Texts that stand alone.
#[rustfmt::skip]
const ODD: &[&str] = &[
    "", " ", "a", "A", "%", "_", "%%", "a%b", "a_b", "!", "!%", "\\", "\\%", "'", "''", "\"", "`", "--",
    ";", "/*", "a/b", "..", "a?b", "a#b", "a&b", "a+b", "a=b", "a:b", "{}", "[]", "null", "true", "0",
    "-1", "1e9", "NaN", "0x41", "\t", "a\tb", "a\nb", "a\r\nb", "\u{7f}", "a\u{a0}b", "a\u{2003}b",
    "a\u{3000}", "\u{200b}", "a\u{200b}b", "a\u{200d}b", "\u{202e}abc", "\u{2066}a\u{2069}",
    "\u{feff}a", "\u{fffd}", "\u{fffe}", "\u{ffff}", "\u{2028}", "🔑", "🔑🔑", "👨‍👩‍👧", "❤\u{fe0f}", "🇩🇪",
    "𝔸𝔹", "\u{10ffff}", "\u{1f511}\u{301}", "K", "\u{212a}", "\u{212b}", "Å", "A\u{30a}", "1", "①", "²",
    "ǆ", "ǅ", "Ǆ",
];

fn texts() -> Vec<String> {
    let mut all: Vec<String> = ODD.iter().map(|t| (*t).to_owned()).collect();
    for word in WORDS {
        all.extend([
            (*word).to_owned(),
            word.to_lowercase(),
            word.to_uppercase(),
            format!("{word} "),
            format!(" {word}"),
            format!("{word}\u{301}"),
            format!("{word}{word}"),
        ]);
    }
    for length in [63, 64, 100, 127, 128, 254, 255, 256, 1000] {
        all.extend(["x", "é", "🔑"].map(|c| c.repeat(length)));
    }
    all
}

/// One database, with a realm of its own.
struct Side {
    _shares: Option<Shares>,
    pod: Pod,
    realm: String,
    key: String,
    http: Client,
}

impl Side {
    async fn new(shares: Option<Shares>) -> Self {
        let pod = shares.as_ref().map_or_else(Pod::start, |shares| shares.pod("pod"));
        let stage = Stage::set(&pod).await;
        Self { realm: stage.realm, key: pod.root_key(), http: Client::new(), _shares: shares, pod }
    }

    /// Returns the status, and what of the answer must not differ.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let url = format!("{}/v1/realms/{}/{path}", self.pod.url("rest"), self.realm);
        let mut request = self.http.request(method, url).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or(Value::Null);
        (status, essence(body))
    }
}

/// Leaves out times, ids of requests, and positions.
fn essence(body: Value) -> Value {
    match body {
        Value::Object(members) => {
            const VARY: [&str; 8] =
                ["created_at", "request_id", "at", "seq", "next", "actor", "detail", "object"];
            let kept = members.into_iter().filter(|(name, _)| !VARY.contains(&name.as_str()));
            Value::Object(kept.map(|(name, value)| (name, essence(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(essence).collect()),
        other => other,
    }
}

/// Asks every side the same, and returns the answer they all give.
async fn same(sides: &[Side], method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let all = join_all(sides.iter().map(|side| side.ask(method.clone(), path, body.as_ref()))).await;
    for (n, other) in all.iter().enumerate().skip(1) {
        assert_eq!(*other, all[0], "{method} {path:?} {body:?}: database {n} differs from SQLite");
    }
    all[0].clone()
}

#[tokio::test]
async fn every_database_gives_the_same_answers_about_every_text() {
    let (Some(postgres), Some(mariadb)) = (countersign_testkit::postgres(), countersign_testkit::mariadb())
    else {
        return;
    };
    let (Some(one), Some(two)) = (Shares::on(postgres), Shares::on(mariadb)) else { return };
    let sides = [Side::new(None).await, Side::new(Some(one)).await, Side::new(Some(two)).await];
    let all = texts();
    assert!(all.len() > 200, "{}", all.len());
    let (mut ids, mut names) = (BTreeSet::new(), 0);
    for (n, text) in all.iter().enumerate() {
        let at = segment(text);
        let (status, _) = same(&sides, Method::PUT, &format!("users/{at}"), Some(json!({}))).await;
        if status == 200 {
            ids.insert(text);
        }
        let named = json!({"display_name": text});
        let (status, _) = same(&sides, Method::PUT, &format!("users/n{n}"), Some(named)).await;
        names += usize::from(status == 200);
        let note = json!({"note": text});
        same(&sides, Method::PATCH, &format!("users/n{n}/attributes"), Some(note)).await;
    }
    assert!(ids.len() > 40 && names > 100, "{} ids, {names} names", ids.len());
    for text in &all {
        let at = segment(text);
        same(&sides, Method::GET, &format!("users/{at}"), None).await;
        same(&sides, Method::GET, &format!("users?q={at}"), None).await;
        same(&sides, Method::GET, &format!("users?attribute=note:{at}"), None).await;
        same(&sides, Method::GET, &format!("accounts?user_id={at}"), None).await;
        same(&sides, Method::GET, &format!("events?user_id={at}"), None).await;
    }
    for sort in ["user_id", "-user_id"] {
        let (status, list) = same(&sides, Method::GET, &format!("users?sort={sort}&limit=1000"), None).await;
        assert_eq!((status, list["items"].as_array().unwrap().len()), (200, ids.len() + names));
    }
}
