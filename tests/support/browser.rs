//! A real, headless Chromium, driven over W3C WebDriver (<https://www.w3.org/TR/webdriver2/>).

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::in_ci;

/// One browser window with its own profile. Dropping it ends the browser.
pub struct Browser {
    driver: Child,
    session: String,
    http: reqwest::Client,
    _profile: TempDir,
}

/// Options to run Chromium as root, offline and quiet.
const ARGS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1400",
];

/// Starts chromedriver. It takes a free port of one address family and gives up if the same port is
/// taken in the other family; then it is started again.
fn start_driver() -> std::io::Result<(Child, String)> {
    for _ in 0..5 {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        if let Some(said) = lines.find(|l| l.contains("started successfully on port")) {
            return Ok((driver, said.chars().filter(char::is_ascii_digit).collect()));
        }
        driver.wait()?;
    }
    panic!("chromedriver does not start");
}

impl Browser {
    /// Opens a browser. Returns `None` if it is not installed, which is a failure in CI.
    pub async fn open() -> Option<Self> {
        let Ok((driver, port)) = start_driver() else {
            assert!(!in_ci(), "chromedriver is missing: run `make tools`");
            eprintln!("skipped: no chromedriver; run `make tools`");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut args: Vec<String> = ARGS.map(str::to_owned).to_vec();
        args.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": args},
            "timeouts": {"script": 30_000}}}});
        let mut browser = Self {
            driver,
            session: format!("http://127.0.0.1:{port}/session"),
            http: reqwest::Client::new(),
            _profile: profile,
        };
        let session = browser.post("", wanted).await;
        browser.session = format!("{}/{}", browser.session, session["sessionId"].as_str().unwrap());
        Some(browser)
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let response = self.http.post(format!("{}{path}", self.session)).json(&body).send().await.unwrap();
        let ok = response.status().is_success();
        let answer: Value = response.json().await.unwrap();
        assert!(ok, "{path} {}: {}", body["script"].as_str().unwrap_or_default(), answer["value"]["message"]);
        answer["value"].clone()
    }

    pub async fn go(&self, url: &str) {
        self.post("/url", json!({"url": url})).await;
    }

    /// Runs a JavaScript function body, and returns what it returns.
    pub async fn eval(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({"script": script, "args": []})).await
    }

    /// Waits until a JavaScript expression is truthy, and returns its value. It is evaluated each
    /// time the page paints.
    pub async fn until(&self, expression: &str) -> Value {
        let script = format!(
            "const done = arguments[0]; const look = () => {{ const it = {expression}; it ? done(it) : \
                requestAnimationFrame(look); }}; look();"
        );
        self.post("/execute/async", json!({"script": script, "args": []})).await
    }

    async fn element(&self, selector: &str) -> String {
        let found = self.post("/element", json!({"using": "css selector", "value": selector})).await;
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    pub async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        self.post(&format!("/element/{element}/click"), json!({})).await;
    }

    /// Types keys into a field.
    pub async fn write(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        self.post(&format!("/element/{element}/value"), json!({"text": text})).await;
    }

    /// Presses a key, whatever has the focus. Keys are named as in W3C WebDriver, "Keyboard
    /// actions".
    pub async fn press(&self, key: char) {
        let actions = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        self.post("/actions", json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}))
            .await;
    }

    /// Sends a command of the Chrome DevTools protocol, for what WebDriver cannot do.
    async fn devtools(&self, cmd: &str, params: Value) -> Value {
        self.post("/goog/cdp/execute", json!({"cmd": cmd, "params": params})).await
    }

    /// Runs a script in every page from now on, before the page's own. Returns what
    /// [`Self::not_any_more`] takes.
    pub async fn before_each_page(&self, script: &str) -> Value {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).await
    }

    /// Undoes [`Self::before_each_page`].
    pub async fn not_any_more(&self, script: Value) {
        self.devtools("Page.removeScriptToEvaluateOnNewDocument", script).await;
    }

    /// Sets media features as the person's preferences, for example `prefers-color-scheme` to
    /// `dark`.
    pub async fn prefer(&self, features: &[(&str, &str)]) {
        let features: Vec<Value> =
            features.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    /// Pretends to be another browser, with these preferred languages.
    pub async fn pretend(&self, agent: &str, languages: &str) {
        let platform = json!({"platform": "", "platformVersion": "", "architecture": "", "model": "",
            "mobile": agent.contains("Mobile")});
        let agent = json!({"userAgent": agent, "acceptLanguage": languages, "userAgentMetadata": platform});
        self.devtools("Emulation.setUserAgentOverride", agent).await;
    }

    /// Takes a picture of one element for people, at twice a screen's resolution, as WebP: a tenth
    /// of the size of a screenshot.
    pub async fn picture(&self, selector: &str) -> Vec<u8> {
        let place = format!(
            "const at = document.querySelector('{selector}').getBoundingClientRect();
             return {{ x: at.x, y: at.y, width: at.width, height: at.height, scale: 2 }}"
        );
        let clip = self.eval(&place).await;
        let shot = self
            .devtools("Page.captureScreenshot", json!({"format": "webp", "quality": 80, "clip": clip}))
            .await;
        BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()
    }

    /// Shows this HTML as a page without an origin.
    pub async fn show(&self, html: &str) {
        self.go(&format!("data:text/html;charset=utf-8;base64,{}", BASE64_STANDARD.encode(html))).await;
    }

    /// Ends the browser; killing its driver alone would leave it running.
    fn quit(&self) -> std::io::Result<usize> {
        let (host, path) = self.session.trim_start_matches("http://").split_once('/').unwrap_or_default();
        let mut driver = TcpStream::connect(host)?;
        driver.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(driver, "DELETE /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        // The driver answers when the browser has ended, and keeps the connection open.
        driver.read(&mut [0; 1024])
    }

    /// Saves a screenshot of the window.
    pub async fn photograph(&self, file: &Path) {
        let response = self.http.get(format!("{}/screenshot", self.session)).send().await.unwrap();
        let answer: Value = response.json().await.unwrap();
        std::fs::write(file, BASE64_STANDARD.decode(answer["value"].as_str().unwrap()).unwrap()).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.quit();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
