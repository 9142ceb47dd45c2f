//! What the login element shows and announces in each state, in every language. The test stands in
//! for the server, to reach every state.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::Embedded;

/// For everything the element can show: the key of its texts, and the server's messages. Numbers
/// are close codes of the socket.
fn cases() -> Vec<(&'static str, Value)> {
    let pending = json!({"type": "state", "v": 1, "state": "pending", "seconds_left": 100});
    let qr = json!({"type": "qr", "text": "https://login.example/app#q1.0123456789"});
    let link = json!({"type": "link", "url": "https://login.example/app#l1.0123456789"});
    let state = |v: u64, state: &str| json!([{"type": "state", "v": v, "state": state}]);
    let because = |v: u64, state: &str, reason: &str| {
        json!([{"type": "state", "v": v, "state": state,
        "reason": reason}])
    };
    let error = |code: &str| json!([{"type": "error", "code": code}]);
    vec![
        ("connecting", json!([])),
        ("reconnecting", json!([pending, 1006])),
        ("pending", json!([pending, link, qr])),
        ("claimed", json!([{"type": "state", "v": 2, "state": "claimed", "seconds_left": 40}])),
        (
            "claimed.number",
            json!([{"type": "state", "v": 2, "state": "claimed", "seconds_left": 40, "number": "07"}]),
        ),
        (
            "claimed.pin",
            json!([{"type": "state", "v": 2, "state": "claimed", "seconds_left": 40,
                "second_factor": "pin"}]),
        ),
        (
            "claimed.number_pin",
            json!([{"type": "state", "v": 2, "state": "claimed", "seconds_left": 40, "number": "07",
                "second_factor": "pin"}]),
        ),
        ("approved", state(3, "approved")),
        ("approved.link", json!([{"type": "state", "v": 3, "state": "approved", "via": "link"}])),
        ("refused", because(3, "refused", "declined")),
        ("refused.not_me", because(3, "refused", "not_me")),
        ("refused.account_blocked", because(3, "refused", "account_blocked")),
        ("refused.account_deleted", because(3, "refused", "account_deleted")),
        ("refused.wrong_number", because(3, "refused", "wrong_number")),
        ("refused.no_second_factor", because(3, "refused", "no_second_factor")),
        ("cancelled", state(3, "cancelled")),
        ("expired", state(3, "expired")),
        ("ended", because(4, "ended", "client")),
        ("ended.phone", because(4, "ended", "phone")),
        ("ended.lifetime", because(4, "ended", "lifetime")),
        ("ended.silence", because(4, "ended", "silence")),
        ("ended.everywhere", because(4, "ended", "everywhere")),
        ("ended.account_blocked", because(4, "ended", "account_blocked")),
        ("ended.account_deleted", because(4, "ended", "account_deleted")),
        ("error", json!([4400])),
        ("error.bad_page_token", error("bad_page_token")),
        ("error.bad_origin", error("bad_origin")),
        ("error.bad_page_url", json!(["bad url"])),
    ]
}

const LANGUAGES: [&str; 4] = ["en", "de", "fr", "nl"];
const ANDROID: &str = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/140.0.0.0 Mobile Safari/537.36";
const DESKTOP: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

impl Embedded {
    /// Returns the title and the hint of the status.
    async fn status(&self) -> Value {
        self.look("['title', 'hint'].map((part) => root.querySelector(`[part=${part}]`).textContent)").await
    }

    /// The element's texts, by language.
    async fn texts(&self) -> Value {
        let module = format!("{}/countersign-login.js", self.page_origin());
        self.browser.eval(&format!("return import('{module}').then(({{ texts }}) => texts)")).await
    }
}

