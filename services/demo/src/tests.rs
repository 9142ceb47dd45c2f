//! Tests the demo over HTTP against a fake REST API that records requests and gives scripted
//! answers.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    body::MessageBody,
    cookie::Cookie,
    dev::{ServerHandle, ServiceResponse},
    http::StatusCode,
    test, web,
};
use serde_json::{Value, json};

use crate::{Demo, Settings, app};

const OWN: &str = "http://127.0.0.1:8000";
const LOGIN: &str = "6f0e5e1c-7d8e-4f6c-9a52-0c6b0c6d7a11";

/// `METHOD path body` of every request so far, and the state that logins have.
#[derive(Default)]
struct Script {
    asked: Vec<String>,
    login_state: &'static str,
}

type Shared = Arc<Mutex<Script>>;

async fn fake(script: web::Data<Mutex<Script>>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let asked = format!("{} {}", request.method(), request.uri());
    let mut script = script.lock().expect("script");
    script.asked.push(format!("{asked} {}", String::from_utf8_lossy(&body)));
    let login = |state: &str| {
        json!({ "id": LOGIN, "state": state, "v": 3, "created_at": "",
        "expires_at": "", "redeemed": true, "page_token": "pt", "page_url": "ws://p/page" })
    };
    let path = request.path();
    if path.ends_with("/redeem") && !String::from_utf8_lossy(&body).contains("right") {
        let problem = json!({ "type": "/problems/wrong_return_token", "title": "No", "status": 403,
            "code": "wrong_return_token" });
        return HttpResponse::Forbidden().content_type("application/problem+json").json(problem);
    }
    if path.ends_with("/redeem") {
        return HttpResponse::Ok().json(
            json!({ "login_id": LOGIN, "user_id": "alice", "account_id": "a", "via": "qr",
                "approved_at": "", "ends_at": "",
            "decision": "", "context": "", "public_key": "" }),
        );
    }
    if path.ends_with("/enrolments") {
        return HttpResponse::Created().json(json!({ "id": "e-1", "user_id": "alice", "confirm": "number",
            "state": "pending", "v": 1, "created_at": "", "expires_at": "", "link": "https://x/app#e1.AA" }));
    }
    if path.contains("/enrolments/") {
        return HttpResponse::Ok().json(
            json!({ "id": "e-1", "user_id": "alice", "confirm": "number", "state": "redeemed", "v": 2,
                "created_at": "", "expires_at": "", "device": "Pixel" }),
        );
    }
    HttpResponse::Ok().json(login(script.login_state))
}

/// Starts the scripted REST API; it runs until the handle stops it.
fn rest() -> (String, Shared, ServerHandle) {
    let script = Arc::new(Mutex::new(Script { login_state: "approved", ..Script::default() }));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let data = web::Data::from(script.clone());
    let server = HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(fake)))
        .workers(1)
        .disable_signals();
    let server = server.listen(listener).expect("listening").run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    (base, script, handle)
}

fn demo(rest: &str) -> web::Data<Demo> {
    let settings = Settings {
        rest: rest.into(),
        api_key: "cs_secret".into(),
        realm: "demo".into(),
        page_origin: "http://127.0.0.1:9999".into(),
        own_origin: OWN.into(),
        phone_command: "countersign-phone".to_owned(),
        sfs: None,
    };
    assert!(!format!("{settings:?}").contains("cs_secret"));
    web::Data::new(Demo::new(&settings).expect("a demo"))
}

