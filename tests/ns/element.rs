//! The login element in a real browser, on a site of another origin under a strict content security
//! policy.

use countersign_api::LoginState;
use countersign_sdk::{Command, RefuseReason};
use serde_json::json;

use crate::support::{Embedded, Stage, claim};

/// What a browser lacks, the script that takes it away, and what the element then fetches.
const WAYS: [(&str, &str, &[&str]); 4] = [
    ("nothing", "", &[]),
    ("WebSocket", "delete window.WebSocket;", &["/page/events"]),
    (
        "a network that lets WebSockets through",
        "window.WebSocket = class extends EventTarget { constructor() { super(); queueMicrotask(() => \
            this.dispatchEvent(new CloseEvent('close', { code: 1006 }))); } close() {} };",
        &["/page/events"],
    ),
    (
        "WebSocket and streaming",
        "delete window.WebSocket; Object.defineProperty(Response.prototype, 'body', { get: () => \
            undefined });",
        &["/page/events", "/page/state"],
    ),
];

/// The paths that the page has fetched. A WebSocket does not appear in them.
const FETCHED: &str = "[...new Set(fetched)]";

#[tokio::test]
async fn a_page_of_another_site_logs_in_by_socket_stream_and_poll() {
    let Some(at) = Embedded::open().await else { return };
    let mut phone = at.stage.phone("alice").await.connect().await;
    for (lacking, script, paths) in WAYS {
        let crippled = at.browser.before_each_page(script).await;
        let login = at.stage.new_login().await;
        at.show(&login, "").await;
        let first =
            at.until("root.querySelector('[part=qr]:not([hidden]) path[d]')?.getAttribute('d')").await;
        at.until(&format!("root.querySelector('[part=qr] path').getAttribute('d') !== {first}")).await;
        let prompt = claim(&mut phone, &at.link().await).await.unwrap();
        at.state("claimed").await;
        phone.do_it(&Command::approve(&prompt)).await.unwrap();
        at.state("approved").await;
        assert_eq!(at.said("approved").await, 1, "without {lacking}");
        at.stage.api.logout(&at.stage.realm, &login.id).await.unwrap();
        at.state("ended").await;
        assert_eq!(at.said("ended").await, 1, "without {lacking}");
        assert_eq!(at.look(FETCHED).await, json!(paths), "without {lacking}");
        assert_eq!(at.violations().await, json!([]), "without {lacking}");
        at.browser.not_any_more(crippled).await;
    }
}

#[tokio::test]
async fn a_socket_that_neither_opens_nor_fails_is_given_up() {
    let Some(at) = Embedded::open().await else { return };
    at.browser.before_each_page("window.WebSocket = class extends EventTarget { close() {} };").await;
    at.show(&at.stage.new_login().await, "").await;
    at.state("connecting").await;
    at.state("pending").await;
    assert_eq!(at.look(FETCHED).await, json!(["/page/events"]));
}

#[tokio::test]
async fn a_site_may_insist_on_a_way() {
    let Some(at) = Embedded::open().await else { return };
    for (way, paths) in [
        ("websocket", json!([])),
        ("sse", json!(["/page/events"])),
        ("poll", json!(["/page/state"])),
        ("auto", json!([])),
    ] {
        at.show(&at.stage.new_login().await, &format!("transport={way}")).await;
        at.state("pending").await;
        assert_eq!(at.look(FETCHED).await, paths, "{way}");
    }
}

#[tokio::test]
async fn a_way_that_has_worked_is_kept_and_a_stream_may_come_in_pieces() {
    let Some(at) = Embedded::open().await else { return };
    // No WebSocket; streams that end after two events with a heartbeat between them, and that
    // deliver each byte as a separate chunk.
    at.browser
        .before_each_page(
            r#"window.tried = 0;
               window.WebSocket = class extends EventTarget {
                 constructor() {
                   super();
                   tried++;
                   queueMicrotask(() => this.dispatchEvent(new CloseEvent('close', { code: 1006 })));
                 }
                 close() {}
               };
               window.fetch = async (url) => {
                 fetched.push(url.pathname + url.search);
                 const text = 'id: 1\ndata: {"type":"state","v":1,"state":"pending","seconds_left":99}\n\n' +
                   ':\n\ndata: {"type":"link","url":"https://é.example"}\n\n';
                 const body = new ReadableStream({
                   start(to) {
                     for (const byte of new TextEncoder().encode(text)) to.enqueue(new Uint8Array([byte]));
                     to.close();
                   },
                 });
                 return new Response(body);
               };"#,
        )
        .await;
    at.load("page-url='ws://fake.invalid/page' page-token='pt_x'").await;
    at.browser.until("fetched.length >= 3").await;
    assert_eq!(
        at.look("fetched.slice(0, 3)").await,
        json!(["/page/events?after=0", "/page/events?after=1", "/page/events?after=1"])
    );
    assert_eq!(
        at.browser.eval("return tried").await,
        2,
        "the socket was tried twice, before the stream worked"
    );
    assert_eq!(at.look("root.querySelector('[part=link]').href").await, "https://xn--9ca.example/");
}

#[tokio::test]
async fn a_proxy_that_cuts_every_poll_short_is_not_flooded() {
    let Some(at) = Embedded::open().await else { return };
    at.browser
        .before_each_page(
            r#"window.began = [];
               window.fetch = async () => {
                 began.push(performance.now());
                 const claimed = { type: 'state', v: 2, state: 'claimed', seconds_left: 99 };
                 return new Response(JSON.stringify({ events: [claimed] }));
               };"#,
        )
        .await;
    at.load("page-url='ws://fake.invalid/page' page-token='pt_x' transport=poll").await;
    at.browser.until("began.length >= 4").await;
    let shortest = at.look("Math.min(...began.slice(2).map((time, i) => time - began[i + 1]))").await;
    assert!(shortest.as_f64().unwrap() >= 900.0, "{shortest} ms");
}

