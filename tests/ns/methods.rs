//! HEAD wherever GET is, 405 with the methods there are, and headers that count once.

use countersign_api::Problem;
use reqwest::{Client, Method, RequestBuilder, Response};

use crate::support::{Pod, Stage};

/// Paths with the listener that serves them and the methods they take.
const PATHS: [(&str, &str, &str); 18] = [
    ("admin", "/livez", "GET, HEAD"),
    ("admin", "/readyz", "GET, HEAD"),
    ("admin", "/metrics", "GET, HEAD"),
    ("admin", "/", "GET, HEAD"),
    ("admin", "/status.json", "GET, HEAD"),
    ("admin", "/status.css", "GET, HEAD"),
    ("page", "/page/state", "GET, OPTIONS, HEAD"),
    ("page", "/page/events", "GET, OPTIONS, HEAD"),
    ("page", "/page/cancel", "POST, OPTIONS"),
    ("page", "/page", "GET, HEAD"),
    ("page", "/app", "GET, HEAD"),
    ("page", "/countersign-login.js", "GET, HEAD"),
    ("page", "/login/view.js", "GET, HEAD"),
    ("rest", "/openapi.json", "GET, HEAD"),
    ("rest", "/docs", "GET, HEAD"),
    ("rest", "/problems", "GET, HEAD"),
    ("rest", "/problems/malformed", "GET, HEAD"),
    ("rest", "/v1/realms", "GET, POST, HEAD"),
];

/// Status, type and length as the headers state them.
fn head(answer: &Response) -> (u16, Option<String>, Option<String>) {
    let text = |name: &str| answer.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
    (answer.status().as_u16(), text("content-type"), text("content-length"))
}

/// The address of a listener as an http URL, without a path.
fn base(pod: &Pod, door: &str) -> String {
    let url = pod.url(door);
    format!("http://{}", url.split("://").nth(1).unwrap().split('/').next().unwrap())
}

/// Asks with the bearer token that the listener wants.
fn ask(pod: &Pod, page_token: &str, (door, path): (&str, &str), method: Method) -> RequestBuilder {
    let url = format!("{}{path}", base(pod, door));
    let token = if door == "page" { page_token.to_owned() } else { pod.root_key() };
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    client.request(method, url).bearer_auth(token)
}

#[tokio::test]
async fn head_is_get_without_a_body_and_other_methods_are_told_which_there_are() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let token = stage.new_login().await.page_token.unwrap();
    for (door, path, methods) in PATHS {
        let at = (door, path);
        let other = ask(&pod, &token, at, Method::TRACE).send().await.unwrap();
        assert_eq!(other.status(), 405, "{path}");
        assert_eq!(other.headers()["allow"], methods, "{path}");
        let problem: Problem = other.json().await.unwrap();
        assert_eq!(problem.code, "method_not_allowed", "{path}");
        let answer = ask(&pod, &token, at, Method::HEAD).send().await.unwrap();
        if !methods.contains("GET") {
            assert_eq!(answer.status(), 405, "{path}");
            continue;
        }
        let got = ask(&pod, &token, at, Method::GET).send().await.unwrap();
        let (mut short, mut long) = (head(&answer), head(&got));
        if ["/metrics", "/", "/status.json", "/readyz"].contains(&path) {
            // Their length changes from one answer to the next.
            (short.2, long.2) = (None, None);
        }
        assert_eq!(short, long, "{path}");
        assert_eq!(answer.bytes().await.unwrap().len(), 0, "{path}");
    }
}

#[tokio::test]
async fn the_scheme_of_a_key_has_no_case_and_headers_that_decide_count_once() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let key = pod.root_key();
    let users = |headers: &[(&str, &str)]| {
        let request = Client::new().get(format!("{}/v1/realms/{}/users", pod.url("rest"), stage.realm));
        headers.iter().fold(request, |r, (name, value)| r.header(*name, *value)).send()
    };
    for scheme in ["Bearer", "bearer", "BEARER", "Bearer  "] {
        let value = format!("{scheme} {key}");
        assert_eq!(users(&[("authorization", &value)]).await.unwrap().status(), 200, "{scheme}");
    }
    let good = format!("Bearer {key}");
    for value in [format!("Basic {key}"), key.clone(), "Bearer".to_owned(), "bearer ".to_owned()] {
        assert_eq!(users(&[("authorization", &value)]).await.unwrap().status(), 401, "{value}");
    }
    for doubled in ["authorization", "countersign-client", "idempotency-key"] {
        let value = if doubled == "authorization" { &good } else { "shop" };
        let mut headers = vec![(doubled, value), (doubled, value)];
        if doubled != "authorization" {
            headers.push(("authorization", &good));
        }
        let answer = users(&headers).await.unwrap();
        let problem: Problem = answer.json().await.unwrap();
        let why = problem.detail.unwrap_or_default();
        assert!(problem.status == 400 && why.contains(doubled), "{doubled}: {} {why}", problem.status);
    }
    let plain = Client::new().get(format!("{}/page", base(&pod, "page")));
    let problem: Problem = plain.send().await.unwrap().json().await.unwrap();
    let why = problem.detail.unwrap_or_default();
    assert!(problem.code == "malformed" && why.contains("WebSocket"), "{why}");
}
