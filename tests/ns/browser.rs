//! The demo in a real browser: what a newcomer sees in the first minutes.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;

use crate::support::{Browser, Pod, program};

async fn phone(state: &Path, args: &[&str]) -> (i32, Vec<Value>) {
    let mut command = tokio::process::Command::new(program("countersign-phone"));
    let out = command
        .arg("--state")
        .arg(state)
        .arg("--json")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let lines = String::from_utf8(out.stdout).unwrap();
    (out.status.code().unwrap(), lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect())
}

/// Enrols with the link on the page, and types the phone's number into the page.
async fn enrol(browser: &Browser, state: &Path) {
    enrol_with(browser, state, &[]).await;
}

async fn enrol_with(browser: &Browser, state: &Path, options: &[&str]) {
    browser.write("#enrol-user", "alice").await;
    browser.click("#enrol-form button").await;
    let link = browser.until("document.querySelector('#enrol-link').textContent").await;
    let (exit, lines) = phone(state, &[&["enrol", link.as_str().unwrap()], options].concat()).await;
    assert_eq!(exit, 0, "{lines:?}");
    browser.until("!document.querySelector('#confirm-form').hidden").await;
    browser.write("#confirm-number", lines[0]["number"].as_str().unwrap()).await;
    browser.click("#confirm-form button").await;
    browser.until("document.querySelector('#enrol-message').textContent.includes('is enrolled')").await;
}

/// Lets the phone read screenshots until it has read a code in time, because codes change every few
/// seconds.
async fn scan(browser: &Browser, state: &Path) {
    scan_for(browser, state, "login", &[]).await;
}

/// As [`scan`], for what this button of the page begins.
async fn scan_for(browser: &Browser, state: &Path, what: &str, options: &[&str]) {
    browser.click(&format!("#{what}-button")).await;
    browser
        .until(&format!(
            "document.querySelector('#{what}-element').shadowRoot?.querySelector('svg[part=qr] path[d]')"
        ))
        .await;
    let picture = state.with_file_name("screen.png");
    for _frame in 0..10 {
        browser.photograph(&picture).await;
        let scanned = ["login", "--yes", "--qr", picture.to_str().unwrap()];
        let (exit, lines) = phone(state, &[&scanned, options].concat()).await;
        if exit == 0 {
            assert_eq!(lines[0]["claimed"]["client"], "Demo shop");
            return;
        }
    }
    panic!("the phone never read a code");
}

/// The demo, open in a browser, and a directory for a phone.
struct Open {
    browser: Browser,
    state: PathBuf,
    _dir: tempfile::TempDir,
    pod: Pod,
}

impl Open {
    /// Opens the demo. Returns `None` without a browser.
    async fn demo() -> Option<Self> {
        let browser = Browser::open().await?;
        let pod = Pod::with(&["--demo"], &[]);
        browser.go(&pod.url("demo")).await;
        let dir = tempfile::tempdir().unwrap();
        Some(Self { browser, state: dir.path().join("phone"), _dir: dir, pod })
    }
}

#[tokio::test]
async fn the_page_shows_a_code_the_phone_reads_it_and_the_page_turns_to_logged_in() {
    let Some(Open { browser, state, pod, _dir }) = Open::demo().await else { return };
    enrol(&browser, &state).await;
    scan(&browser, &state).await;
    let said = browser.until("document.querySelector('#logged-in')?.textContent").await;
    assert_eq!(said, "Logged in as alice");

    browser.go(&pod.url("demo")).await;
    assert_eq!(
        browser.until("document.querySelector('#logged-in')?.textContent").await,
        "Logged in as alice",
        "the shop remembers its browser session"
    );
    assert_eq!(phone(&state, &["logout"]).await.0, 0);
    browser.go(&pod.url("demo")).await;
    browser
        .until(
            "document.querySelector('#login-button').hidden === false && \
        !document.querySelector('#logged-in')",
        )
        .await;
}

#[tokio::test]
async fn a_refusal_on_the_phone_shows_on_the_page() {
    let Some(Open { browser, state, pod: _pod, _dir }) = Open::demo().await else { return };
    enrol(&browser, &state).await;
    browser.click("#login-button").await;
    let link = browser
        .until("document.querySelector('#login-element').shadowRoot?.querySelector('a[part~=link]')?.href")
        .await;
    let (exit, lines) = phone(&state, &["login", link.as_str().unwrap()]).await;
    assert_eq!(exit, 0);
    browser.until("document.querySelector('#login-element[state=claimed]') !== null").await;
    assert_eq!(
        phone(&state, &["refuse", lines[1]["waiting"].as_str().unwrap(), "--reason", "not_me"]).await.0,
        0
    );
    browser.until("document.querySelector('#login-element[state=refused]') !== null").await;
    assert_eq!(browser.eval("return document.querySelector('#logged-in')").await, Value::Null);
}

