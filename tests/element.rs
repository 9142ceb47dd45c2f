//! The login element in a real browser, on a site of another origin under a strict policy.

use countersign_sdk::Command;
use serde_json::json;

use crate::support::{Embedded, claim};

/// What a browser lacks, and the request by which the element goes on. `None` is the socket.
const WAYS: [(&str, &str, Option<&str>); 4] = [
    ("nothing", "", None),
    ("WebSocket", "delete window.WebSocket;", Some("/page/events")),
    (
        "a network that lets WebSockets through",
        "window.WebSocket = class extends EventTarget { constructor() { super(); queueMicrotask(() => this.dispatchEvent(new CloseEvent('close', { code: 1006 }))); } close() {} };",
        Some("/page/events"),
    ),
    (
        "WebSocket and streaming",
        "delete window.WebSocket; Object.defineProperty(Response.prototype, 'body', { get: () => undefined });",
        Some("/page/state"),
    ),
];

#[tokio::test]
async fn a_page_of_another_site_logs_in_by_socket_stream_and_poll() {
    let Some(at) = Embedded::open().await else { return };
    let mut phone = at.stage.phone("alice").await.connect().await;
    for (lacking, script, path) in WAYS {
        let crippled = at.browser.before_each_page(script).await;
        let login = at.stage.new_login().await;
        at.show(&login, "").await;
        let first = at.until("root.querySelector('[part=qr]:not([hidden]) path[d]')?.getAttribute('d')").await;
        at.until(&format!("root.querySelector('[part=qr] path').getAttribute('d') !== {first}")).await;
        let prompt = claim(&mut phone, &at.link().await).await.unwrap();
        at.state("claimed").await;
        phone.do_it(&Command::approve(&prompt)).await.unwrap();
        at.state("approved").await;
        assert_eq!(at.said("approved").await, 1, "without {lacking}");
        at.stage.api.logout(&at.stage.realm, &login.id).await.unwrap();
        at.state("ended").await;
        assert_eq!(at.said("ended").await, 1, "without {lacking}");
        let asked = "[...new Set(performance.getEntriesByType('resource').map((r) => new URL(r.name).pathname).filter((p) => p.startsWith('/page/')))].at(-1) ?? null";
        assert_eq!(at.look(asked).await, json!(path), "without {lacking}");
        assert_eq!(at.violations().await, json!([]), "without {lacking}");
        at.browser.not_any_more(crippled).await;
    }
}