/// Status, body, and the session cookie if one was set.
struct Answer(StatusCode, Value, Option<Cookie<'static>>);

/// `call!(app, request, cookie)` is a macro because the type of the app cannot be named.
macro_rules! call {
    ($app:expr, $request:expr, $cookie:expr) => {{
        let cookie: Option<&Cookie<'static>> = $cookie;
        let request = cookie.into_iter().fold($request, |request, cookie| request.cookie(cookie.clone()));
        answer(test::call_service($app, request.to_request()).await).await
    }};
}

async fn answer(response: ServiceResponse<impl MessageBody>) -> Answer {
    let status = response.status();
    let cookie = response.response().cookies().next().map(Cookie::into_owned);
    Answer(status, serde_json::from_slice(&test::read_body(response).await).unwrap_or(Value::Null), cookie)
}

fn post(path: &str, body: Value) -> test::TestRequest {
    test::TestRequest::post().uri(path).insert_header(("Origin", OWN)).set_json(body)
}

fn get(path: &str) -> test::TestRequest {
    test::TestRequest::get().uri(path)
}

#[actix_web::test]
async fn a_login_is_redeemed_by_its_own_browser_under_a_new_session_id() {
    let (rest, script, handle) = rest();
    let app = test::init_service(app(demo(&rest))).await;

    let Answer(status, body, first) =
        call!(&app, post("/login", json!({})).insert_header(("User-Agent", "Firefox/1 Linux")), None);
    assert_eq!((status, body), (StatusCode::OK, json!({ "page_url": "ws://p/page", "page_token": "pt" })));
    assert!(script.lock().expect("script").asked[0].contains(r#""browser":"Firefox on Linux""#));
    let first = first.expect("a session");

    let finish = |token: &str| post("/login/finish", json!({ "return_token": token }));
    assert_eq!(call!(&app, finish("right"), None).1["code"], "no_login", "another browser");
    let Answer(status, body, _) = call!(&app, finish("bad"), Some(&first));
    assert_eq!(
        (status, body),
        (StatusCode::FORBIDDEN, json!({ "code": "wrong_return_token", "detail": "No" }))
    );
    let Answer(status, body, second) = call!(&app, finish("right"), Some(&first));
    assert_eq!((status, body), (StatusCode::OK, json!({ "user_id": "alice" })));
    let second = second.expect("a new session");

    assert_ne!(first.value(), second.value());
    assert_eq!(
        call!(&app, get("/me"), Some(&first)).0,
        StatusCode::UNAUTHORIZED,
        "the old id is worth nothing"
    );
    assert_eq!(call!(&app, get("/me"), Some(&second)).1, json!({ "user_id": "alice" }));
    assert_eq!(call!(&app, finish("x"), Some(&second)).1, json!({ "user_id": "alice" }), "a second tab");

    assert_eq!(call!(&app, post("/logout", json!({})), Some(&second)).0, StatusCode::OK);
    assert!(
        script
            .lock()
            .expect("script")
            .asked
            .last()
            .expect("a request")
            .starts_with(&format!("POST /v1/realms/demo/logins/{LOGIN}/logout"))
    );
    assert_eq!(call!(&app, get("/me"), Some(&second)).0, StatusCode::UNAUTHORIZED);
    handle.stop(false).await;
}

#[actix_web::test]
async fn a_login_ended_elsewhere_is_a_logout_here() {
    let (rest, script, handle) = rest();
    let app = test::init_service(app(demo(&rest))).await;
    let first = call!(&app, post("/login", json!({})), None).2;
    let second = call!(&app, post("/login/finish", json!({ "return_token": "right" })), first.as_ref()).2;
    script.lock().expect("script").login_state = "ended";
    for _ in 0..2 {
        let Answer(status, body, _) = call!(&app, get("/me"), second.as_ref());
        assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!("not_logged_in")));
    }
    handle.stop(false).await;
}

#[actix_web::test]
async fn an_enrolment_belongs_to_the_browser_that_began_it() {
    let (rest, _, handle) = rest();
    let app = test::init_service(app(demo(&rest))).await;
    let Answer(_, body, cookie) = call!(&app, post("/enrol", json!({ "user_id": "alice" })), None);
    assert_eq!((&body["id"], &body["link"]), (&json!("e-1"), &json!("https://x/app#e1.AA")));
    let Answer(_, body, _) = call!(&app, get("/enrol/e-1?after=1"), cookie.as_ref());
    assert_eq!(body, json!({ "state": "redeemed", "v": 2, "device": "Pixel", "confirm": "number" }));
    assert_eq!(call!(&app, get("/enrol/e-1"), None).0, StatusCode::NOT_FOUND);
    assert_eq!(
        call!(&app, post("/enrol/e-1/confirm", json!({ "number": "1234" })), None).0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(call!(&app, get("/enrol/e-2"), cookie.as_ref()).0, StatusCode::NOT_FOUND);
    assert_eq!(call!(&app, get("/enrol/e-1?after=x"), cookie.as_ref()).1["code"], "malformed");
    handle.stop(false).await;
}

#[actix_web::test]
async fn other_sites_cannot_post() {
    let app = test::init_service(app(demo("http://127.0.0.1:1"))).await;
    let foreign = test::TestRequest::post()
        .uri("/logout")
        .insert_header(("Origin", "http://evil.example"))
        .set_json(json!({}));
    assert_eq!(call!(&app, foreign, None).1["code"], "foreign_origin");
    let form = test::TestRequest::post().uri("/logout").insert_header(("Origin", OWN)).set_form([("a", "b")]);
    assert_eq!(call!(&app, form, None).0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(call!(&app, post("/enrol", json!({ "user": "alice" })), None).1["code"], "malformed");
    assert_eq!(call!(&app, post("/enrol", json!({ "user_id": "alice" })), None).0, StatusCode::BAD_GATEWAY);
}

#[actix_web::test]
async fn every_answer_has_the_security_headers() {
    let app = test::init_service(app(demo("http://127.0.0.1:1"))).await;
    for request in [
        get("/"),
        get("/demo.js"),
        get("/vendor/uqr.mjs"),
        get("/nothing"),
        test::TestRequest::post().uri("/logout"),
    ] {
        let response = test::call_service(&app, request.to_request()).await;
        for header in ["Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"] {
            assert!(response.headers().contains_key(header), "{header}, {}", response.status());
        }
    }
}
