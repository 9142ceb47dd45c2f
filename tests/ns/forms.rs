//! Logins of every form: with a number, directed, started by an app, watched by a stream, kept
//! alive by pings.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_api::{LoginState, NewLogin, NumberMatch, PutClient, RealmSettings, Via};
use countersign_sdk::{Answer, Command, Event, LoginId, Prompt, Refusal};
use countersign_sim::{Online, PhoneError};

use crate::support::{ORIGIN, Page, Pod, RETURN_URL, Stage, claim, code};

fn id(text: &str) -> LoginId {
    text.parse().unwrap()
}

async fn take(online: &mut Online, login: LoginId) -> Result<Prompt, PhoneError> {
    match online.do_it(&Command::directed(login)).await? {
        Answer::Prompt(prompt) => Ok(*prompt),
        other => panic!("{other:?}"),
    }
}

async fn offered(online: &mut Online) -> (LoginId, String) {
    loop {
        if let Event::LoginOffered { login, client_name, .. } = online.next().await.unwrap() {
            return (login, client_name);
        }
    }
}

#[tokio::test]
async fn a_login_by_link_takes_the_number_that_only_its_page_shows() {
    let pod = Pod::start();
    let stage = Stage::strict(&pod, RealmSettings::default()).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let login = stage.new_login().await;
    let mut page = Page::open(&login).await;
    let link = page.link().await;
    let prompt = claim(&mut phone, &link).await.unwrap();
    assert_eq!(prompt.number, Some(2));
    let claimed = page.until(LoginState::Claimed).await;
    let number = claimed["number"].as_str().unwrap().to_owned();
    assert!(number.len() == 2 && number.bytes().all(|b| b.is_ascii_digit()));
    let seen = serde_json::to_string(&stage.look(&login).await).unwrap();
    assert!(!seen.contains("number"), "REST does not tell it: {seen}");
    let again = claim(&mut phone, &link).await.unwrap();
    assert_eq!(again.number, Some(2), "claiming again does not make another number");
    phone.do_it(&Command::approve_with(&prompt, Some(&number))).await.unwrap();
    let approved = page.until(LoginState::Approved).await;
    assert!(approved.get("number").is_none() && approved["via"] == "link" && claimed["via"] == "link");
    let token = URL_SAFE_NO_PAD.encode(prompt.return_to.unwrap().1.0);
    let identity = stage.api.redeem(&stage.realm, &login.id, Some(&token)).await.unwrap();
    let signed = countersign_protocol::decision::parse(&identity.decision).unwrap().decision;
    assert_eq!((identity.via, signed.number), (Via::Link, Some(number)), "the number is in the evidence");
}

#[tokio::test]
async fn a_wrong_or_missing_number_refuses_the_login_at_once() {
    let pod = Pod::start();
    let stage = Stage::strict(&pod, RealmSettings::default()).await;
    let mut phone = stage.phone("alice").await.connect().await;
    for wrong in [true, false] {
        let login = stage.new_login().await;
        let mut page = Page::open(&login).await;
        let prompt = claim(&mut phone, &page.link().await).await.unwrap();
        let number = page.until(LoginState::Claimed).await["number"].as_str().unwrap().to_owned();
        let other = format!("{:02}", (number.parse::<u32>().unwrap() + 1) % 100);
        let decide = Command::approve_with(&prompt, wrong.then_some(other.as_str()));
        let answer = phone.do_it(&decide).await.unwrap();
        assert!(
            matches!(answer, Answer::Decided { state: countersign_sdk::LoginState::Refused, .. }),
            "{answer:?}"
        );
        assert_eq!(page.until(LoginState::Refused).await["reason"], "wrong_number");
        assert!(matches!(
            phone.do_it(&Command::approve_with(&prompt, Some(&number))).await,
            Err(PhoneError::Refused(Refusal::AlreadyDecided))
        ));
    }
}

