//! Pods behind the reverse proxies that operators use: logins through each of them, also when a pod
//! ends.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command as Program, Stdio},
    time::Duration,
};

use countersign_api::{ApiClient, Confirm, NewApiKey, NewClient, NewEnrolment, NewLogin, roles};
use countersign_sdk::Command;
use countersign_testkit::{Certificates, SharedServer};
use tokio::time::{Instant, sleep};

use crate::support::{Page, Phone, Pod, Shares, claim, shared_databases};

/// A proxy process, which ends when this is dropped.
struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ended = (self.0.kill(), self.0.wait());
    }
}

/// Returns the path of a program, or `None` if it is not installed, which is a failure in CI.
fn installed(places: &[&str]) -> Option<PathBuf> {
    let found = places.iter().map(PathBuf::from).find(|p| p.exists());
    assert!(found.is_some() || std::env::var_os("CI").is_none(), "{places:?} is missing: run `make tools`");
    found
}

/// Writes an example of deploy/ with the addresses of these pods, and returns its path.
async fn filled(example: &str, listen: u16, pods: &[Pod], files: &Certificates, to: &Path) -> PathBuf {
    let both = files.file("both.pem");
    let pem = |name: &str| std::fs::read_to_string(files.file(name)).unwrap();
    std::fs::write(&both, format!("{}{}", pem("server.pem"), pem("server.key"))).unwrap();
    let mut text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(example)).unwrap();
    for more in 3..=pods.len() {
        // Lines for the second pod are repeated for each further pod.
        let with = |line: &str| {
            if line.contains("ns-2 ") {
                format!(
                    "{line}\n{}",
                    line.replace("ns-2", &format!("ns-{more}")).replace("_2", &format!("_{more}"))
                )
            } else {
                line.to_owned()
            }
        };
        text = text.lines().map(with).collect::<Vec<_>>().join("\n") + "\n";
    }
    for (n, pod) in pods.iter().enumerate() {
        for what in ["rest", "page", "phone", "admin"] {
            let url = place(pod, what).await;
            if what == "admin" {
                text = text.replace(&format!("ADMIN_PORT_{}", n + 1), url.rsplit(':').next().unwrap());
            }
            text = text.replace(&format!("{}_{}", what.to_uppercase(), n + 1), &url);
        }
    }
    let certificate = if example.ends_with(".cfg") { both } else { files.file("server.pem") };
    text = text
        .replace("CERTIFICATE", certificate.to_str().unwrap())
        .replace("KEY", files.file("server.key").to_str().unwrap());
    text = text.replace("LISTEN", &format!("127.0.0.1:{listen}"));
    let file = to.join(example);
    std::fs::write(&file, text).unwrap();
    file
}

/// Returns the host:port that a pod itself listens on, from the line that it logs when it is ready.
async fn place(pod: &Pod, what: &str) -> String {
    // A pod is told to be ready a moment before it logs so.
    pod.until_logged("\"ready\"").await;
    let log = pod.log();
    let ready: serde_json::Value = log
        .lines()
        .filter_map(|l| serde_json::from_str(l).ok())
        .find(|l: &serde_json::Value| l["message"] == "ready")
        .unwrap();
    ready[what].as_str().unwrap().to_owned()
}

