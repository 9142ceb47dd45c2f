//! The trail as events, and a realm's settings.

use std::time::{Duration, Instant};

use countersign_api::{ApiClient, ChangeRealm, Event, Limit, Limits, NewApiKey, NewClient, NumberMatch, PutUser, RealmSettings, roles};
use countersign_sdk::Command;
use reqwest::Response;
use serde_json::{Value, json};
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
    for (query, why) in
        [(("wait", "61"), "invalid"), (("limit", "0"), "invalid"), (("after", "-1"), "malformed"), (("since", "1"), "malformed")]
    {
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
        tokio::spawn(
            async move { api.events(&realm, &[("after", last.as_str()), ("wait", "30"), ("action", action)]).await.unwrap().items },
        )
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
        let mut request = reqwest::Client::new().get(format!("{}/v1/realms/{realm}/events/stream{query}", pod.url("rest")));
        request = request.bearer_auth(key);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let answer = request.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()), (200, "text/event-stream"));
        Self { answer, read: String::new() }
    }

    /// Nothing comes any more.
    async fn ends(mut self) {
        let rest = timeout(PATIENCE, async { while self.answer.chunk().await.unwrap().is_some() {} }).await;
        rest.expect("the stream ends");
    }

    /// The next event, whose id is its number.
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
            let more = timeout(PATIENCE, self.answer.chunk()).await.expect("the stream says something").unwrap();
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
    // What the browser sends by itself wins over what the URL says.
    let mut again = Stream::open(&pod, &stage.realm, "?after=1&action=user", Some(seen.seq)).await;
    assert_eq!([again.next().await.object, again.next().await.object], ["bob", "carol"]);
    let (api, realm) = (stage.root.clone(), stage.realm.clone());
    api.create_client(&realm, &NewClient { name: "more".into(), display_name: "More".into(), ..NewClient::default() }).await.unwrap();
    user(&stage, "dora").await;
    assert_eq!(again.next().await.object, "dora", "the client was not asked for");
}

#[tokio::test]
async fn streams_and_waits_end_with_the_key_they_were_begun_with() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let key =
        Key::made(&stage.root, &NewApiKey { realm: Some(stage.realm.clone()), role: roles::REALM_ADMIN.into(), ..NewApiKey::default() })
            .await;
    let mut stream = Stream::open_with(&pod, &stage.realm, &key.secret, "", None).await;
    for _ in events(&stage.root, &stage, &[]).await {
        stream.next().await;
    }
    let (api, realm) = (key.api.clone(), stage.realm.clone());
    let waiting = tokio::spawn(async move { api.events(&realm, &[("after", "9000000000"), ("wait", "3")]).await });
    stage.root.delete_api_key(&key.id).await.unwrap();
    stream.ends().await;
    assert_eq!(code(waiting.await.unwrap()), "unauthorized");
}

#[tokio::test]
async fn an_export_of_events_holds_every_one_on_a_line_of_its_own() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    // More than one reading of the trail.
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
    let expected = [("login.approved", login), ("login.ended", login), ("login.cancelled", by_admin), ("login.cancelled", by_page)];
    assert_eq!(logins, expected, "whoever moved them");
    assert!(told.contains(&("user.created", "mine")) && !told.contains(&("user.created", "hers")));
    let all = events(&stage.root, &stage, &[]).await;
    assert_eq!(mine, all.into_iter().filter(|e| e.client == client).collect::<Vec<_>>());
    let text = key.api.export_events(&stage.realm).await.unwrap().text().await.unwrap();
    assert_eq!(text.lines().map(|l| serde_json::from_str::<Event>(l).unwrap()).collect::<Vec<_>>()[..mine.len()], mine);
    assert!(
        text.lines().count() == mine.len() + 1 && text.lines().last().unwrap().contains("events.exported"),
        "that it was exported, too"
    );
}