#[tokio::test]
async fn a_realm_or_a_client_may_ask_for_a_number_after_a_qr_code() {
    let pod = Pod::start();
    let all = NumberMatch { qr: Some(true), link: Some(true), directed: Some(true) };
    let stage =
        Stage::strict(&pod, RealmSettings { number_match: Some(all), ..RealmSettings::default() }).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let (_, prompt) = stage.claimed(&mut phone).await;
    assert_eq!(prompt.number, Some(2));
    let lax = Stage::set(&pod).await;
    let mut phone = lax.phone("alice").await.connect().await;
    let (_, prompt) = lax.claimed(&mut phone).await;
    assert_eq!(prompt.number, None);
    let new = NewLogin { number_match: true, ..NewLogin::default() };
    let login = lax.api.create_login(&lax.realm, &new).await.unwrap();
    let qr = Page::open(&login).await.qr().await;
    assert_eq!(claim(&mut phone, &qr).await.unwrap().number, Some(2));
}

#[tokio::test]
async fn a_login_directed_at_a_user_reaches_all_his_phones_and_nobody_elses() {
    let pod = Pod::start();
    let stage = Stage::strict(&pod, RealmSettings::default()).await;
    let (first, second, other) =
        (stage.phone("alice").await, stage.phone("alice").await, stage.phone("mallory").await);
    let (mut one, mut two, mut stranger) =
        (first.connect().await, second.connect().await, other.connect().await);
    let new =
        NewLogin { to_user: Some("alice".into()), text: Some("Really you?".into()), ..NewLogin::default() };
    let login = stage.api.create_login(&stage.realm, &new).await.unwrap();
    assert_eq!(offered(&mut one).await, (id(&login.id), "Example Shop".into()));
    assert_eq!(offered(&mut two).await.0, id(&login.id));
    assert!(matches!(
        take(&mut stranger, id(&login.id)).await,
        Err(PhoneError::Refused(Refusal::UnknownLogin))
    ));
    let Answer::Logins(none) = stranger.do_it(&Command::list()).await.unwrap() else { panic!("a list") };
    assert!(none.is_empty());
    let mut page = Page::open(&login).await;
    let prompt = take(&mut two, id(&login.id)).await.unwrap();
    assert_eq!(
        (prompt.text.as_deref(), prompt.number, prompt.return_token.is_none()),
        (Some("Really you?"), Some(2), true)
    );
    assert!(matches!(take(&mut one, id(&login.id)).await, Err(PhoneError::Refused(Refusal::AlreadyClaimed))));
    let number = page.until(LoginState::Claimed).await["number"].as_str().unwrap().to_owned();
    two.do_it(&Command::approve_with(&prompt, Some(&number))).await.unwrap();
    let identity = stage.api.redeem(&stage.realm, &login.id, None).await.unwrap();
    assert_eq!(
        (identity.user_id.as_str(), identity.via, &identity.account_id),
        ("alice", Via::Directed, &second.account.id)
    );
}

#[tokio::test]
async fn a_phone_that_was_away_finds_what_waits_for_it() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let new = NewLogin { to_account: Some(phone.account.id.clone()), ..NewLogin::default() };
    let login = stage.api.create_login(&stage.realm, &new).await.unwrap();
    let mut online = phone.connect().await;
    let Answer::Logins(waiting) = online.do_it(&Command::list()).await.unwrap() else { panic!("a list") };
    assert_eq!(
        waiting.iter().map(|(id, state, ..)| (*id, *state)).collect::<Vec<_>>(),
        [(id(&login.id), countersign_sdk::LoginState::Pending)]
    );
    // The login is this account's: another phone that sees the code cannot claim it, not even one
    // of the same user.
    let qr = Page::open(&login).await.qr().await;
    for other in ["mallory", "alice"] {
        let mut other = stage.phone(other).await.connect().await;
        assert!(matches!(claim(&mut other, &qr).await, Err(PhoneError::Refused(Refusal::WrongUser))));
    }
    let prompt = take(&mut online, id(&login.id)).await.unwrap();
    online.do_it(&Command::approve(&prompt)).await.unwrap();
    assert_eq!(stage.look(&login).await.state, LoginState::Approved);
}

#[tokio::test]
async fn directing_a_login_at_nobody_tells_nobody_that_there_is_nobody() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let new = NewLogin { to_user: Some("nobody".into()), ..NewLogin::default() };
    let login = stage.api.create_login(&stage.realm, &new).await.unwrap();
    assert_eq!((login.state, login.page_token.is_some()), (LoginState::Pending, true));
    for bad in [
        NewLogin { to_user: Some("alice".into()), expected_user: Some("bob".into()), ..NewLogin::default() },
        NewLogin { to_user: Some("alice".into()), to_account: Some(login.id.clone()), ..NewLogin::default() },
        NewLogin { to_account: Some("nonsense".into()), ..NewLogin::default() },
    ] {
        assert_eq!(code(stage.api.create_login(&stage.realm, &bad).await), "invalid");
    }
}

