//! The pictures in the README. `make pictures` saves them in docs/pictures; every test run checks
//! that they can be made.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command as Program, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use countersign_api::{Confirm, LoginState, RealmSettings};
use serde_json::json;

use crate::support::{Browser, Embedded, Page, Pod, Stage, program};

/// Upper limit for one picture, because every reader of the README loads them all.
const MOST_BYTES: usize = 60_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Where pictures are saved: in the folder that was asked for, or nowhere.
struct Album(Option<PathBuf>);

impl Album {
    fn open() -> Self {
        #[expect(clippy::disallowed_methods, reason = "make pictures says where they go")]
        let folder = std::env::var("PICTURES").ok();
        Self(folder.map(|f| Path::new(env!("CARGO_MANIFEST_DIR")).join(f)))
    }

    /// Takes pictures of the selected element in the light and in the dark colour scheme.
    async fn add(&self, browser: &Browser, name: &str, selector: &str) {
        for scheme in ["light", "dark"] {
            browser.prefer(&[("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")]).await;
            let picture = browser.picture(selector).await;
            assert!(
                (1_000..MOST_BYTES).contains(&picture.len()),
                "{name}, {scheme}: {} bytes",
                picture.len()
            );
            if let Self(Some(folder)) = self {
                std::fs::create_dir_all(folder).unwrap();
                std::fs::write(folder.join(format!("{name}-{scheme}.webp")), picture).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn the_login_element_can_be_pictured_in_its_states() {
    let Some(at) = Embedded::staged("lang=en").await else { return };
    let album = Album::open();
    let pending = json!({"type": "state", "v": 1, "state": "pending", "seconds_left": 118});
    let qr = json!({"type": "qr", "text": "https://login.example/app#q1.AZogVjuXc7KF2ZWn6GzW0XkJ8w3b1Qn5r2"});
    let link = json!({"type": "link", "url": "https://login.example/app#l1.0123456789"});
    let number = json!({"type": "state", "v": 2, "state": "claimed", "seconds_left": 54, "number": "47"});
    for (name, messages) in [
        ("login-scan", json!([pending, link, qr])),
        ("login-number", json!([number])),
        ("login-approved", json!([{"type": "state", "v": 3, "state": "approved"}])),
    ] {
        at.told(&messages).await;
        album.add(&at.browser, name, "countersign-login").await;
    }
}

#[tokio::test]
async fn the_status_page_can_be_pictured() {
    let Some(browser) = Browser::open().await else { return };
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let mut online = phone.connect().await;
    for _ in 0..3 {
        stage.approved(&mut online).await;
    }
    browser.go(&pod.url("admin")).await;
    Album::open().add(&browser, "status", "body").await;
}

/// Runs the phone in a terminal and types the next answer to each question; returns all the text.
fn conversation(state: &Path, args: &str, questions: &[&str], answers: &Receiver<String>) -> String {
    let phone = program("countersign-phone");
    let command = format!("'{}' --state '{}' {args}", phone.display(), state.display());
    let mut terminal = Program::new("script");
    terminal
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = terminal.spawn().unwrap();
    let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (says, said) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = [0; 1024];
        while let Some(n) = screen.read(&mut bytes).ok().filter(|n| *n > 0) {
            let _nobody_listens_any_more = says.send(bytes[..n].to_vec());
        }
    });
    let mut seen = Vec::new();
    for question in questions {
        while !String::from_utf8_lossy(&seen).ends_with(question) {
            let more = said.recv_timeout(PATIENCE);
            seen.extend(more.unwrap_or_else(|_| {
                panic!("the phone does not ask {question}: {}", String::from_utf8_lossy(&seen))
            }));
        }
        writeln!(keyboard, "{}", answers.recv_timeout(PATIENCE).expect("an answer")).unwrap();
    }
    while let Ok(more) = said.recv_timeout(PATIENCE) {
        seen.extend(more);
    }
    let text = String::from_utf8(seen).unwrap().replace('\r', "");
    assert!(child.wait().unwrap().success(), "{text}");
    text
}

/// Returns an HTML page that looks like a terminal with this text.
fn terminal(command: &str, text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<!doctype html><meta charset=utf-8><meta name=color-scheme content='light dark'><style>
         pre {{ font: 14px/1.5 monospace; padding: 20px 24px; margin: 0; width: max-content; border-radius: \
         10px;
                background: light-dark(#f6f8fa, #161b22); color: light-dark(#1f2328, #e6edf3); }}
         b {{ color: light-dark(#0550ae, #79c0ff); font-weight: 600; }}</style><pre><b>$ \
         {command}</b>\n{}</pre>",
        text.trim_end()
    )
}

#[tokio::test]
async fn the_phones_question_can_be_pictured() {
    let Some(browser) = Browser::open().await else { return };
    let pod = Pod::start();
    let stage = Stage::strict(&pod, RealmSettings::default()).await;
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("phone");
    let phone = |args: String, questions: &'static [&'static str]| {
        let (state, (answer, answers)) = (state.clone(), mpsc::channel::<String>());
        (answer, thread::spawn(move || conversation(&state, &args, questions, &answers)))
    };
    let link = stage.new_enrolment("alice", Confirm::None).await.link.unwrap();
    phone(format!("enrol '{}'", &*link), &[]).1.join().unwrap();
    let mut page = Page::open(&stage.new_login().await).await;
    let (answer, talk) =
        phone(format!("login '{}'", page.link().await), &["[l]ater: ", "The number in the browser: "]);
    let claimed = page.until(LoginState::Claimed).await;
    answer.send("y".to_owned()).unwrap();
    answer.send(claimed["number"].as_str().unwrap().to_owned()).unwrap();
    let said = talk.join().unwrap();
    let end = said.find("Open this in the browser").unwrap_or(said.len());
    browser.show(&terminal("countersign-phone login 'https://login.example/app#l1.…'", &said[..end])).await;
    Album::open().add(&browser, "phone", "pre").await;
}
