//! The page channel over plain HTTP: event stream, long poll, cancel.

use std::time::{Duration, Instant};

use countersign_api::{Login, LoginState};
use countersign_sdk::Command;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::{ORIGIN, Page, Pod, Stage, claim};

const DOORS: [(Method, &str); 3] =
    [(Method::GET, "events"), (Method::GET, "state"), (Method::POST, "cancel")];

/// Most pages that may watch one login.
const MOST_PAGES: usize = 16;

/// Builds a request to one of the HTTP endpoints beside the page socket.
fn ask(login: &Login, method: Method, door: &str, token: Option<&str>) -> RequestBuilder {
    let url = login.page_url.as_ref().unwrap().replacen("ws", "http", 1);
    let request = reqwest::Client::new().request(method, format!("{url}/{door}"));
    if let Some(token) = token { request.header("Authorization", format!("Bearer {token}")) } else { request }
}

fn get(login: &Login, door: &str) -> RequestBuilder {
    ask(login, Method::GET, door, login.page_token.as_deref())
}

async fn cancel(login: &Login) -> u16 {
    ask(login, Method::POST, "cancel", login.page_token.as_deref()).send().await.unwrap().status().as_u16()
}

/// Polls, and returns the events of the answer.
async fn poll(login: &Login, after: u64, wait: u64) -> Vec<Value> {
    let answer = get(login, &format!("state?after={after}&wait={wait}")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.unwrap();
    body["events"].as_array().unwrap().clone()
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|v| v.to_str().unwrap())
}

#[tokio::test]
async fn a_script_that_did_not_change_is_not_sent_again() {
    let pod = Pod::start();
    let origin = pod.url("page").replacen("ws", "http", 1).trim_end_matches("/page").to_owned();
    let element = reqwest::get(format!("{origin}/countersign-login.js")).await.unwrap();
    assert_eq!(
        (header(&element, "cache-control"), header(&element, "access-control-allow-origin")),
        (Some("public, no-cache"), Some("*"))
    );
    let tag = header(&element, "etag").unwrap().to_owned();
    for (file, status) in [("countersign-login.js", 304), ("login/texts.js", 200)] {
        let again = reqwest::Client::new()
            .get(format!("{origin}/{file}"))
            .header("If-None-Match", &tag)
            .send()
            .await
            .unwrap();
        assert_eq!(again.status(), status, "{file}");
        assert_eq!(again.text().await.unwrap().is_empty(), status == 304, "{file}");
    }
}

/// An open event stream.
struct Events {
    answer: Response,
    read: String,
}