async fn until_open(port: u16) {
    let until = Instant::now() + Duration::from_secs(30);
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(Instant::now() < until, "the proxy does not listen");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Polls until the proxy reaches a pod several times in a row: it does not report what it has
/// noticed.
async fn until_served(api: &ApiClient) {
    let until = Instant::now() + Duration::from_secs(30);
    let mut well = 0;
    while well < 4 {
        well = if api.own_api_key().await.is_ok() { well + 1 } else { 0 };
        assert!(Instant::now() < until, "REST is not served");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn log_in(api: &ApiClient, phone: &Phone) {
    let login = api.create_login("default", &NewLogin::default()).await.unwrap();
    let mut page = Page::open(&login).await;
    let mut online = phone.connect().await;
    let prompt = claim(&mut online, &page.qr().await).await.unwrap();
    online.do_it(&Command::approve(&prompt)).await.unwrap();
    page.until(countersign_api::LoginState::Approved).await;
    assert_eq!(api.redeem("default", &login.id, None).await.unwrap().user_id, "alice");
}

/// Pods behind a proxy.
struct Site {
    pods: Vec<Pod>,
    url: String,
    ca: PathBuf,
    _proxy: Proxy,
    _shares: Shares,
    dir: tempfile::TempDir,
}

type Start<'a> = &'a dyn Fn(&Path, u16) -> Program;

impl Site {
    /// Starts this many pods on this database, behind this example of deploy/, with its TLS or
    /// without.
    async fn open(
        database: &SharedServer,
        pods: usize,
        example: &str,
        tls: bool,
        start: Start<'_>,
    ) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let files = Certificates::make(dir.path());
        let ca = files.file("ca.pem");
        let mut shares = Shares::on(database)?;
        let listen = countersign_testkit::free_port();
        let s = if tls { "s" } else { "" };
        for (name, scheme) in [("PAGE", "ws"), ("PHONE", "ws"), ("APP", "http")] {
            shares
                .env
                .push((format!("COUNTERSIGN_PUBLIC_{name}"), format!("{scheme}{s}://localhost:{listen}")));
        }
        let pods: Vec<Pod> = (0..pods).map(|n| shares.pod(&format!("pod-{n}"))).collect();
        for pod in &pods {
            pod.until_logged(r#""message":"ready""#).await;
        }
        let config = filled(example, listen, &pods, &files, dir.path()).await;
        if !tls {
            let text = std::fs::read_to_string(&config).unwrap();
            std::fs::write(
                &config,
                text.lines()
                    .map(|l| format!("{}\n", l.split(" ssl crt ").next().unwrap()))
                    .collect::<String>(),
            )
            .unwrap();
        }
        let proxy = Proxy(start(&config, listen).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
        until_open(listen).await;
        Some(Self {
            pods,
            url: format!("http{s}://localhost:{listen}"),
            ca,
            _proxy: proxy,
            _shares: shares,
            dir,
        })
    }

    /// Returns the REST API as root, through the proxy.
    async fn root(&self) -> ApiClient {
        let key = self.pods[0].root_key();
        let root = ApiClient::trusting(&self.url, &key, &std::fs::read(&self.ca).unwrap()).unwrap();
        until_served(&root).await;
        root
    }

    /// Creates a client of the realm, and enrols a user's phone.
    async fn set(&self) -> (ApiClient, Phone) {
        let root = self.root().await;
        let shop = NewClient { name: "shop".into(), display_name: "Shop".into(), ..NewClient::default() };
        let shop = root.create_client("default", &shop).await.unwrap();
        let (role, realm) = (roles::REGISTRAR.into(), Some("default".into()));
        let key = root
            .create_api_key(&NewApiKey { role, realm, client: Some(shop.id), ..NewApiKey::default() })
            .await
            .unwrap();
        let api = root.with_key(key.secret.as_deref().unwrap());
        let enrolment = api
            .create_enrolment("default", &NewEnrolment::new("alice".into(), Confirm::Number))
            .await
            .unwrap();
        let (phone, number) = Phone::enrol(enrolment.link.as_ref().unwrap()).await.unwrap();
        let through = self.url.replacen("http", "ws", 1);
        assert!(phone.account.server.url.starts_with(&through), "{}", phone.account.server.url);
        api.confirm_enrolment("default", &enrolment.id, &number.unwrap()).await.unwrap();
        (api, phone)
    }
}

async fn carries_the_story(database: &SharedServer, example: &str, start: Start<'_>) {
    let Some(mut site) = Site::open(database, 2, example, true, start).await else { return };
    countersign_sim::tls::trust(&site.ca).unwrap();
    let (api, phone) = site.set().await;
    for _ in 0..4 {
        log_in(&api, &phone).await;
    }
    // One pod shuts down in good order; the other continues.
    site.pods[0].signal("TERM");
    assert!(site.pods[0].ended().await.success());
    until_served(&api).await;
    for _ in 0..2 {
        log_in(&api, &phone).await;
    }
}

fn haproxy() -> Option<impl Fn(&Path, u16) -> Program> {
    let program = installed(&["/usr/sbin/haproxy"])?;
    Some(move |config: &Path, _: u16| {
        let mut haproxy = Program::new(&program);
        haproxy.arg("-db").arg("-f").arg(config);
        haproxy
    })
}

/// Three pods on one database, behind one address: the Rust phone logs in, and the Python phone's
/// tests pass.
async fn tells_the_stories(database: &SharedServer, tls: bool) {
    let Some(haproxy) = haproxy() else { return };
    let Some(site) = Site::open(database, 3, "haproxy.cfg", tls, &haproxy).await else { return };
    if tls {
        countersign_sim::tls::trust(&site.ca).unwrap();
    }
    let (api, phone) = site.set().await;
    for _ in 0..6 {
        log_in(&api, &phone).await;
    }
    // What the Python phone reads about a pod: its addresses and the root key.
    let data = site.dir.path().join("site");
    std::fs::create_dir(&data).unwrap();
    let page = format!("{}/page", site.url.replacen("http", "ws", 1));
    countersign_api::Ready { rest: Some(site.url.clone()), page: Some(page), ..Default::default() }
        .write(&data)
        .unwrap();
    std::fs::write(data.join("root-api-key"), site.pods[0].root_key()).unwrap();
    let at = [
        ("COUNTERSIGN_DATA", data.to_str().unwrap()),
        ("COUNTERSIGN_LIVE_REQUIRED", "1"),
        ("SSL_CERT_FILE", site.ca.to_str().unwrap()),
    ];
    for (stories, least) in [("test_live.py", 15), ("test_forms.py", 20)] {
        if let Some(out) = crate::product::python::unittest(stories, &at) {
            crate::product::python::check(&out, least);
        }
    }
}

macro_rules! stories_on_three_pods {
    ($($test:ident: $database:ident, $tls:literal;)*) => {$(
        #[tokio::test]
        async fn $test() {
            if let Some(database) = countersign_testkit::$database() {
                tells_the_stories(database, $tls).await;
            }
        }
    )*};
}

stories_on_three_pods! {
    three_pods_on_postgresql_tell_the_stories_in_the_clear: postgres, false;
    three_pods_on_postgresql_tell_the_stories_in_tls: postgres, true;
    three_pods_on_mariadb_tell_the_stories_in_the_clear: mariadb, false;
    three_pods_on_mariadb_tell_the_stories_in_tls: mariadb, true;
}

#[tokio::test]
async fn haproxy_in_front_of_two_pods_carries_the_story() {
    let (Some(haproxy), Some(database)) = (haproxy(), shared_databases().next()) else { return };
    carries_the_story(database, "haproxy.cfg", &haproxy).await;
}

#[tokio::test]
async fn traefik_in_front_of_two_pods_carries_the_story() {
    let at = concat!(env!("CARGO_MANIFEST_DIR"), "/target/python/bin/traefik");
    let (Some(program), Some(database)) = (installed(&[at]), shared_databases().last()) else { return };
    carries_the_story(database, "traefik.yaml", &|config, listen| {
        let mut traefik = Program::new(&program);
        traefik.arg(format!("--providers.file.filename={}", config.display()));
        traefik.arg(format!("--entrypoints.secure.address=127.0.0.1:{listen}"));
        traefik
            .args(["--entrypoints.secure.transport.respondingtimeouts.readtimeout=0", "--log.level=ERROR"]);
        traefik.args(["--global.checknewversion=false", "--global.sendanonymoususage=false"]);
        traefik
    })
    .await;
}
