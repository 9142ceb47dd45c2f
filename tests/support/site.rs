//! A site of another origin than Countersign's, with the strictest content security policy under
//! which the login element works: the one in `web/README.md`.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use countersign_api::Login;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{Browser, Pod, Stage, in_ci};

const README: &str = include_str!("../../web/README.md");
const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/node/node_modules/axe-core/axe.min.js");

/// Returns the policy of the README, for this page port.
fn policy(page_origin: &str) -> String {
    let written = README
        .lines()
        .find_map(|l| l.strip_prefix("Content-Security-Policy: "))
        .expect("the README has a policy");
    let socket = page_origin.replacen("http", "ws", 1);
    written.replace("https://login.example:9999", page_origin).replace("wss://login.example:9999", &socket)
}

/// Answers every request for `/` with the same page.
struct Site {
    origin: String,
    answer: Arc<Mutex<String>>,
    served: JoinHandle<()>,
}

impl Site {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::<Mutex<String>>::default();
        let shown = answer.clone();
        let served = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shown.clone()));
            }
        });
        Self { origin, answer, served }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.served.abort();
    }
}

async fn serve(mut stream: TcpStream, shown: Arc<Mutex<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    // Reads the page now, not when the connection was made, because browsers connect in advance.
    let answer = shown.lock().unwrap().clone();
    let nothing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let _ = stream
        .write_all(if head.starts_with(b"GET / ") { answer.as_bytes() } else { nothing.as_bytes() })
        .await;
}

/// The login element on a site, in a browser.
pub struct Embedded {
    pub browser: Browser,
    pub pod: Pod,
    pub stage: Stage,
    site: Site,
}

impl Embedded {
    /// Opens a browser, a pod and a site. Returns `None` without a browser.
    pub async fn open() -> Option<Self> {
        let browser = Browser::open().await?;
        let pod = Pod::start();
        let site = Site::open().await;
        let stage = Stage::at(&pod, &site.origin).await;
        // Recorded from the start: what the policy forbids, the events of the element, and what it
        // fetches.
        browser
            .before_each_page(
                "window.violations = []; window.said = []; window.fetched = [];
                 { const { fetch } = window; window.fetch = (url, how) => (fetched.push(new \
                 URL(url).pathname), fetch(url, how)); }
                 addEventListener('securitypolicyviolation', (e) => violations.push(`${e.violatedDirective} \
                 ${e.blockedURI}`));
                 for (const name of ['approved', 'ended', 'retry', 'push', 'state'])
                   addEventListener(`countersign-${name}`, (e) => said.push([name, e.detail]));",
            )
            .await;
        Some(Self { browser, pod, stage, site })
    }

    /// As [`Self::open`], but the test stands in for the server.
    pub async fn staged(attributes: &str) -> Option<Self> {
        let at = Self::open().await?;
        at.browser.before_each_page(include_str!("fake_socket.js")).await;
        at.load(attributes).await;
        Some(at)
    }

    /// Starts a new login, for which the server sends these messages.
    pub async fn told(&self, messages: &Value) {
        self.browser.eval(&format!("return stage(...{messages})")).await;
    }

    /// Returns the origin of Countersign's page port, `http://…`.
    pub fn page_origin(&self) -> String {
        self.pod.url("page").replacen("ws", "http", 1).trim_end_matches("/page").to_owned()
    }

    /// Loads the site's page, with these attributes on its one tag.
    pub async fn load(&self, attributes: &str) {
        let page_origin = self.page_origin();
        let html = format!(
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport \
                content='width=device-width'><meta name=color-scheme \
             content='light dark'><title>A shop</title><script type=module \
             src='{page_origin}/countersign-login.js'></script><main><h1>A \
             shop</h1><countersign-login {attributes}></countersign-login></main></html>"
        );
        *self.site.answer.lock().unwrap() = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Security-Policy: \
                {}\r\nContent-Length: {}\r\nConnection: \
             close\r\n\r\n{html}",
            policy(&page_origin),
            html.len()
        );
        self.again().await;
        self.browser.until("customElements.get('countersign-login') !== undefined").await;
    }

    /// Reloads the page.
    pub async fn again(&self) {
        self.browser.go(&format!("{}/", self.site.origin)).await;
    }

    /// Loads the page with this login in its tag.
    pub async fn show(&self, login: &Login, attributes: &str) {
        let (url, token) = (login.page_url.as_ref().unwrap(), login.page_token.as_ref().unwrap());
        self.load(&format!("page-url='{url}' page-token='{}' {attributes}", &**token)).await;
    }

    /// Starts another login in the same page, as a site's script would.
    pub async fn start(&self, login: &Login) {
        let login = json!({"pageUrl": login.page_url, "pageToken": login.page_token});
        self.browser.eval(&format!("document.querySelector('countersign-login').start({login})")).await;
    }

    /// Waits until the element shows this state.
    pub async fn state(&self, state: &str) {
        self.browser.until(&format!("document.querySelector('countersign-login[state={state}]')")).await;
    }

    /// Waits for the link that opens the app.
    pub async fn link(&self) -> String {
        self.until("root.querySelector('[part=link][href]:not([hidden])')?.href")
            .await
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Waits until this expression over the shadow `root` is truthy.
    pub async fn until(&self, expression: &str) -> Value {
        self.browser
            .until(&format!(
                "((root) => root && ({expression}))(document.querySelector('countersign-login')?.shadowRoot)"
            ))
            .await
    }

    /// Evaluates this expression over the shadow `root` and the `element`.
    pub async fn look(&self, expression: &str) -> Value {
        let script = format!(
            "const element = document.querySelector('countersign-login'), root = element.shadowRoot; return \
                ({expression});"
        );
        self.browser.eval(&script).await
    }

    /// Returns how many times the element dispatched this event.
    pub async fn said(&self, name: &str) -> u64 {
        self.browser
            .eval(&format!("return said.filter(([name]) => name === '{name}').length"))
            .await
            .as_u64()
            .unwrap()
    }

    /// Returns the violations of the site's policy; there should be none.
    pub async fn violations(&self) -> Value {
        self.browser.eval("return violations").await
    }

    /// Loads axe into the page. Returns false if it is not installed, which is a failure in CI.
    pub async fn bring_axe(&self) -> bool {
        if !Path::new(AXE).exists() {
            assert!(!in_ci(), "axe-core is missing: run `make tools`");
            eprintln!("skipped: no axe-core; run `make tools`");
            return false;
        }
        self.browser.eval(&std::fs::read_to_string(AXE).unwrap()).await;
        true
    }

    /// Returns what axe finds wrong with the page as it is: rules and elements.
    pub async fn axe(&self) -> Vec<String> {
        let found = self
            .browser
            .eval(
                "return axe.run(document, { resultTypes: ['violations'] })
                   .then(({ violations }) => violations.map((v) => `${v.id}: ${v.nodes.map((n) => \
                   n.html.slice(0, 120)).join(' ')}`))",
            )
            .await;
        found.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    }
}