/// Allows the client to receive logins that an app starts.
async fn with_callback(stage: &Stage) {
    let client = stage.root.clients(&stage.realm).await.unwrap().remove(0);
    let put = PutClient {
        display_name: client.display_name,
        origins: client.origins,
        return_urls: client.return_urls,
        callback_urls: vec!["https://shop.example/app-login".into()],
        ..PutClient::default()
    };
    stage.root.put_client(&stage.realm, &client.id, &put).await.unwrap();
}

#[tokio::test]
async fn a_login_that_an_app_starts_is_redeemed_by_the_clients_back_end() {
    let pod = Pod::start();
    let stage = Stage::strict(&pod, RealmSettings::default()).await;
    let phone = stage.phone("alice").await;
    let mut online = phone.connect().await;
    assert!(
        matches!(
            online.do_it(&Command::start_login("shop")).await,
            Err(PhoneError::Refused(Refusal::UnknownLogin))
        ),
        "not taken yet"
    );
    with_callback(&stage).await;
    let start = Command::start_login("shop");
    let Answer::Prompt(prompt) = online.do_it(&start).await.unwrap() else { panic!("a prompt") };
    assert_eq!(
        (prompt.callback_url.as_deref(), prompt.number),
        (Some("https://shop.example/app-login"), None)
    );
    let Answer::Prompt(again) = online.do_it(&start).await.unwrap() else { panic!("a prompt") };
    assert_eq!(again.login, prompt.login, "the same request is the same login");
    online.do_it(&Command::approve(&prompt)).await.unwrap();
    let login = prompt.login.to_string();
    assert_eq!(code(stage.api.redeem(&stage.realm, &login, None).await), "wrong_return_token");
    let token = URL_SAFE_NO_PAD.encode(prompt.return_token.unwrap().0);
    let identity = stage.api.redeem(&stage.realm, &login, Some(&token)).await.unwrap();
    assert_eq!((identity.user_id.as_str(), identity.via), ("alice", Via::App));
}

#[tokio::test]
async fn log_me_out_everywhere_ends_the_logins_of_all_phones_of_the_user() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (mut one, mut two) =
        (stage.phone("alice").await.connect().await, stage.phone("alice").await.connect().await);
    let mut bob = stage.phone("bob").await.connect().await;
    let (a, b, c) =
        (stage.approved(&mut one).await, stage.approved(&mut two).await, stage.approved(&mut bob).await);
    let mut page = Page::open(&b).await;
    one.do_it(&Command::logout_all()).await.unwrap();
    assert_eq!(page.until(LoginState::Ended).await["reason"], "everywhere");
    two.until(countersign_sdk::LoginState::Ended).await.unwrap();
    for login in [&a, &b] {
        let seen = stage.look(login).await;
        assert_eq!((seen.state, seen.reason.as_deref()), (LoginState::Ended, Some("everywhere")));
    }
    assert_eq!(stage.look(&c).await.state, LoginState::Approved, "bob's goes on");
}

#[tokio::test]
async fn a_reloaded_page_shows_the_same_login_again() {
    let pod = Pod::start();
    let stage = Stage::strict(&pod, RealmSettings::default()).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let login = stage.new_login().await;
    let link = Page::open(&login).await.link().await;
    claim(&mut phone, &link).await.unwrap();
    let first = Page::open(&login).await.until(LoginState::Claimed).await;
    let reloaded = Page::open(&login).await.until(LoginState::Claimed).await;
    assert_eq!(first["number"], reloaded["number"]);
}

