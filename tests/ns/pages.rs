//! The page socket: tokens, origins, resuming, cancelling.

use countersign_api::LoginState;
use countersign_sdk::Command;

use crate::support::{ORIGIN, Page, Pod, Stage, claim};

#[tokio::test]
async fn a_wrong_token_or_a_foreign_origin_learns_nothing() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (login, other) = (stage.new_login().await, stage.new_login().await);
    let (url, token) = (login.page_url.as_ref().unwrap(), login.page_token.as_ref().unwrap());
    let mut mixed = other.page_token.as_deref().unwrap().to_owned();
    mixed.replace_range(..46, &token[..46]);
    for wrong in ["", "pt_", "pt_AAAA", &token[..token.len() - 1], mixed.as_str()] {
        let mut page = Page::dial(url, wrong, 0, None).await;
        assert_eq!(page.next().await.unwrap()["code"], "bad_page_token", "{wrong}");
        assert_eq!(page.next().await, Err(4401));
    }
    for origin in ["https://evil.example", "https://shop.example.evil.example", "http://shop.example", "null"]
    {
        let mut page = Page::dial(url, token, 0, Some(origin)).await;
        assert_eq!(page.next().await.unwrap()["code"], "bad_origin", "{origin}");
        assert_eq!(page.next().await, Err(4403));
    }
    assert_eq!(Page::dial(url, token, 0, Some(ORIGIN)).await.next().await.unwrap()["state"], "pending");
}

#[tokio::test]
async fn a_page_that_comes_back_learns_what_it_missed() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let login = stage.new_login().await;
    let mut page = Page::open(&login).await;
    let prompt = claim(&mut phone, &page.qr().await).await.unwrap();
    drop(page);
    phone.do_it(&Command::approve(&prompt)).await.unwrap();
    let mut page =
        Page::dial(login.page_url.as_ref().unwrap(), login.page_token.as_ref().unwrap(), 1, None).await;
    assert_eq!(page.next().await.unwrap()["state"], "approved");
    stage.api.logout(&stage.realm, &login.id).await.unwrap();
    page.until(LoginState::Ended).await;
}

#[tokio::test]
async fn the_page_can_cancel_until_the_phone_has_decided() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut phone = stage.phone("alice").await.connect().await;
    let login = stage.new_login().await;
    let mut page = Page::open(&login).await;
    page.qr().await;
    page.say(r#"{"type":"cancel"}"#).await;
    page.until(LoginState::Cancelled).await;
    assert_eq!(stage.look(&login).await.state, LoginState::Cancelled);

    let approved = stage.approved(&mut phone).await;
    let mut page = Page::open(&approved).await;
    page.until(LoginState::Approved).await;
    page.say(r#"{"type":"cancel"}"#).await;
    stage.api.logout(&stage.realm, &approved.id).await.unwrap();
    assert_eq!(page.until(LoginState::Ended).await["reason"], "client", "the late cancel changed nothing");
}

#[tokio::test]
async fn each_second_has_its_own_qr_code() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut page = Page::open(&stage.new_login().await).await;
    let (one, two) = (page.qr().await, page.qr().await);
    assert_ne!(one, two);
}

#[tokio::test]
async fn a_page_that_talks_nonsense_or_nothing_is_sent_away() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let login = stage.new_login().await;
    let url = login.page_url.as_ref().unwrap();
    for nonsense in
        ["", "hello", "{}", r#"{"page_token":1}"#, r#"{"page_token":"x","more":1}"#, &"x".repeat(4097)]
    {
        let mut page = Page::silent(url, None).await;
        page.say(nonsense).await;
        let first = page.next().await;
        assert!(matches!(&first, Ok(e) if e["code"] == "malformed") || first.is_err(), "{first:?}");
    }
    let token = login.page_token.as_deref().unwrap();
    let mut page = Page::silent(url, None).await;
    page.say(&format!(r#"["{token}",0]"#)).await;
    assert_eq!(page.next().await.unwrap()["code"], "malformed", "a hello as an array");
    for nonsense in [r#"{"type":"cancel","why":1}"#, r#"["cancel"]"#, r#"{"type":"stay"}"#] {
        let mut page = Page::open(&login).await;
        page.qr().await;
        page.say(nonsense).await;
        assert_eq!(page.event("error").await["code"], "malformed", "{nonsense}");
        assert_eq!(stage.look(&login).await.state, LoginState::Pending, "{nonsense}");
    }
    let mut quiet = Page::silent(url, None).await;
    assert_eq!(quiet.next().await.unwrap()["code"], "timeout");
    assert_eq!(quiet.next().await, Err(4408));
}
