//! A realm with one object of every kind, and requests for them.

use std::collections::BTreeMap;

use countersign_api::{Confirm, Event, Initiator, NewClientCertificate, NewLogin, PutApp, roles};
use countersign_sdk::{Command, RefuseReason};
use countersign_sim::Online;
use serde_json::{Value, json};

use super::table::Row;
use crate::support::{Key, Page, Phone, Pod, Stage, claim};

/// A realm whose client has one object of every kind.
pub struct Victim {
    pub stage: Stage,
    /// Values of the parameters in paths, by the name of the parameter.
    pub places: BTreeMap<&'static str, String>,
    logins: Vec<String>,
    /// Stays connected, so that nothing about it changes by itself.
    _phone: Online,
}

const APP: &str = "com.example.victim";

impl Victim {
    pub async fn set(pod: &Pod) -> Self {
        let stage = Stage::set(pod).await;
        let (phone, mut online) = online(&stage).await;
        let realm = stage.realm.as_str();
        stage
            .root
            .put_app(
                realm,
                APP,
                &PutApp { display_name: "Victim".into(), min_version: None, sfs: Vec::new() },
            )
            .await
            .unwrap();
        let attributes = [("team".to_owned(), Some("victims".to_owned()))].into_iter().collect();
        stage.root.change_attributes(realm, "alice", &attributes).await.unwrap();
        quarantined(&stage, &mut online).await;
        let approved = stage.approved(&mut online).await;
        let (claimed, _) = stage.claimed(&mut online).await;
        let pending = stage.new_login().await;
        let enrolment = stage.new_enrolment("bob", Confirm::Number).await;
        let (_, number) = Phone::enrol(enrolment.link.as_ref().unwrap()).await.unwrap();
        let key = stage.key("victims", &[]).await;
        let client = stage.client().await;
        let listed = NewClientCertificate {
            certificate: certificate(),
            role: roles::CLIENT.into(),
            realm: Some(realm.to_owned()),
            client: Some(client.clone()),
            ..NewClientCertificate::default()
        };
        let listed = stage.root.list_client_certificate(&listed).await.unwrap();
        let places = BTreeMap::from([
            ("certificate", listed.id),
            ("pem", certificate().replace('\n', "\\n")),
            ("realm", realm.to_owned()),
            ("user", "alice".into()),
            ("account", phone.account.id.clone()),
            ("login", approved.id.clone()),
            ("enrolment", enrolment.id),
            ("client", client),
            ("app", APP.into()),
            ("role", "victims".into()),
            ("key", stage.api.own_api_key().await.unwrap().id),
            ("quarantine", stage.root.quarantine(realm).await.unwrap().items[0].id.clone()),
            ("number", number.unwrap()),
            ("unused key", key.id),
        ]);
        Self { places, logins: vec![approved.id, claimed.id, pending.id], stage, _phone: online }
    }

    /// Returns what no other client may read.
    pub fn of_the_client(&self) -> Vec<String> {
        let places =
            ["enrolment", "client", "key", "unused key", "certificate"].map(|p| self.places[p].clone());
        places.into_iter().chain(self.logins.iter().cloned()).collect()
    }

    /// Returns what no other realm may read.
    pub fn of_the_realm(&self) -> Vec<String> {
        let places = ["realm", "account", "app", "quarantine"].map(|p| self.places[p].clone());
        self.of_the_client().into_iter().chain(places).chain(["victims".to_owned()]).collect()
    }

    /// Returns all objects, as their owner sees them.
    pub async fn snapshot(&self) -> Value {
        let (root, api, realm) = (&self.stage.root, &self.stage.api, self.stage.realm.as_str());
        let place = |name: &str| self.places[name].clone();
        let mut logins = Vec::new();
        for id in &self.logins {
            logins.push(api.login(realm, id, 0, 0).await.unwrap());
        }
        let mut key = root.api_key(&place("key")).await.unwrap();
        key.last_used_at = None;
        json!({
            "realm": root.realm(realm).await.unwrap(),
            "client": root.client(realm, &place("client")).await.unwrap(),
            "app": root.app(realm, &place("app")).await.unwrap(),
            "roles": root.roles(realm).await.unwrap(),
            "quarantine": root.quarantine(realm).await.unwrap(),
            "key": key,
            "certificate": root.client_certificate(&place("certificate")).await.unwrap(),
            "unused key": root.api_key(&place("unused key")).await.unwrap(),
            "user": root.user(realm, "alice").await.unwrap(),
            "attributes": root.attributes(realm, "alice").await.unwrap(),
            "accounts": root.search_accounts(realm, &[]).await.unwrap(),
            "running": api.user_logins(realm, "alice").await.unwrap(),
            "enrolments": api.enrolments(realm, &[]).await.unwrap(),
            "logins": logins,
            "timeline": api.timeline(realm, &place("login")).await.unwrap(),
        })
    }