#[tokio::test]
async fn every_language_says_everything_and_nothing_in_english() {
    let Some(at) = Embedded::staged("").await else { return };
    let texts = at.texts().await;
    let english = texts["en"].as_object().unwrap();
    assert_eq!(
        texts.as_object().unwrap().keys().collect::<BTreeSet<_>>(),
        BTreeSet::from(LANGUAGES.map(str::to_owned).each_ref())
    );
    let told: BTreeSet<String> =
        cases().iter().map(|(key, _)| (*key).to_owned()).chain(["pending.mobile".to_owned()]).collect();
    let spoken: BTreeSet<String> =
        english.iter().filter(|(_, text)| text.is_array()).map(|(key, _)| key.clone()).collect();
    assert_eq!(told, spoken, "there is a case for each text of a state, and no other");
    for language in &LANGUAGES[1..] {
        let other = texts[language].as_object().unwrap();
        assert_eq!(
            english.keys().collect::<BTreeSet<_>>(),
            other.keys().collect::<BTreeSet<_>>(),
            "{language}"
        );
        for (key, text) in english {
            let pairs: Vec<(&Value, &Value)> = match text {
                Value::Array(both) => both.iter().zip(other[key].as_array().unwrap()).collect(),
                one => vec![(one, &other[key])],
            };
            for (ours, theirs) in pairs.into_iter().map(|(a, b)| (a.as_str().unwrap(), b.as_str().unwrap())) {
                assert!(!theirs.trim().is_empty() && ours != theirs, "{language}: {key}");
                assert_eq!(ours.contains("{n}"), theirs.contains("{n}"), "{language}: {key}");
            }
        }
    }
}

#[tokio::test]
async fn each_state_is_shown_in_each_language() {
    let Some(at) = Embedded::staged("").await else { return };
    let texts = at.texts().await;
    for language in LANGUAGES {
        at.look(&format!("element.lang = '{language}'")).await;
        for (key, messages) in cases() {
            at.told(&messages).await;
            assert_eq!(at.status().await, texts[language][key], "{language}: {key}");
            assert_eq!(
                at.look("root.querySelector('[part=box]').lang").await,
                language,
                "screen readers know how to speak it"
            );
        }
    }
    assert_eq!(at.violations().await, json!([]));
}

#[tokio::test]
async fn the_language_is_the_one_of_the_page_and_else_the_one_of_the_browser() {
    let Some(at) = Embedded::staged("").await else { return };
    let language = "root.querySelector('[part=box]').lang";
    let after = |change: &str| format!("({change}, element.toggleAttribute('push'), {language})");
    assert_eq!(
        at.look(&after("element.closest('main').lang = 'de-CH'")).await,
        "de",
        "of the nearest ancestor"
    );
    assert_eq!(at.look(&after("element.lang = 'FR'")).await, "fr", "of the element itself");
    let hosted = "(() => { const host = document.createElement('div'); host.lang = 'nl'; \
        document.body.append(host); element.removeAttribute('lang'); \
                  host.attachShadow({ mode: 'open' }).append(element); return \
                  element.shadowRoot.querySelector('[part=box]').lang; })()";
    assert_eq!(at.look(hosted).await, "nl", "of the host it is shown in");
    at.browser.pretend(DESKTOP, "it-IT,it,de-AT,fr").await;
    at.load("").await;
    assert_eq!(
        at.look(&after("document.documentElement.removeAttribute('lang')")).await,
        "de",
        "the first one the browser wants that there is"
    );
    assert_eq!(
        at.look(&after("document.documentElement.lang = 'it'")).await,
        "de",
        "the page's is not there"
    );
    at.browser.pretend(DESKTOP, "it").await;
    at.load("").await;
    assert_eq!(at.look(&after("document.documentElement.removeAttribute('lang')")).await, "en");
    let module = format!("{}/countersign-login.js", at.page_origin());
    at.browser
        .eval(&format!(
            "return import('{module}').then(({{ texts }}) => {{ texts.it = {{ cancel: 'Annulla' }} }})"
        ))
        .await;
    let said = format!(
        "[{}, root.querySelector('[part=cancel]').textContent, \
            root.querySelector('[part=title]').textContent]",
        after("0")
    );
    assert_eq!(
        at.look(&said).await,
        json!(["it", "Annulla", "One moment"]),
        "a site's own, and in English what it lacks"
    );
}