#[tokio::test]
async fn a_client_can_watch_a_login_as_a_stream() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let login = stage.new_login().await;
    let mut stream = stage.api.stream_login(&stage.realm, &login.id, 0).await.unwrap();
    let mut heard = String::new();
    let mut until = async |what: &str, heard: &mut String| {
        while !heard.contains(what) {
            heard.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().expect("more")).unwrap());
        }
    };
    until(r#""state":"pending""#, &mut heard).await;
    let qr = Page::open(&login).await.qr().await;
    let prompt = claim(&mut phone, &qr).await.unwrap();
    until(r#""state":"claimed""#, &mut heard).await;
    phone.do_it(&Command::approve(&prompt)).await.unwrap();
    until(r#""state":"approved""#, &mut heard).await;
    stage.api.logout(&stage.realm, &login.id).await.unwrap();
    until("id: 4", &mut heard).await;
    assert!(stream.chunk().await.unwrap().is_none(), "nothing comes after the end");
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn where_the_realm_asks_for_it_a_login_lives_only_while_its_phone_pings() {
    let pod = Pod::with(&[], &[("COUNTERSIGN_WAIT_SAFETY_POLL_MS", "200")]);
    let stage =
        Stage::strict(&pod, RealmSettings { silence_secs: Some(60), ..RealmSettings::default() }).await;
    let phone = stage.phone("alice").await;
    let mut online = phone.connect().await;
    assert_eq!(online.ping_after, 20, "three pings in the time that is allowed");
    let login = stage.approved(&mut online).await;
    let mut page = Page::open(&login).await;
    for _ in 0..3 {
        pod.later(50).await;
        online.do_it(&Command::Ping { nonce: 1 }).await.unwrap();
    }
    assert_eq!(stage.look(&login).await.state, LoginState::Approved, "it was heard all the time");
    pod.later(61).await;
    assert_eq!(page.until(LoginState::Ended).await["reason"], "silence");
    assert_eq!(stage.look(&login).await.reason.as_deref(), Some("silence"));
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn what_ended_by_itself_is_not_redeemed_though_nobody_has_looked() {
    let pod = Pod::start();
    for (settings, reason) in [
        (RealmSettings { silence_secs: Some(60), ..RealmSettings::default() }, "silence"),
        (
            RealmSettings { session_secs: Some(60), redeem_secs: Some(900), ..RealmSettings::default() },
            "lifetime",
        ),
    ] {
        let stage = Stage::strict(&pod, settings).await;
        let mut online = stage.phone("alice").await.connect().await;
        let login = stage.approved(&mut online).await;
        drop(online);
        pod.later(61).await;
        let once = stage.api.once("redeem");
        for api in [&stage.api, &once, &once] {
            assert_eq!(code(api.redeem(&stage.realm, &login.id, None).await), "not_approved", "{reason}");
        }
        assert_eq!(stage.look(&login).await.reason.as_deref(), Some(reason));
    }
}

#[tokio::test]
async fn a_client_with_templates_says_nothing_else() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let client = stage.root.clients(&stage.realm).await.unwrap().remove(0);
    let put = PutClient {
        display_name: client.display_name,
        origins: vec![ORIGIN.into()],
        return_urls: vec![RETURN_URL.into()],
        templates: [("order".to_owned(), "Show order {number}".to_owned())].into(),
        ..PutClient::default()
    };
    stage.root.put_client(&stage.realm, &client.id, &put).await.unwrap();
    let new = |template: Option<&str>, text: Option<&str>, values: &[(&str, &str)]| NewLogin {
        template: template.map(str::to_owned),
        text: text.map(str::to_owned),
        values: values.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        ..NewLogin::default()
    };
    for bad in [
        new(None, Some("Transfer all"), &[]),
        new(Some("other"), None, &[]),
        new(Some("order"), None, &[]),
        new(Some("order"), None, &[("number", "1\n2")]),
        new(Some("order"), None, &[("number", "1"), ("more", "2")]),
        new(Some("order"), Some("and this"), &[("number", "1")]),
        new(None, None, &[("number", "1")]),
    ] {
        assert_eq!(code(stage.api.create_login(&stage.realm, &bad).await), "invalid", "{bad:?}");
    }
    let login =
        stage.api.create_login(&stage.realm, &new(Some("order"), None, &[("number", "4711")])).await.unwrap();
    let qr = Page::open(&login).await.qr().await;
    let prompt = claim(&mut stage.phone("alice").await.connect().await, &qr).await.unwrap();
    assert_eq!(prompt.text.as_deref(), Some("Show order 4711"));
}