#[tokio::test]
async fn a_payment_takes_the_pin_of_the_phone() {
    let Some(Open { browser, state, pod: _pod, _dir }) = Open::demo().await else { return };
    let pin = _dir.path().join("pin");
    std::fs::write(&pin, "4729\n").unwrap();
    let pin = ["--pin-file", pin.to_str().unwrap()];
    let sfs = browser.until("document.querySelector('meta[name=countersign-sfs]').content").await;
    let sfs = sfs.as_str().unwrap();
    assert_eq!(browser.eval("return document.querySelector('#pay').hidden").await, Value::Bool(true));
    enrol_with(&browser, &state, &[&["--sfs", sfs][..], &pin].concat()).await;
    let command = browser.eval("return document.querySelector('#enrol-command').textContent").await;
    assert!(command.as_str().unwrap().ends_with(&format!("--sfs '{sfs}'")), "{command}");
    scan(&browser, &state).await;
    browser.until("document.querySelector('#logged-in')").await;
    // Without the PIN the phone cannot approve, and says why.
    let wrong = _dir.path().join("wrong");
    std::fs::write(&wrong, "5830\n").unwrap();
    browser.click("#pay-button").await;
    let link = browser
        .until("document.querySelector('#pay-element').shadowRoot?.querySelector('a[part~=link]')?.href")
        .await;
    let (exit, lines) = phone(&state, &["login", link.as_str().unwrap()]).await;
    assert_eq!((exit, &lines[0]["claimed"]["second_factor"]), (0, &Value::from("pin")), "{lines:?}");
    let waiting = lines[1]["waiting"].as_str().unwrap();
    let (exit, _) = phone(&state, &["approve", waiting, "--pin-file", wrong.to_str().unwrap()]).await;
    assert_eq!(exit, 3);
    let told = browser
        .until("document.querySelector('#pay-element').shadowRoot.querySelector('[part~=box]')?.innerText")
        .await;
    assert!(told.as_str().unwrap().contains("PIN"), "{told}");
    assert_eq!(phone(&state, &["refuse", waiting, "--reason", "declined"]).await.0, 0);
    browser.until("document.querySelector('#pay-element[state=refused]')").await;
    browser.eval("document.querySelector('#pay-button').hidden = false; return 1").await;
    scan_for(&browser, &state, "pay", &pin).await;
    let said = browser.until("document.querySelector('#pay-message').textContent").await;
    assert_eq!(said, "You paid 20 EUR, with your PIN.");
}

/// The `console` blocks of the README: each command's arguments, and the lines it prints.
fn transcript() -> Vec<(Vec<String>, Vec<String>)> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let blocks =
        readme.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    let command = |block: String| {
        let mut lines = block.lines().map(str::to_owned);
        let words = lines.next().unwrap();
        let words = words
            .strip_prefix("$ target/debug/countersign-phone --state phone ")
            .expect("the README's commands are the phone's");
        (words.split(' ').map(|w| w.trim_matches('\'').to_owned()).collect(), lines.collect())
    };
    blocks.map(command).collect()
}

/// Whether a line matches a pattern, in which `…` stands for any text.
fn fits(line: &str, pattern: &str) -> bool {
    match pattern.split_once('…') {
        Some((before, after)) => {
            line.len() >= before.len() + after.len() && line.starts_with(before) && line.ends_with(after)
        }
        None => line == pattern,
    }
}

/// Runs a command of the README with the argument `instead.0` replaced by `instead.1`, and checks
/// what it prints. Returns the output, or `None` if the command failed.
async fn as_written(
    state: &Path,
    (args, lines): &(Vec<String>, Vec<String>),
    instead: (&str, &str),
) -> Option<Vec<String>> {
    let args = args.iter().map(|a| if fits(a, instead.0) || a == instead.0 { instead.1 } else { a });
    let mut command = tokio::process::Command::new(program("countersign-phone"));
    let out = command.arg("--state").arg(state).args(args).stdin(Stdio::null()).output().await.unwrap();
    let said: Vec<String> = String::from_utf8(out.stdout).unwrap().lines().map(str::to_owned).collect();
    if !out.status.success() {
        return None;
    }
    assert!(
        said.len() == lines.len() && said.iter().zip(lines).all(|(line, pattern)| fits(line, pattern)),
        "the README says {lines:#?}, the phone {said:#?}"
    );
    Some(said)
}

#[tokio::test]
async fn the_transcript_in_the_readme_is_what_happens() {
    let [enrol, login, logout] = transcript().try_into().expect("three commands");
    let Some(Open { browser, state, pod: _pod, _dir }) = Open::demo().await else { return };
    let picture = state.with_file_name("screen.png");
    browser.write("#enrol-user", "alice").await;
    browser.click("#enrol-form button").await;
    let link = browser.until("document.querySelector('#enrol-link').textContent").await;
    let said =
        as_written(&state, &enrol, (&enrol.0[1], link.as_str().unwrap())).await.expect("the phone enrols");
    browser.until("!document.querySelector('#confirm-form').hidden").await;
    browser.write("#confirm-number", said[1].rsplit(' ').next().unwrap()).await;
    browser.click("#confirm-form button").await;
    browser.until("document.querySelector('#enrol-message').textContent.includes('is enrolled')").await;
    browser.click("#login-button").await;
    browser
        .until("document.querySelector('#login-element').shadowRoot?.querySelector('svg[part=qr] path[d]')")
        .await;
    let mut read = None;
    for _frame in 0..10 {
        browser.photograph(&picture).await;
        read = as_written(&state, &login, ("SCREENSHOT.png", picture.to_str().unwrap())).await;
        if read.is_some() {
            break;
        }
    }
    assert!(read.is_some(), "the phone never read a code");
    assert_eq!(
        browser.until("document.querySelector('#logged-in')?.textContent").await,
        "Logged in as alice"
    );
    as_written(&state, &logout, ("", "")).await.expect("the phone logs out");
}