#[tokio::test]
async fn axe_finds_nothing_wrong_in_any_state_light_or_dark() {
    let Some(at) = Embedded::staged("push").await else { return };
    if !at.bring_axe().await {
        return;
    }
    for scheme in ["light", "dark"] {
        at.browser.prefer(&[("prefers-color-scheme", scheme)]).await;
        for (key, messages) in cases() {
            at.told(&messages).await;
            assert_eq!(at.axe().await, Vec::<String>::new(), "{scheme}: {key}");
        }
    }
    at.look(
        "root.querySelector('[part=title]').insertAdjacentElement('afterend', document.createElement('img'))",
    )
    .await;
    assert_ne!(at.axe().await, Vec::<String>::new(), "axe looks into the element");
}

#[tokio::test]
async fn axe_finds_nothing_wrong_on_a_phone_where_the_app_link_comes_first() {
    let Some(at) = Embedded::open().await else { return };
    at.browser.pretend(ANDROID, "en").await;
    at.browser.before_each_page(include_str!("../support/fake_socket.js")).await;
    at.load("").await;
    if !at.bring_axe().await {
        return;
    }
    for (key, messages) in cases() {
        at.told(&messages).await;
        if key == "pending" {
            assert_eq!(at.status().await, at.texts().await["en"]["pending.mobile"]);
            let above = "root.querySelector('[part=link]').getBoundingClientRect().bottom <= \
                root.querySelector('[part=qr]').getBoundingClientRect().top";
            assert_eq!(at.look(above).await, true);
            assert!(
                at.look("root.querySelector('[part=link]').offsetHeight").await.as_u64().unwrap() >= 44,
                "a thumb hits it"
            );
        }
        assert_eq!(at.axe().await, Vec::<String>::new(), "{key}");
    }
}

#[tokio::test]
async fn the_number_is_large_and_spoken_digit_by_digit() {
    let Some(at) = Embedded::staged("").await else { return };
    let number = cases().into_iter().find(|(key, _)| *key == "claimed.number").unwrap().1;
    at.told(&number).await;
    let shown = at
        .look(
            "[...root.querySelector('[role=status] [part=number]').children].map((e) => \
        [e.textContent, e.ariaHidden])",
        )
        .await;
    assert_eq!(shown, json!([["07", "true"], ["The number is 0 7", null]]));
    assert_eq!(at.status().await[1], "Type this number on your phone.");
    let times = "parseFloat(getComputedStyle(root.querySelector('[part=number]')).fontSize) / \
        parseFloat(getComputedStyle(element).fontSize)";
    assert!(at.look(times).await.as_f64().unwrap() >= 3.0);
    at.browser.eval("hear({ type: 'state', v: 3, state: 'approved' })").await;
    assert_eq!(
        at.look(
            "root.querySelector('[part=number]').hidden && root.querySelector('[part=number]').textContent"
        )
        .await,
        ""
    );
}

#[tokio::test]
async fn the_push_button_is_there_when_asked_for_explains_itself_and_tells_the_site() {
    let Some(at) = Embedded::staged("").await else { return };
    let pending = cases().into_iter().find(|(key, _)| *key == "pending").unwrap().1;
    at.told(&pending).await;
    assert_eq!(at.look("root.querySelector('[part=push]').hidden").await, true);
    at.look("element.setAttribute('push', '')").await;
    let push = "((push) => [push.hidden, push.ariaDisabled, \
        root.getElementById(push.getAttribute('aria-describedby')).textContent])\
        (root.querySelector('[part=push]'))";
    assert_eq!(at.look(push).await, json!([false, "true", "Not available yet. Use the code instead."]));
    at.look("root.querySelector('[part=push]').click()").await;
    assert_eq!(at.said("push").await, 1);
    at.browser.eval("hear({ type: 'state', v: 2, state: 'claimed', seconds_left: 40 })").await;
    assert_eq!(at.look("root.querySelector('[part=push]').hidden").await, true, "nobody needs it any more");
}

