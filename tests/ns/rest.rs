//! What the REST API refuses: malformed bodies, keys, roles, and objects of others.

use countersign_api::{ApiClient, Confirm, NewApiKey, NewClient, NewLogin, NewRealm, Problem, roles};
use reqwest::{Method, StatusCode};

use crate::support::{Pod, Stage, code};

async fn raw(
    pod: &Pod,
    method: Method,
    path: &str,
    key: &str,
    content_type: &str,
    body: &str,
) -> (StatusCode, Problem) {
    let url = format!("{}{path}", pod.url("rest"));
    let request = reqwest::Client::new()
        .request(method, url)
        .header("Authorization", format!("Bearer {key}"))
        .header("Content-Type", content_type)
        .body(body.to_owned());
    let response = request.send().await.unwrap();
    let status = response.status();
    assert_eq!(response.headers()["content-type"], "application/problem+json", "{path} {body}");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem: Problem = response.json().await.unwrap();
    assert_eq!(
        (problem.status, problem.request_id.as_deref(), problem.kind.as_str()),
        (status.as_u16(), Some(id.as_str()), format!("/problems/{}", problem.code).as_str())
    );
    (status, problem)
}

#[tokio::test]
async fn malformed_requests_get_a_problem_that_says_what_is_wrong() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let key = pod.root_key();
    let realms = "/v1/realms";
    let logins = format!("/v1/realms/{}/logins", stage.realm);
    let of = |rest: &str| format!("{logins}/00000000-0000-0000-0000-000000000000{rest}");
    let (json, text, good) = ("application/json", "text/plain", r#"{"name":"x","display_name":"X"}"#);
    let huge = format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000));
    for (method, path, content_type, body, status, code) in [
        (Method::POST, realms, json, "", 400, "malformed"),
        (Method::POST, realms, json, "{", 400, "malformed"),
        (Method::POST, realms, json, "[]", 400, "malformed"),
        (Method::POST, realms, json, r#"["array","Members In Their Order"]"#, 400, "malformed"),
        (Method::POST, &logins, json, "[null,null,null,null,null]", 400, "malformed"),
        (Method::POST, realms, json, r#"{"name":"x"}"#, 400, "malformed"),
        (Method::POST, realms, json, r#"{"name":"x","display_name":"X","extra":1}"#, 400, "malformed"),
        (Method::POST, realms, json, r#"{"name":"X Y","display_name":"X"}"#, 422, "invalid"),
        (Method::POST, realms, json, r#"{"name":"x","display_name":"a\u202eb"}"#, 422, "invalid"),
        (Method::POST, realms, json, &huge, 413, "too_large"),
        (Method::POST, &of("/redeem"), json, &huge, 413, "too_large"),
        (Method::POST, realms, text, good, 415, "unsupported_media_type"),
        (Method::PUT, realms, json, "{}", 405, "method_not_allowed"),
        (Method::GET, "/v1/nothing", json, "", 404, "no_such_endpoint"),
        (Method::GET, &format!("{logins}/not-an-id"), json, "", 404, "not_found"),
        (Method::GET, &of(""), json, "", 404, "not_found"),
        (Method::GET, &of("?wait=61"), json, "", 422, "invalid"),
        (Method::GET, &of("?wait=x"), json, "", 400, "malformed"),
        (Method::POST, &of("/redeem"), json, "{", 404, "not_found"),
    ] {
        let (got, problem) = raw(&pod, method.clone(), path, &key, content_type, body).await;
        assert_eq!((got.as_u16(), problem.code.as_str()), (status, code), "{method} {path} {body}");
        assert_eq!(problem.errors.is_empty(), code != "invalid");
    }
}

#[tokio::test]
async fn texts_for_the_phone_hide_nothing() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    for bad in ["zero\u{200b}width", "right\u{202e}left", "bell\u{7}", "", &"x".repeat(501)] {
        assert_eq!(
            code(
                stage
                    .api
                    .create_login(&stage.realm, &NewLogin { text: Some(bad.into()), ..NewLogin::default() })
                    .await
            ),
            "invalid",
            "{bad:?}"
        );
    }
    assert_eq!(
        code(
            stage
                .api
                .create_login(
                    &stage.realm,
                    &NewLogin { return_url: Some("https://evil.example/".into()), ..NewLogin::default() }
                )
                .await
        ),
        "invalid"
    );
    assert_eq!(
        code(
            stage
                .root
                .create_client(
                    &stage.realm,
                    &NewClient {
                        name: "c2".into(),
                        display_name: "C".into(),
                        origins: vec!["https://a.example/path".into()],
                        ..NewClient::default()
                    }
                )
                .await
        ),
        "invalid"
    );
}

#[tokio::test]
async fn without_a_working_key_nothing_is_answered() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    for key in ["", "cs_", "cs_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "nonsense"] {
        let (status, problem) = raw(&pod, Method::GET, "/v1/realms", key, "application/json", "").await;
        assert_eq!((status.as_u16(), problem.code.as_str()), (401, "unauthorized"));
    }
    let gone = stage
        .root
        .create_api_key(&NewApiKey {
            role: roles::REALM_ADMIN.into(),
            realm: Some(stage.realm.clone()),
            client: None,
            expires_in: None,
            ..NewApiKey::default()
        })
        .await
        .unwrap();
    let admin = stage.root.with_key(gone.secret.as_ref().unwrap());
    admin.clients(&stage.realm).await.unwrap();
    let status = reqwest::Client::new()
        .delete(format!("{}/v1/api-keys/{}", pod.url("rest"), gone.id))
        .bearer_auth(pod.root_key())
        .send()
        .await
        .unwrap()
        .status();
    assert_eq!(status, 204);
    assert_eq!(
        code(admin.clients(&stage.realm).await),
        "unauthorized",
        "a deleted key stops working at once"
    );
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn a_key_stops_working_when_it_expires() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let key = stage
        .root
        .create_api_key(&NewApiKey {
            role: roles::REALM_ADMIN.into(),
            realm: Some(stage.realm.clone()),
            client: None,
            expires_in: Some(60),
            ..NewApiKey::default()
        })
        .await
        .unwrap();
    let api = stage.root.with_key(key.secret.as_ref().unwrap());
    api.clients(&stage.realm).await.unwrap();
    pod.later(61).await;
    assert_eq!(code(api.clients(&stage.realm).await), "unauthorized");
}

#[tokio::test]
async fn a_role_allows_what_it_says_and_no_more() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let key = stage
        .root
        .create_api_key(&NewApiKey {
            role: roles::REALM_ADMIN.into(),
            realm: Some(stage.realm.clone()),
            client: None,
            expires_in: None,
            ..NewApiKey::default()
        })
        .await
        .unwrap();
    let admin = stage.root.with_key(key.secret.as_ref().unwrap());
    let new_realm = NewRealm { name: "mine".into(), display_name: "Mine".into(), ..NewRealm::default() };
    for api in [&admin, &stage.api] {
        assert_eq!(code(api.create_realm(&new_realm).await), "forbidden");
        let root_key = NewApiKey {
            role: roles::ROOT.into(),
            realm: None,
            client: None,
            expires_in: None,
            ..NewApiKey::default()
        };
        assert_eq!(code(api.create_api_key(&root_key).await), "forbidden");
    }
    assert_eq!(code(stage.api.clients(&stage.realm).await), "forbidden");
    admin.clients(&stage.realm).await.unwrap();
    assert_eq!(
        code(admin.create_login(&stage.realm, &NewLogin::default()).await),
        "forbidden",
        "a login belongs to a client"
    );
}

/// Calls every endpoint that names an object with a key that must not see it; returns the codes.
async fn asks_in_vain(api: &ApiClient, realm: &str, login: &str, enrolment: &str) -> Vec<String> {
    vec![
        code(api.login(realm, login, 0, 0).await),
        code(api.cancel_login(realm, login).await),
        code(api.redeem(realm, login, None).await),
        code(api.logout(realm, login).await),
        code(api.enrolment(realm, enrolment, 0, 0).await),
        code(api.confirm_enrolment(realm, enrolment, "0000").await),
    ]
}

#[tokio::test]
async fn neither_another_client_nor_another_realm_sees_or_moves_an_object() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let neighbour = Stage::client_in(&stage.root, &stage.realm, "neighbour").await;
    let stranger = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let login = stage.approved(&mut phone.connect().await).await;
    let enrolment = stage.new_enrolment("bob", Confirm::Number).await;
    for api in [&neighbour.api, &stranger.api] {
        let answers = asks_in_vain(api, &stage.realm, &login.id, &enrolment.id).await;
        assert!(answers.iter().all(|a| a == "not_found"), "{answers:?}");
    }
    let through_own_realm = asks_in_vain(&stranger.api, &stranger.realm, &login.id, &enrolment.id).await;
    assert!(through_own_realm.iter().all(|a| a == "not_found"), "{through_own_realm:?}");
    let admin = stranger.key("agents", &[countersign_api::Permission::Accounts]).await.api;
    for realm in [&stage.realm, &stranger.realm] {
        assert_eq!(code(stranger.api.account(realm, &phone.account.id).await), "not_found");
        assert_eq!(code(admin.set_blocked(realm, &phone.account.id, true).await), "not_found");
        assert_eq!(code(admin.delete_account(realm, &phone.account.id).await), "not_found");
    }
    stage.api.redeem(&stage.realm, &login.id, None).await.expect("nothing of that did any harm");
}