/// PATCH of the realm with this body: the status and where it is wrong.
async fn patch(pod: &Pod, stage: &Stage, body: &Value) -> (u16, String) {
    let request = reqwest::Client::new().patch(format!("{}/v1/realms/{}", pod.url("rest"), stage.realm));
    let answer = request.bearer_auth(pod.root_key()).json(body).send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    (status, body["errors"][0]["pointer"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn changes_of_different_settings_at_the_same_time_are_all_kept() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let one = |settings: RealmSettings| {
        let (root, realm) = (stage.root.clone(), stage.realm.clone());
        async move { root.change_realm(&realm, &ChangeRealm { settings, ..ChangeRealm::default() }).await.unwrap() }
    };
    for n in [100, 200, 300, 400] {
        tokio::join!(
            one(RealmSettings { login_secs: Some(n), ..RealmSettings::default() }),
            one(RealmSettings { redeem_secs: Some(n), ..RealmSettings::default() }),
            one(RealmSettings { session_secs: Some(n), ..RealmSettings::default() }),
            one(RealmSettings { enrolment_secs: Some(n), ..RealmSettings::default() }),
        );
        let now = stage.root.realm(&stage.realm).await.unwrap().settings;
        assert_eq!([now.login_secs, now.redeem_secs, now.session_secs, now.enrolment_secs], [Some(n); 4]);
    }
}

#[tokio::test]
async fn settings_that_are_given_change_within_their_bounds_and_the_others_stay() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let before = stage.root.realm(&stage.realm).await.unwrap();
    let bounds = [
        ("login_secs", 30, 900),
        ("redeem_secs", 10, 900),
        ("session_secs", 60, 2_592_000),
        ("enrolment_secs", 60, 2_592_000),
        ("silence_secs", 15, 86_400),
        ("further_phone_secs", 3600, 2_592_000),
        ("trail_days", 400, 3650),
        ("outcome_days", 1826, 3650),
        ("unclaimed_hours", 1, 8760),
    ];
    for (name, least, most) in bounds {
        for bad in [least - 1, most + 1] {
            // Silence may be switched off.
            let answer = patch(&pod, &stage, &json!({"display_name": "Changed", "settings": {name: bad}})).await;
            assert_eq!(answer, (422, format!("/settings/{name}")), "{bad}");
        }
    }
    let limits = serde_json::to_value(before.settings.limits.unwrap()).unwrap();
    for (pointer, bad) in [("/user/most", 0), ("/client/secs", 86_401), ("/address_accounts", 65), ("/quarantine_secs", 604_801)] {
        let mut limits = limits.clone();
        *limits.pointer_mut(pointer).unwrap() = json!(bad);
        let answer = patch(&pod, &stage, &json!({"settings": {"limits": limits}})).await;
        assert_eq!(answer, (422, format!("/settings/limits{pointer}")));
    }
    assert_eq!(patch(&pod, &stage, &json!({"settings": {"enrolment_confirm": []}})).await, (422, "/settings/enrolment_confirm".into()));
    assert_eq!(patch(&pod, &stage, &json!({"display_name": ""})).await, (422, "/display_name".into()));
    for bad in [json!({"settings": {"more": 1}}), json!({"name": "other"}), json!({"settings": {"limits": []}}), json!({"settings": []})] {
        assert_eq!(patch(&pod, &stage, &bad).await.0, 400, "{bad}");
    }
    assert_eq!(stage.root.realm(&stage.realm).await.unwrap(), before, "nothing of a refused change was done");
    for (name, least, most) in bounds {
        for good in [least, most] {
            assert_eq!(patch(&pod, &stage, &json!({"settings": {name: good}})).await.0, 200);
            let is = serde_json::to_value(stage.root.realm(&stage.realm).await.unwrap().settings).unwrap();
            assert_eq!(is[name], good);
        }
    }
    let after = stage.root.realm(&stage.realm).await.unwrap();
    let bounded = RealmSettings { login_secs: Some(900), redeem_secs: Some(900), silence_secs: Some(86_400), ..before.settings.clone() };
    let longest = RealmSettings { session_secs: Some(2_592_000), enrolment_secs: Some(2_592_000), ..bounded };
    let kept = RealmSettings { unclaimed_hours: Some(8760), trail_days: Some(3650), outcome_days: Some(3650), ..longest };
    assert_eq!(after.settings, RealmSettings { further_phone_secs: Some(2_592_000), ..kept });
    let change =
        ChangeRealm { display_name: Some("New".into()), settings: RealmSettings { silence_secs: Some(0), ..RealmSettings::default() } };
    let changed = stage.root.change_realm(&stage.realm, &change).await.unwrap();
    assert_eq!((changed.display_name.as_str(), changed.settings.silence_secs, changed.created_at), ("New", Some(0), before.created_at));
    // One limit, one place for the number: the others stay.
    let user = Some(Limit { most: 1, secs: 1 });
    let few = RealmSettings {
        limits: Some(Limits { user, ..Limits::default() }),
        number_match: Some(NumberMatch { qr: Some(true), ..NumberMatch::default() }),
        ..RealmSettings::default()
    };
    let after = stage.root.change_realm(&stage.realm, &ChangeRealm { settings: few, ..ChangeRealm::default() }).await.unwrap().settings;
    assert_eq!(after.limits, Some(Limits { user, ..changed.settings.limits.unwrap() }));
    assert_eq!(after.number_match, Some(NumberMatch { qr: Some(true), ..changed.settings.number_match.unwrap() }));
}