#[tokio::test]
async fn seconds_are_counted_for_the_eyes_and_spoken_once() {
    let Some(at) = Embedded::staged("").await else { return };
    at.told(&json!([{"type": "state", "v": 1, "state": "pending", "seconds_left": 32}])).await;
    at.look(
        "(window.seen = [], window.spoken = [], new MutationObserver((all) => all.forEach(({ target }) =>
            (target.closest('[role=status], [aria-live=polite]') ? spoken : \
            seen).push(target.textContent))).observe(root, { subtree: true, childList: true }), 0)",
    )
    .await;
    at.until("root.querySelector('[role=timer]').textContent === '28 seconds left'").await;
    assert_eq!(
        at.look("[root.querySelector('[role=timer]').ariaLive, spoken]").await,
        json!(["off", ["30 seconds left"]])
    );
    assert!(at.look("seen.length").await.as_u64().unwrap() >= 4, "the eyes saw each second");
}

#[tokio::test]
async fn colours_follow_the_person_and_the_code_stays_black_on_white() {
    let Some(at) = Embedded::staged("").await else { return };
    let pending = cases().into_iter().find(|(key, _)| *key == "pending").unwrap().1;
    at.told(&pending).await;
    let colours =
        "['box', 'qr'].map((part) => getComputedStyle(root.querySelector(`[part=${part}]`)).backgroundColor)";
    for (scheme, surface) in [("light", "rgb(255, 255, 255)"), ("dark", "rgb(27, 34, 42)")] {
        at.browser.prefer(&[("prefers-color-scheme", scheme)]).await;
        assert_eq!(at.look(colours).await, json!([surface, "rgb(255, 255, 255)"]), "{scheme}");
    }
    at.browser.prefer(&[("forced-colors", "active"), ("prefers-color-scheme", "dark")]).await;
    assert_eq!(at.look(colours).await[1], "rgb(255, 255, 255)", "a code in other colours cannot be scanned");
    let turning = "getComputedStyle(root.querySelector('[part=busy]')).animationName";
    at.told(&json!([])).await;
    assert_eq!(at.look(turning).await, "turn");
    at.browser.prefer(&[("prefers-reduced-motion", "reduce")]).await;
    assert_eq!(at.look(turning).await, "none");
}

#[tokio::test]
async fn a_lost_connection_is_said_and_an_approved_login_stays_on_display() {
    let Some(at) = Embedded::staged("").await else { return };
    let pending = cases().into_iter().find(|(key, _)| *key == "pending").unwrap().1;
    at.told(&pending).await;
    at.browser.eval("hear(1006)").await;
    at.state("reconnecting").await;
    assert_eq!(
        at.look("root.querySelector('[part=qr] path').hasAttribute('d')").await,
        false,
        "the code is too old by now"
    );
    at.told(&json!([{"type": "state", "v": 3, "state": "approved"}, 1006])).await;
    assert_eq!(at.look("element.state").await, "approved");
}

#[tokio::test]
async fn who_comes_back_from_the_app_is_told_the_state_even_when_the_connection_died_silently() {
    let Some(at) = Embedded::staged("").await else { return };
    let come_back = "document.dispatchEvent(new Event('visibilitychange')); return sockets.length";
    at.told(&json!([{"type": "state", "v": 2, "state": "claimed", "seconds_left": 100}])).await;
    assert_eq!(at.browser.eval(come_back).await, 1, "it has just been heard of");
    at.browser
        .eval("const now = performance.now.bind(performance); performance.now = () => now() + 10_000")
        .await;
    assert_eq!(at.browser.eval(come_back).await, 2);
    at.browser.eval("hear({ type: 'state', v: 3, state: 'approved' })").await;
    at.state("approved").await;
}