impl Events {
    async fn open(login: &Login, after: u64) -> Self {
        let answer = get(login, &format!("events?after={after}")).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "content-type")),
            (200, Some("text/event-stream"))
        );
        Self { answer, read: String::new() }
    }

    /// The next event with its id, or `None` after the last.
    async fn next(&mut self) -> Option<(Option<u64>, Value)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|l| l.strip_prefix(name)).map(str::to_owned);
                let (id, data) = (field("id: ").map(|v| v.parse().unwrap()), field("data: "));
                self.read = rest.to_owned();
                match data {
                    Some(json) => return Some((id, serde_json::from_str(&json).unwrap())),
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.answer.chunk())
                .await
                .expect("the stream goes on")
                .unwrap()?;
            self.read += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// The next event of this type.
    async fn event(&mut self, kind: &str) -> Value {
        loop {
            let (_, event) = self.next().await.unwrap_or_else(|| panic!("the stream ended before {kind}"));
            if event["type"] == kind {
                return event;
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_token_or_a_foreign_origin_gets_a_problem_that_the_page_can_read() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (login, other) = (stage.new_login().await, stage.new_login().await);
    let token = login.page_token.as_deref().unwrap();
    let mut mixed = other.page_token.as_deref().unwrap().to_owned();
    mixed.replace_range(..46, &token[..46]);
    for (method, door) in DOORS {
        for wrong in [None, Some(""), Some("pt_AAAA"), Some(&token[..token.len() - 1]), Some(mixed.as_str())]
        {
            let answer = ask(&login, method.clone(), door, wrong)
                .header("Origin", "https://evil.example")
                .send()
                .await
                .unwrap();
            assert_eq!(
                (answer.status().as_u16(), header(&answer, "content-type")),
                (401, Some("application/problem+json"))
            );
            assert_eq!(
                header(&answer, "access-control-allow-origin"),
                Some("https://evil.example"),
                "errors say nothing secret"
            );
            assert_eq!(answer.json::<Value>().await.unwrap()["code"], "bad_page_token", "{door} {wrong:?}");
        }
        for origin in [
            "https://evil.example",
            "https://shop.example.evil.example",
            "http://shop.example",
            "null",
            "",
            "\u{e9}",
        ] {
            let answer =
                ask(&login, method.clone(), door, Some(token)).header("Origin", origin).send().await.unwrap();
            assert_eq!(answer.status(), 403, "{door} {origin}");
            assert_eq!(answer.json::<Value>().await.unwrap()["code"], "bad_origin", "{door} {origin}");
        }
    }
    assert_eq!(stage.look(&login).await.state, LoginState::Pending, "nobody could cancel");
    for (method, door) in DOORS {
        let answer =
            ask(&login, method.clone(), door, Some(token)).header("Origin", ORIGIN).send().await.unwrap();
        assert!(answer.status().is_success(), "{door}");
        let said = ["access-control-allow-origin", "vary", "cache-control"].map(|name| header(&answer, name));
        assert_eq!(said, [Some(ORIGIN), Some("Origin"), Some("no-store")], "{door}");
        let answer = ask(&login, method, door, Some(token)).send().await.unwrap();
        assert!(answer.status().is_success(), "{door} without an origin");
        assert_eq!(header(&answer, "access-control-allow-origin"), None, "{door}");
    }
}

#[tokio::test]
async fn a_browser_may_ask_first_and_other_methods_and_questions_are_refused() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let login = stage.new_login().await;
    for (method, door) in DOORS {
        let answer = ask(&login, Method::OPTIONS, door, None)
            .header("Origin", "https://any.example")
            .header("Access-Control-Request-Method", method.as_str())
            .header("Access-Control-Request-Headers", "authorization")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 204, "{door}");
        let said = ["origin", "headers", "methods"]
            .map(|what| header(&answer, &format!("access-control-allow-{what}")));
        assert_eq!(
            said,
            [Some("https://any.example"), Some("authorization, content-type"), Some("GET, POST")]
        );
        assert_eq!(
            (header(&answer, "access-control-max-age"), header(&answer, "access-control-allow-credentials")),
            (Some("600"), None)
        );
        let other = ask(&login, Method::DELETE, door, login.page_token.as_deref()).send().await.unwrap();
        assert_eq!(other.json::<Value>().await.unwrap()["code"], "method_not_allowed", "{door}");
    }
    for (question, status, code) in [
        ("state?wait=26", 422, "invalid"),
        ("state?wait=-1", 400, "malformed"),
        ("state?after=x", 400, "malformed"),
        ("state?page_token=x", 400, "malformed"),
        ("events?wait=1", 400, "malformed"),
    ] {
        let answer = get(&login, question).header("Origin", ORIGIN).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "access-control-allow-origin")),
            (status, Some(ORIGIN)),
            "{question}"
        );
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], code, "{question}");
    }
}

#[tokio::test]
async fn a_stream_tells_what_the_socket_tells_and_ends_with_the_login() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let login = stage.new_login().await;
    let (mut events, mut page) = (Events::open(&login, 0).await, Page::open(&login).await);
    let (id, first) = events.next().await.unwrap();
    assert_eq!(
        (id, &first["type"], &first["state"], &first["v"]),
        (Some(1), &json!("state"), &json!("pending"), &json!(1))
    );
    assert_eq!(page.next().await.unwrap()["state"], "pending");
    let (id, link) = events.next().await.unwrap();
    assert_eq!((id, &link["url"]), (None, &json!(page.link().await)));
    let (one, two) = (events.event("qr").await, events.event("qr").await);
    assert_ne!(one, two, "each second has its own code");
    let prompt = claim(&mut phone, two["text"].as_str().unwrap()).await.unwrap();
    assert_eq!(events.event("state").await, page.until(LoginState::Claimed).await);
    phone.do_it(&Command::approve(&prompt)).await.unwrap();
    assert_eq!(events.event("state").await, page.until(LoginState::Approved).await);
    stage.api.logout(&stage.realm, &login.id).await.unwrap();
    assert_eq!(events.event("state").await, page.until(LoginState::Ended).await);
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_page_that_comes_back_by_http_learns_what_it_missed() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let (login, prompt) = stage.claimed(&mut phone).await;
    phone.do_it(&Command::approve(&prompt)).await.unwrap();
    for after in [0, 1, 2, 3] {
        assert_eq!(Events::open(&login, after).await.next().await.unwrap().1["state"], "approved");
    }
    let told = json!([{"type": "state", "v": 3, "state": "approved", "via": "qr"}]);
    assert_eq!(json!(poll(&login, 1, 25).await), told, "news are told at once");
    assert_eq!(json!(poll(&login, 3, 0).await), told, "who does not wait is told at once");
    let (waiting, ended) = tokio::join!(poll(&login, 3, 25), stage.api.logout(&stage.realm, &login.id));
    ended.unwrap();
    assert_eq!(json!(waiting), json!([{"type": "state", "v": 4, "state": "ended", "reason": "client"}]));
    let mut late = Events::open(&login, 4).await;
    assert_eq!(
        late.next().await.unwrap().1["state"],
        "ended",
        "a resumed page is told the state in any case"
    );
    assert_eq!(late.next().await, None);
}

