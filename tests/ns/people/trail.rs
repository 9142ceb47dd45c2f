//! The audit trail as events: lists, streams and exports.

use std::time::{Duration, Instant};

use countersign_api::{ApiClient, Event, NewApiKey, NewClient, PutUser, roles};
use countersign_sdk::Command;
use reqwest::Response;
use tokio::time::timeout;

use crate::support::{IN_A_REALM, Key, Page, Pod, Stage, code};

const PATIENCE: Duration = Duration::from_secs(20);

async fn user(stage: &Stage, id: &str) {
    stage.api.put_user(&stage.realm, id, &PutUser::default()).await.unwrap();
}

async fn events(api: &ApiClient, stage: &Stage, query: &[(&str, &str)]) -> Vec<Event> {
    api.events(&stage.realm, query).await.unwrap().items
}

#[tokio::test]
async fn events_come_in_their_order_after_what_was_seen_and_as_they_are_asked_for() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut online = stage.phone("alice").await.connect().await;
    let login = stage.approved(&mut online).await;
    user(&stage, "alice_2").await;
    let all = events(&stage.root, &stage, &[]).await;
    assert!(all.windows(2).all(|w| w[0].seq < w[1].seq && w[0].at <= w[1].at), "{all:?}");
    let told: Vec<_> = all.iter().map(|e| e.action.as_str()).collect();
    let expected = [
        "realm.created",
        "client.created",
        "api_key.created",
        "enrolment.created",
        "enrolment.confirmed",
        "login.approved",
        "user.created",
    ];
    assert_eq!(told, expected);
    let seen = all[3].seq.to_string();
    assert_eq!(events(&stage.root, &stage, &[("after", &seen)]).await, all[4..]);
    let (mut walked, mut token) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("limit", "3")];
        query.extend(token.as_deref().map(|t| ("page_token", t)));
        let page = stage.root.events(&stage.realm, &query).await.unwrap();
        walked.extend(page.items);
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(walked, all);
    for (query, found) in [
        (&[("action", "login")][..], &all[5..6]),
        (&[("action", "login.approved")], &all[5..6]),
        (&[("action", "login.a")], &[]),
        (&[("action", "%")], &[]),
        (&[("action", "log_n")], &[]),
        (&[("action", "enrolment")], &all[3..5]),
        (&[("user_id", "alice")], &all[3..6]),
        (&[("user_id", "alice"), ("action", "login")], &all[5..6]),
        (&[("object", login.id.as_str())], &all[5..6]),
        (&[("object", "alice_2")], &all[6..]),
        (&[("object", "alice%")], &[]),
    ] {
        assert_eq!(events(&stage.root, &stage, query).await, found, "{query:?}");
    }
    for (query, why) in [
        (("wait", "61"), "invalid"),
        (("limit", "0"), "invalid"),
        (("after", "-1"), "malformed"),
        (("since", "1"), "malformed"),
    ] {
        assert_eq!(code(stage.root.events(&stage.realm, &[query]).await), why, "{query:?}");
    }
}

#[tokio::test]
async fn who_waits_for_events_hears_of_the_next_one_when_it_happens() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let last = events(&stage.root, &stage, &[]).await.last().unwrap().seq.to_string();
    let wait = |action: &'static str| {
        let (api, realm, last) = (stage.root.clone(), stage.realm.clone(), last.clone());
        tokio::spawn(async move {
            api.events(&realm, &[("after", last.as_str()), ("wait", "30"), ("action", action)])
                .await
                .unwrap()
                .items
        })
    };
    let (users, clients) = (wait("user"), wait("client"));
    let begun = Instant::now();
    user(&stage, "alice").await;
    let told = users.await.unwrap();
    assert_eq!(told.iter().map(|e| e.object.as_str()).collect::<Vec<_>>(), ["alice"]);
    assert!(begun.elapsed() < Duration::from_secs(10), "long before the wait is over");
    assert!(!clients.is_finished(), "who waits for something else waits on");
    let new = NewClient { name: "more".into(), display_name: "More".into(), ..NewClient::default() };
    stage.root.create_client(&stage.realm, &new).await.unwrap();
    assert_eq!(clients.await.unwrap()[0].action, "client.created");
    let nothing = [("after", "9000000000"), ("wait", "1")];
    assert_eq!(events(&stage.root, &stage, &nothing).await, []);
}

/// An open stream of events.
struct Stream {
    answer: Response,
    read: String,
}

impl Stream {
    async fn open(pod: &Pod, realm: &str, query: &str, last: Option<u64>) -> Self {
        Self::open_with(pod, realm, &pod.root_key(), query, last).await
    }

    async fn open_with(pod: &Pod, realm: &str, key: &str, query: &str, last: Option<u64>) -> Self {
        let mut request =
            reqwest::Client::new().get(format!("{}/v1/realms/{realm}/events/stream{query}", pod.url("rest")));
        request = request.bearer_auth(key);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()),
            (200, "text/event-stream")
        );
        Self { answer, read: String::new() }
    }

    /// Checks that the stream ends.
    async fn ends(mut self) {
        let rest = timeout(PATIENCE, async { while self.answer.chunk().await.unwrap().is_some() {} }).await;
        rest.expect("the stream ends");
    }

    /// Returns the next event, whose id is its sequence number.
    async fn next(&mut self) -> Event {
        loop {
            if let Some((piece, rest)) = self.read.clone().split_once("\n\n") {
                rest.clone_into(&mut self.read);
                let field = |name: &str| piece.lines().find_map(|l| l.strip_prefix(name)).map(str::to_owned);
                let Some(data) = field("data: ") else { continue };
                let event: Event = serde_json::from_str(&data).unwrap();
                assert_eq!(field("id: "), Some(event.seq.to_string()));
                return event;
            }
            let more =
                timeout(PATIENCE, self.answer.chunk()).await.expect("the stream says something").unwrap();
            self.read.push_str(std::str::from_utf8(&more.expect("the stream goes on")).unwrap());
        }
    }
}