    pub async fn events(&self) -> Vec<Event> {
        self.stage.root.events(&self.stage.realm, &[("limit", "1000")]).await.unwrap().items
    }
}

async fn online(stage: &Stage) -> (Phone, Online) {
    let phone = stage.phone("alice").await;
    let online = phone.connect().await;
    (phone, online)
}

/// Makes a client certificate that belongs to no one, new each time.
fn certificate() -> String {
    let mut openssl = countersign_testkit::tool("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=nobody",
    ]);
    String::from_utf8(openssl.args(["-keyout", "/dev/null", "-out", "-"]).output().unwrap().stdout).unwrap()
}

/// Causes a quarantine: a login to which the phone says "not me".
async fn quarantined(stage: &Stage, online: &mut Online) {
    let initiator = Some(Initiator { binding: Some("a browser".into()), address: None });
    let login =
        stage.api.create_login(&stage.realm, &NewLogin { initiator, ..NewLogin::default() }).await.unwrap();
    let prompt = claim(online, &Page::open(&login).await.qr().await).await.unwrap();
    online.do_it(&Command::refuse(&prompt, RefuseReason::NotMe)).await.unwrap();
}

/// An operation of the API's description.
pub struct Operation {
    pub id: String,
    method: reqwest::Method,
    pub path: String,
}

impl Operation {
    /// Returns all operations that the pod describes.
    pub async fn all(pod: &Pod) -> Vec<Self> {
        let doc: Value =
            reqwest::get(format!("{}/openapi.json", pod.url("rest"))).await.unwrap().json().await.unwrap();
        let mut all = Vec::new();
        for (path, item) in doc["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let method = method.to_uppercase().parse().unwrap();
                all.push(Self {
                    id: operation["operationId"].as_str().unwrap().to_owned(),
                    method,
                    path: path.clone(),
                });
            }
        }
        all
    }

    /// Calls the operation for the victim's objects in this realm. Returns the status and the body;
    /// of a stream, only its first chunk.
    pub async fn ask(
        &self,
        pod: &Pod,
        row: &Row,
        victim: &Victim,
        realm: &str,
        key: Option<&Key>,
    ) -> (u16, String) {
        let (mut path, mut body) = (self.path.clone(), row.body.to_owned());
        if path.contains("/quarantine/") {
            path = path.replace("{key}", "{quarantine}");
        }
        path = path.replace("{realm}", realm);
        for (name, value) in &victim.places {
            (path, body) =
                (path.replace(&format!("{{{name}}}"), value), body.replace(&format!("{{{name}}}"), value));
        }
        assert!(!path.contains('{'), "{path}: something stands for nothing");
        let mut request =
            reqwest::Client::new().request(self.method.clone(), format!("{}{path}", pod.url("rest")));
        if let Some(key) = key {
            request = request.bearer_auth(&key.secret);
        }
        if !body.is_empty() {
            request = request.header("Content-Type", "application/json").body(body);
        }
        let mut answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let endless = answer
            .headers()
            .get("content-type")
            .is_some_and(|t| t.as_bytes().starts_with(b"text/event-stream"));
        let text = if endless {
            String::from_utf8(answer.chunk().await.unwrap().unwrap_or_default().to_vec()).unwrap()
        } else {
            answer.text().await.unwrap()
        };
        (status, text)
    }

    /// Calls the operation for objects that do not exist.
    pub async fn ask_for_nothing(&self, pod: &Pod, row: &Row, realm: &str, key: &Key) -> (u16, String) {
        const NOWHERE: &str = "0190a1b2-0000-7000-8000-00000000dead";
        let (mut path, mut body) = (self.path.replace("{realm}", realm), row.body.replace("{realm}", realm));
        while let (Some(begin), Some(end)) = (path.find('{'), path.find('}')) {
            path.replace_range(begin..=end, NOWHERE);
        }
        for place in ["{pem}", "{client}", "{number}"] {
            body = body.replace(place, NOWHERE);
        }
        let mut request = reqwest::Client::new()
            .request(self.method.clone(), format!("{}{path}", pod.url("rest")))
            .bearer_auth(&key.secret);
        if !body.is_empty() {
            request = request.header("Content-Type", "application/json").body(body);
        }
        let mut answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let endless = answer
            .headers()
            .get("content-type")
            .is_some_and(|t| t.as_bytes().starts_with(b"text/event-stream"));
        let text = if endless {
            answer.chunk().await.unwrap().unwrap_or_default().to_vec()
        } else {
            answer.bytes().await.unwrap().to_vec()
        };
        (status, String::from_utf8(text).unwrap())
    }
}