#[tokio::test]
async fn a_poll_brings_a_fresh_code_every_two_seconds_and_a_change_at_once() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let login = stage.new_login().await;
    let first = poll(&login, 0, 25).await;
    assert_eq!(
        first.iter().map(|e| e["type"].as_str().unwrap()).collect::<Vec<_>>(),
        ["state", "link", "qr"]
    );
    let began = Instant::now();
    let second = poll(&login, 1, 25).await;
    let took = began.elapsed();
    assert!(
        (1900..5000).contains(&took.as_millis()),
        "a code is good for five seconds; the next came after {took:?}"
    );
    assert_ne!(first[2], second[2]);
    let (changed, prompt) =
        tokio::join!(poll(&login, 1, 25), claim(&mut phone, second[2]["text"].as_str().unwrap()));
    assert_eq!(changed[0]["state"], "claimed");
    assert_eq!(changed.len(), 1, "no code for a login that is claimed");
    let refused = Command::refuse(&prompt.unwrap(), countersign_sdk::RefuseReason::NotMe);
    let (changed, done) = tokio::join!(poll(&login, 2, 25), phone.do_it(&refused));
    done.unwrap();
    assert_eq!(json!(changed), json!([{"type": "state", "v": 3, "state": "refused", "reason": "not_me"}]));
}

#[tokio::test]
async fn cancelling_by_http_works_twice_and_never_too_late() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let login = stage.new_login().await;
    let mut events = Events::open(&login, 0).await;
    assert_eq!((cancel(&login).await, cancel(&login).await), (204, 204));
    assert_eq!(events.event("state").await["state"], "pending");
    assert_eq!(events.event("state").await["state"], "cancelled");
    assert_eq!(events.next().await, None);
    let approved = stage.approved(&mut phone).await;
    assert_eq!(cancel(&approved).await, 204);
    assert_eq!(stage.look(&approved).await.state, LoginState::Approved);
}

#[tokio::test]
async fn streams_and_polls_are_sent_away_when_the_pod_goes() {
    let mut pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let login = stage.approved(&mut phone).await;
    let mut events = Events::open(&login, 0).await;
    assert_eq!(events.event("state").await["state"], "approved");
    let waiting = get(&login, "state?after=3&wait=25").send();
    let leave = async {
        // The poll is waiting once the metric counts it.
        while !pod.admin("/metrics").await.1.contains(r#"countersign_page_connections{service="ns"} 2"#) {}
        pod.signal("TERM");
    };
    let (answer, ()) = tokio::join!(waiting, leave);
    let answer = answer.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "retry-after")), (503, Some("1")));
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "draining");
    assert_eq!(events.event("error").await["code"], "draining");
    assert_eq!(events.next().await, None);
    assert!(pod.ended().await.success());
}

#[tokio::test]
async fn pages_share_the_places_of_a_login_whatever_way_they_came() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let login = stage.new_login().await;
    let mut page = Page::open(&login).await;
    page.qr().await;
    let mut streams = Vec::new();
    for _ in 1..MOST_PAGES {
        let mut stream = Events::open(&login, 0).await;
        stream.event("qr").await;
        streams.push(stream);
    }
    let mut late = Events::open(&login, 0).await;
    assert_eq!(late.event("error").await["code"], "too_slow");
    assert_eq!(late.next().await, None);
    let answer = get(&login, "state?after=1&wait=25").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "retry-after")), (429, Some("2")));
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "too_slow");
    assert_eq!(poll(&login, 0, 25).await[0]["state"], "pending", "who does not have to wait takes no place");

    // The server notices only when it writes that a page has gone, and then frees its slot.
    streams.pop();
    loop {
        let mut next = Events::open(&login, 0).await;
        next.event("qr").await;
        if next.next().await.unwrap().1["type"] == "qr" {
            break;
        }
    }
}

#[tokio::test]
async fn a_stream_without_news_shows_that_it_lives() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let mut events = Events::open(&stage.approved(&mut phone).await, 0).await;
    events.event("state").await;
    let chunk = tokio::time::timeout(Duration::from_secs(20), events.answer.chunk())
        .await
        .expect("within 15 seconds")
        .unwrap();
    assert_eq!(chunk.as_deref(), Some(b":\n\n".as_slice()));
}