#[tokio::test]
async fn a_taken_name_is_a_conflict() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    assert_eq!(
        code(
            stage
                .root
                .create_realm(&NewRealm {
                    name: stage.realm.clone(),
                    display_name: "X".into(),
                    ..NewRealm::default()
                })
                .await
        ),
        "already_exists"
    );
    assert_eq!(
        code(
            stage
                .root
                .create_client(
                    &stage.realm,
                    &NewClient { name: "shop".into(), display_name: "X".into(), ..NewClient::default() }
                )
                .await
        ),
        "already_exists"
    );
}

#[tokio::test]
async fn nul_is_refused_wherever_it_could_come_in() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let base = format!("{}/v1/realms/{}", pod.url("rest"), stage.realm);
    let http = reqwest::Client::new();
    let ask = async |request: reqwest::RequestBuilder| {
        let answer = request.bearer_auth(pod.root_key()).send().await.unwrap();
        let status = answer.status().as_u16();
        let problem: countersign_api::Problem = answer.json().await.unwrap();
        (status, problem.code, problem.detail.unwrap_or_default())
    };
    for path in ["/users/a%00b", "/users?q=a%00b", "/events?user_id=%00", "/roles/%00"] {
        let (status, code, detail) = ask(http.get(format!("{base}{path}"))).await;
        assert_eq!((status, code.as_str()), (400, "malformed"), "{path}: {detail}");
        assert!(detail.contains("NUL"), "{path}: {detail}");
    }
    for body in [r#"{"display_name":"a\u0000b"}"#, r#"{"\u0000":1}"#] {
        let put = http.put(format!("{base}/users/alice")).header("content-type", "application/json");
        let (status, code, detail) = ask(put.body(body)).await;
        assert_eq!((status, code.as_str()), (400, "malformed"), "{body}: {detail}");
        assert!(detail.contains("NUL"), "{body}: {detail}");
    }
    let unpaired = http.put(format!("{base}/users/alice")).header("content-type", "application/json");
    let (status, code, _) = ask(unpaired.body(r#"{"display_name":"\ud800"}"#)).await;
    assert_eq!((status, code.as_str()), (400, "malformed"), "an unpaired surrogate");
    // A backslash before `u0000` is a text about an escape, and no escape.
    let fine = http.put(format!("{base}/users/alice")).header("content-type", "application/json");
    let fine = fine.body(r#"{"display_name":"\\u0000"}"#).bearer_auth(pod.root_key()).send().await.unwrap();
    assert_eq!(fine.status().as_u16(), 200);
}
