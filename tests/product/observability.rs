//! What an operator sees: metrics, traces, the access log, the status page.

use std::time::Duration;

use countersign_sdk::Command;
use reqwest::{Client, Response};
use serde_json::Value;

use crate::support::{Browser, Page, Pod, Stage};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

/// Sends a GET to the REST port as root, with additional headers.
async fn get(pod: &Pod, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Client::new().get(format!("{}{path}", pod.url("rest"))).bearer_auth(pod.root_key());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

/// Waits for the first line of the log that matches. Lines appear a moment after answers.
async fn line(pod: &Pod, fits: impl Fn(&Value) -> bool) -> Value {
    let look = || pod.log().lines().filter_map(|l| serde_json::from_str::<Value>(l).ok()).find(|l| fits(l));
    tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            if let Some(line) = look() {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the line comes")
}

fn is_access(line: &Value) -> bool {
    line["target"] == "countersign::access"
}

fn members(line: &Value) -> Vec<&str> {
    line.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn each_request_leaves_one_line_that_names_nobody() {
    let pod = Pod::with(&[], &[("COUNTERSIGN_LOG_ACCESS", "true")]);
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let login = stage.approved(&mut phone.connect().await).await;
    stage.api.redeem(&stage.realm, &login.id, None).await.unwrap();
    let asked = format!("/v1/realms/{}/users/alice?secret=s3cr3t-query", stage.realm);
    let answer = get(&pod, &asked, &[("traceparent", PARENT), ("cookie", "a-cookie=s3cr3t-cookie")]).await;
    let (id, status) = (header(&answer, "x-request-id").to_owned(), answer.status().as_u16());
    let length = answer.bytes().await.unwrap().len();

    let seen = line(&pod, |l| is_access(l) && l["request_id"] == id.as_str()).await;
    let mut wanted = [
        "timestamp",
        "level",
        "target",
        "method",
        "route",
        "status",
        "duration_ms",
        "bytes",
        "request_id",
        "trace_id",
        "api_key",
    ];
    wanted.sort_unstable();
    let mut there = members(&seen);
    there.sort_unstable();
    assert_eq!(there, wanted, "exactly these");
    assert_eq!(
        (seen["level"].as_str(), seen["method"].as_str(), seen["trace_id"].as_str()),
        (Some("INFO"), Some("GET"), Some(TRACE))
    );
    assert_eq!(seen["route"], "/v1/realms/{realm}/users/{user}", "the pattern, not the path");
    assert_eq!(
        (seen["status"].as_u64(), seen["bytes"].as_u64()),
        (Some(u64::from(status)), Some(length as u64))
    );
    assert!(seen["duration_ms"].as_f64().unwrap() > 0.0);
    let keys = get(&pod, "/v1/api-keys", &[]).await.json::<Value>().await.unwrap();
    assert!(
        keys["items"].as_array().unwrap().iter().any(|k| k["id"] == seen["api_key"]),
        "a public name: {keys}"
    );

    let unknown = Client::new().get(format!("{}/nowhere/alice", pod.url("rest"))).send().await.unwrap();
    let id = header(&unknown, "x-request-id").to_owned();
    let seen = line(&pod, |l| is_access(l) && l["request_id"] == id.as_str()).await;
    assert_eq!(
        (seen["route"].as_str(), seen["status"].as_u64(), seen.get("api_key")),
        (Some("none"), Some(404), None)
    );
    let invented = reqwest::Method::from_bytes(b"ALICE").unwrap();
    let invented = Client::new().request(invented, pod.url("rest")).send().await.unwrap();
    let id = header(&invented, "x-request-id").to_owned();
    assert_eq!(line(&pod, |l| is_access(l) && l["request_id"] == id.as_str()).await["method"], "other");

    let lines: Vec<String> =
        pod.log().lines().filter(|l| l.contains("countersign::access")).map(str::to_owned).collect();
    assert_eq!(lines.iter().filter(|l| l.contains(&id)).count(), 1, "one line a request");
    for secret in ["alice", "ALICE", "127.0.0.1", "s3cr3t", &login.id, &stage.realm, &pod.root_key()] {
        assert!(lines.iter().all(|l| !l.contains(secret)), "{secret} is in the access log");
    }
}

#[tokio::test]
async fn probes_that_go_well_get_no_line_and_a_line_names_the_method_that_was_sent() {
    let pod = Pod::with(&[], &[("COUNTERSIGN_LOG_ACCESS", "true")]);
    let probe = Client::new().get(format!("{}/livez", pod.url("admin"))).send().await.unwrap();
    let probe = header(&probe, "x-request-id").to_owned();
    let head = Client::new().head(format!("{}/v1/realms", pod.url("rest"))).send().await.unwrap();
    let id = header(&head, "x-request-id").to_owned();
    assert_eq!(line(&pod, |l| is_access(l) && l["request_id"] == id.as_str()).await["method"], "HEAD");
    assert!(!pod.log().contains(&probe), "a probe that went well got a line");
}

#[tokio::test]
async fn there_is_no_access_log_unless_it_is_asked_for_and_no_level_silences_it() {
    let pod = Pod::with(&[], &[("COUNTERSIGN_LOG_LEVEL", "countersign=trace,info")]);
    get(&pod, "/v1/realms", &[]).await;
    line(&pod, |l| l["message"] == "answered" || l["message"] == "ready").await;
    assert!(!pod.log().contains("countersign::access"), "{}", pod.log());
    let quiet = Pod::with(
        &[],
        &[("COUNTERSIGN_LOG_LEVEL", "error,countersign=info"), ("COUNTERSIGN_LOG_ACCESS", "true")],
    );
    get(&quiet, "/v1/realms", &[]).await;
    assert_eq!(line(&quiet, is_access).await["route"], "/v1/realms");
}

#[tokio::test]
async fn a_trace_that_began_elsewhere_goes_on_here() {
    let pod = Pod::with(&[], &[("COUNTERSIGN_LOG_LEVEL", "info,countersign_edge=debug")]);
    let answer = get(&pod, "/v1/realms", &[("traceparent", PARENT)]).await;
    let (id, ours) = (header(&answer, "x-request-id"), header(&answer, "traceresponse"));
    assert!(
        ours.starts_with(&format!("00-{TRACE}-")) && ours.ends_with("-01") && ours.len() == PARENT.len(),
        "{ours}"
    );
    assert!(!ours.contains("00f067aa0ba902b7"), "the span is ours");
    let seen = line(&pod, |l| l["span"]["request_id"] == id).await;
    assert_eq!(seen["span"]["trace_id"], TRACE, "{seen}");

    for wrong in [
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "nonsense",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    ] {
        let answer = get(&pod, "/v1/nowhere", &[("traceparent", wrong)]).await;
        let fresh = header(&answer, "x-request-id").replace('-', "");
        assert!(
            header(&answer, "traceresponse").starts_with(&format!("00-{fresh}-")),
            "{wrong} begins a new trace, named as the request"
        );
    }
    let two = get(&pod, "/v1/realms", &[("traceparent", PARENT), ("traceparent", PARENT)]).await;
    assert!(!header(&two, "traceresponse").contains(TRACE), "two name nothing");
}

#[tokio::test]
async fn the_metrics_count_what_happens_to_logins_and_phones() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut online = stage.phone("alice").await.connect().await;
    let login = stage.approved(&mut online).await;
    stage.api.redeem(&stage.realm, &login.id, None).await.unwrap();
    stage.api.redeem(&stage.realm, &login.id, None).await.unwrap_err();
    let (_, prompt) = stage.claimed(&mut online).await;
    online.do_it(&Command::refuse(&prompt, countersign_sdk::RefuseReason::NotMe)).await.unwrap();
    let cancelled = stage.new_login().await;
    stage.api.cancel_login(&stage.realm, &cancelled.id).await.unwrap();
    let pending = stage.new_login().await;
    let mut watching = Page::open(&pending).await;
    // Once it shows a code, the page is registered.
    watching.qr().await;
    let (_, metrics) = pod.admin("/metrics").await;
    for line in [
        r#"countersign_logins_total{outcome="approved",service="ns",via="qr"} 1"#,
        r#"countersign_logins_total{outcome="refused",service="ns",via="qr"} 1"#,
        r#"countersign_logins_total{outcome="cancelled",service="ns",via="none"} 1"#,
        r#"countersign_logins_total{outcome="expired",service="ns",via="none"} 0"#,
        r#"countersign_redemptions_total{service="ns"} 1"#,
        r#"countersign_enrolments_confirmed_total{service="ns"} 1"#,
        r#"countersign_alerts_total{kind="not_me",service="ns"} 1"#,
        r#"countersign_phone_commands_total{frame="Auth",result="ok",service="ns"} 2"#,
        r#"countersign_phone_commands_total{frame="Enrol",result="ok",service="ns"} 1"#,
        r#"countersign_phone_commands_total{frame="Claim",result="ok",service="ns"} 2"#,
        r#"countersign_phone_commands_total{frame="Decide",result="ok",service="ns"} 2"#,
        r#"countersign_phone_commands_total{frame="Decide",result="refused",service="ns"} 0"#,
        r#"countersign_phone_sessions{service="ns"} 1"#,
        r#"countersign_kv_entries{kind="logins",service="ns"} 4"#,
        r#"countersign_store_waiting{service="ns"} 0"#,
        r#"countersign_store_failed_commits_total{service="ns"} 0"#,
        r#"countersign_ready{service="ns"} 1"#,
        concat!(r#"countersign_build_info{service="ns",version=""#, env!("CARGO_PKG_VERSION"), "\"} 1"),
        r#"countersign_http_request_duration_seconds_count{class="2xx",door="rest",service="ns"}"#,
    ] {
        assert!(metrics.lines().any(|l| l.starts_with(line)), "{line} is missing in\n{metrics}");
    }
    let number =
        |name: &str| metrics.lines().find_map(|l| l.strip_prefix(name)?.trim().parse::<f64>().ok()).unwrap();
    assert!(
        number(r#"countersign_store_writes_total{service="ns"} "#)
            >= number(r#"countersign_store_commits_total{service="ns"} "#),
        "a commit has a write"
    );
    // Pages that have disconnected may still be counted.
    assert!(
        number(r#"countersign_waiters{service="ns"} "#) >= 1.0
            && number(r#"countersign_page_connections{service="ns"} "#) >= 1.0,
        "{metrics}"
    );
    assert!(number(r#"countersign_store_commits_total{service="ns"} "#) >= 4.0, "each fact was committed");
    for secret in ["alice", "shop", &stage.realm, &login.id] {
        assert!(!metrics.contains(secret), "{secret} is in the metrics");
    }
}

#[tokio::test]
async fn a_limit_that_turns_somebody_away_is_counted() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut online = stage.phone("alice").await.connect().await;
    let mut qr = Page::open(&stage.new_login().await).await.qr().await;
    // One character of its authentication code is changed.
    let at = qr.len() - 5;
    qr.replace_range(at..=at, if &qr[at..=at] == "A" { "B" } else { "A" });
    let forged = countersign_sdk::Link::parse(&qr).unwrap();
    for _ in 0..31 {
        let _refused = online.do_it(&Command::scanned(&forged).unwrap()).await.unwrap_err();
    }
    let (_, metrics) = pod.admin("/metrics").await;
    for line in [
        r#"countersign_limited_total{by="account",service="ns"} 1"#,
        r#"countersign_alerts_total{kind="limited",service="ns"} 1"#,
        r#"countersign_phone_commands_total{frame="Claim",result="refused",service="ns"} 30"#,
        r#"countersign_phone_commands_total{frame="Claim",result="limited",service="ns"} 1"#,
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line} is missing in\n{metrics}");
    }
}

#[tokio::test]
async fn the_status_page_tells_people_how_the_pod_is() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let mut online = stage.phone("alice").await.connect().await;
    stage.approved(&mut online).await;
    let page = reqwest::get(format!("{}/", pod.url("admin"))).await.unwrap();
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    assert!(
        header(&page, "content-security-policy").starts_with("default-src 'none'; style-src 'self'"),
        "no script at all"
    );
    assert_eq!(
        (header(&page, "cache-control"), header(&page, "x-content-type-options")),
        ("no-store", "nosniff")
    );
    let html = page.text().await.unwrap();
    for fact in [
        r#"<meta http-equiv="refresh" content="5">"#,
        ">Ready<",
        concat!(">", env!("CARGO_PKG_VERSION"), "<"),
        "<th scope=\"row\">Approved</th><td>1</td><td>1</td>",
        "<dt>Phones logged on</dt><dd>1</dd>",
        r#"href="/metrics""#,
        r#"href="/livez""#,
        r#"href="/readyz""#,
    ] {
        assert!(html.contains(fact), "{fact} is missing in\n{html}");
    }
    assert!(!html.contains("<script") && !html.contains("alice") && !html.contains("{{"), "{html}");

    let (code, json) = pod.admin("/status.json").await;
    let status: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, status["role"].as_str(), status["ready"].as_bool()), (200, Some("all"), Some(true)));
    assert_eq!(
        (status["pid"].as_u64(), status["phone_sessions"].as_i64()),
        (Some(u64::from(pod.pid())), Some(1))
    );
    assert_eq!(status["logins_last_5_minutes"]["approved"], 1);
    assert_eq!(status["causes"], serde_json::json!([]));
    assert!(status["resident_bytes"].as_u64().unwrap() > 1 << 20);
    assert!(status["version"].is_string() && status["uptime_secs"].is_u64());
}

#[tokio::test]
async fn the_status_page_breaks_none_of_its_own_rules_in_a_browser() {
    let Some(browser) = Browser::open().await else { return };
    let pod = Pod::start();
    browser
        .before_each_page(
            "window.violations = []; addEventListener('securitypolicyviolation', (e) => \
                violations.push(e.violatedDirective));",
        )
        .await;
    browser.go(&format!("{}/", pod.url("admin"))).await;
    assert_eq!(browser.eval("return violations").await, serde_json::json!([]));
    let style = browser.eval("return getComputedStyle(document.querySelector('main')).display").await;
    assert_eq!(style, "grid", "the style was loaded");
}