#[tokio::test]
async fn the_same_login_is_shown_again_after_a_reload() {
    let Some(at) = Embedded::open().await else { return };
    let mut phone = at.stage.phone("alice").await.connect().await;
    let login = at.stage.new_login().await;
    at.show(&login, "").await;
    let link = at.link().await;
    at.again().await;
    assert_eq!(at.link().await, link);
    let prompt = claim(&mut phone, &link).await.unwrap();
    at.state("claimed").await;
    at.again().await;
    at.state("claimed").await;
    phone.do_it(&Command::approve(&prompt)).await.unwrap();
    at.state("approved").await;
    at.again().await;
    at.state("approved").await;
    assert_eq!(at.said("approved").await, 1, "the page that was loaded anew is told, too");
}

#[tokio::test]
async fn a_refusal_ends_on_the_page_and_another_try_is_a_new_login() {
    let Some(at) = Embedded::open().await else { return };
    let mut phone = at.stage.phone("alice").await.connect().await;
    for way in ["websocket", "sse", "poll"] {
        at.show(&at.stage.new_login().await, &format!("transport={way}")).await;
        let prompt = claim(&mut phone, &at.link().await).await.unwrap();
        phone.do_it(&Command::refuse(&prompt, RefuseReason::NotMe)).await.unwrap();
        at.state("refused").await;
        assert_eq!(
            at.look("root.querySelector('[part=hint]').textContent.includes('not me')").await,
            true,
            "{way}"
        );
        at.look("root.querySelector('[part=retry]').click()").await;
        assert_eq!(at.said("retry").await, 1, "{way}");
        at.start(&at.stage.new_login().await).await;
        at.state("pending").await;
        at.link().await;
    }
}

#[tokio::test]
async fn cancelling_on_the_page_cancels_the_login_whatever_the_way() {
    let Some(at) = Embedded::open().await else { return };
    for way in ["websocket", "sse", "poll"] {
        let login = at.stage.new_login().await;
        at.show(&login, &format!("transport={way}")).await;
        at.state("pending").await;
        at.look("root.querySelector('[part=cancel]').click()").await;
        at.state("cancelled").await;
        assert_eq!(at.stage.look(&login).await.state, LoginState::Cancelled, "{way}");
        assert_eq!(at.violations().await, json!([]), "{way}");
    }
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn an_expired_login_offers_another_try() {
    let Some(at) = Embedded::open().await else { return };
    for way in ["websocket", "sse", "poll"] {
        at.show(&at.stage.new_login().await, &format!("transport={way}")).await;
        at.state("pending").await;
        at.pod.later(125).await;
        at.state("expired").await;
        assert_eq!(at.look("root.querySelector('[part=retry]').hidden").await, false, "{way}");
    }
}

#[tokio::test]
async fn a_wrong_token_or_origin_is_said_and_not_tried_again() {
    let Some(at) = Embedded::open().await else { return };
    let elsewhere = Stage::set(&at.pod).await.new_login().await;
    for way in ["websocket", "sse", "poll"] {
        at.show(&elsewhere, &format!("transport={way}")).await;
        at.state("error").await;
        assert_eq!(
            at.look("root.querySelector('[part=hint]').textContent.includes('not allowed')").await,
            true,
            "{way}"
        );
        at.load(&format!("page-url='{}' page-token=pt_AAAA transport={way}", at.pod.url("page"))).await;
        at.state("error").await;
        assert_eq!(
            at.look("root.querySelector('[part=hint]').textContent.includes('not known')").await,
            true,
            "{way}"
        );
    }
}

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
/// The part that has the keyboard focus.
const FOCUS: &str = "root.activeElement?.getAttribute('part') ?? null";

#[tokio::test]
async fn everything_can_be_done_with_the_keyboard_and_it_never_gets_lost() {
    let Some(at) = Embedded::open().await else { return };
    let mut phone = at.stage.phone("alice").await.connect().await;
    at.show(&at.stage.new_login().await, "push").await;
    at.link().await;
    for part in ["link", "push", "cancel"] {
        at.browser.press(TAB).await;
        assert_eq!(at.look(FOCUS).await, part);
        assert_ne!(
            at.look("getComputedStyle(root.activeElement).outlineStyle").await,
            "none",
            "one sees where {part} is"
        );
    }
    at.browser.press(ENTER).await;
    at.state("cancelled").await;
    assert_eq!(at.look(FOCUS).await, "retry", "cancel is gone");
    at.browser.press(ENTER).await;
    assert_eq!(at.said("retry").await, 1);
    at.start(&at.stage.new_login().await).await;
    let link = at.link().await;
    assert_eq!(at.look(FOCUS).await, "cancel", "retry is gone");
    at.look("root.querySelector('[part=link]').focus()").await;
    let prompt = claim(&mut phone, &link).await.unwrap();
    at.state("claimed").await;
    assert_eq!(at.look(FOCUS).await, "cancel", "the link is gone");
    phone.do_it(&Command::approve(&prompt)).await.unwrap();
    at.state("approved").await;
    assert_eq!(at.look(FOCUS).await, "status", "nothing is left to press");
}