#[tokio::test]
async fn a_stream_of_events_goes_on_where_its_reader_has_been() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let there = events(&stage.root, &stage, &[]).await;
    let mut stream = Stream::open(&pod, &stage.realm, "", None).await;
    for event in &there {
        assert_eq!(stream.next().await, *event);
    }
    user(&stage, "alice").await;
    let seen = stream.next().await;
    assert_eq!((seen.action.as_str(), seen.object.as_str()), ("user.created", "alice"));
    drop(stream);
    user(&stage, "bob").await;
    user(&stage, "carol").await;
    // The `Last-Event-ID` that a browser sends by itself wins over `after` in the URL.
    let mut again = Stream::open(&pod, &stage.realm, "?after=1&action=user", Some(seen.seq)).await;
    assert_eq!([again.next().await.object, again.next().await.object], ["bob", "carol"]);
    let (api, realm) = (stage.root.clone(), stage.realm.clone());
    api.create_client(
        &realm,
        &NewClient { name: "more".into(), display_name: "More".into(), ..NewClient::default() },
    )
    .await
    .unwrap();
    user(&stage, "dora").await;
    assert_eq!(again.next().await.object, "dora", "the client was not asked for");
}

#[tokio::test]
async fn streams_and_waits_end_with_the_key_they_were_begun_with() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let key = Key::made(
        &stage.root,
        &NewApiKey {
            realm: Some(stage.realm.clone()),
            role: roles::REALM_ADMIN.into(),
            ..NewApiKey::default()
        },
    )
    .await;
    let mut stream = Stream::open_with(&pod, &stage.realm, &key.secret, "", None).await;
    for _ in events(&stage.root, &stage, &[]).await {
        stream.next().await;
    }
    let (api, realm) = (key.api.clone(), stage.realm.clone());
    let waiting =
        tokio::spawn(async move { api.events(&realm, &[("after", "9000000000"), ("wait", "3")]).await });
    stage.root.delete_api_key(&key.id).await.unwrap();
    stream.ends().await;
    assert_eq!(code(waiting.await.unwrap()), "unauthorized");
}

#[tokio::test]
async fn an_export_of_events_holds_every_one_on_a_line_of_its_own() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    // More events than one read of the trail returns.
    for batch in 0..51 {
        futures_util::future::join_all((0..10).map(|i| {
            let stage = &stage;
            async move { user(stage, &format!("user{}", batch * 10 + i)).await }
        }))
        .await;
    }
    let answer = stage.root.export_events(&stage.realm).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    let text = answer.text().await.unwrap();
    assert!(text.ends_with('\n'));
    let lines: Vec<Event> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let all = events(&stage.root, &stage, &[("limit", "1000")]).await;
    assert!(all.len() > 510 && lines == all, "{} lines of {}", lines.len(), all.len());
}

#[tokio::test]
async fn a_client_that_may_read_the_trail_sees_what_concerns_it() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let neighbour = Stage::client_in(&stage.root, &stage.realm, "neighbour").await;
    let key = stage.client_key("reader", &IN_A_REALM).await;
    let mut online = stage.phone("alice").await.connect().await;
    let login = stage.approved(&mut online).await;
    neighbour.approved(&mut online).await;
    online.do_it(&Command::logout(login.id.parse().unwrap())).await.unwrap();
    let (by_admin, by_page) = (stage.new_login().await, stage.new_login().await);
    stage.root.cancel_login(&stage.realm, &by_admin.id).await.unwrap();
    let mut page = Page::open(&by_page).await;
    page.say(r#"{"type":"cancel"}"#).await;
    page.until(countersign_api::LoginState::Cancelled).await;
    user(&neighbour, "hers").await;
    user(&stage, "mine").await;
    let mine = events(&key.api, &stage, &[]).await;
    let client = Some(stage.client().await);
    assert!(mine.iter().all(|e| e.client == client), "{mine:?}");
    let told: Vec<_> = mine.iter().map(|e| (e.action.as_str(), e.object.as_str())).collect();
    let logins: Vec<_> = told.iter().filter(|(action, _)| action.starts_with("login.")).copied().collect();
    let (login, by_admin, by_page) = (login.id.as_str(), by_admin.id.as_str(), by_page.id.as_str());
    let expected = [
        ("login.approved", login),
        ("login.ended", login),
        ("login.cancelled", by_admin),
        ("login.cancelled", by_page),
    ];
    assert_eq!(logins, expected, "whoever moved them");
    assert!(told.contains(&("user.created", "mine")) && !told.contains(&("user.created", "hers")));
    let all = events(&stage.root, &stage, &[]).await;
    assert_eq!(mine, all.into_iter().filter(|e| e.client == client).collect::<Vec<_>>());
    let text = key.api.export_events(&stage.realm).await.unwrap().text().await.unwrap();
    assert_eq!(
        text.lines().map(|l| serde_json::from_str::<Event>(l).unwrap()).collect::<Vec<_>>()[..mine.len()],
        mine
    );
    assert!(
        text.lines().count() == mine.len() + 1 && text.lines().last().unwrap().contains("events.exported"),
        "that it was exported, too"
    );
}
