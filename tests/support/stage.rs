//! A separate realm with a client in it, and phones that enrol there.

use std::sync::Arc;

use countersign_api::{
    ApiClient, ApiError, ChangeRealm, Confirm, Enrolment, Login, NewApiKey, NewClient, NewEnrolment,
    NewLogin, NewRealm, NumberMatch, RealmSettings, roles,
};
use countersign_channel::random;
use countersign_sdk::{Account, Answer, Command, KeyStore, Link, Prompt, ReqId};
use countersign_sim::{MemoryKeys, Online, PhoneError};

use super::{Page, Pod};

/// Origin of the client's pages.
pub const ORIGIN: &str = "https://shop.example";
pub const RETURN_URL: &str = "https://shop.example/back";

/// Settings under which phones enrol without confirmation and links need no number, for tests that
/// are about something else.
pub fn lax() -> RealmSettings {
    RealmSettings {
        enrolment_confirm: Some(vec![Confirm::None, Confirm::Number, Confirm::Phone, Confirm::Admin]),
        number_match: Some(NumberMatch { qr: Some(false), link: Some(false), directed: Some(false) }),
        ..RealmSettings::default()
    }
}

/// A realm, and its REST API with a client's key and with the root key.
pub struct Stage {
    pub realm: String,
    pub api: ApiClient,
    pub root: ApiClient,
}

impl Stage {
    pub async fn set(pod: &Pod) -> Self {
        Self::at(pod, ORIGIN).await
    }

    /// As [`Self::set`], with default settings and these, instead of lax ones.
    pub async fn strict(pod: &Pod, settings: RealmSettings) -> Self {
        let stage = Self::set(pod).await;
        let number_match = Some(NumberMatch { qr: Some(false), link: Some(true), directed: Some(true) });
        let defaults = RealmSettings { number_match, ..RealmSettings::default() };
        for settings in [defaults, settings] {
            stage
                .root
                .change_realm(&stage.realm, &ChangeRealm { display_name: None, settings })
                .await
                .unwrap();
        }
        stage
    }

    /// As [`Self::set`], with a client whose pages come from this origin.
    pub async fn at(pod: &Pod, origin: &str) -> Self {
        Self::set_by(pod.root(), origin).await
    }

    /// As [`Self::set`], at the pod that this root key is for.
    pub async fn under(root: &ApiClient) -> Self {
        Self::set_by(root.clone(), ORIGIN).await
    }

    async fn set_by(root: ApiClient, origin: &str) -> Self {
        let realm = format!("r{}", random::<8>().iter().map(|b| format!("{b:02x}")).collect::<String>());
        root.create_realm(&NewRealm {
            name: realm.clone(),
            display_name: "Example Realm".into(),
            settings: lax(),
        })
        .await
        .unwrap();
        Self::client_from(&root, &realm, "shop", origin).await
    }

    /// Creates another client of a realm.
    pub async fn client_in(root: &ApiClient, realm: &str, name: &str) -> Self {
        Self::client_from(root, realm, name, ORIGIN).await
    }

    async fn client_from(root: &ApiClient, realm: &str, name: &str, origin: &str) -> Self {
        let new = NewClient {
            name: name.into(),
            display_name: "Example Shop".into(),
            origins: vec![origin.into()],
            return_urls: vec![RETURN_URL.into()],
            ..NewClient::default()
        };
        let client = root.create_client(realm, &new).await.unwrap();
        let key = root
            .create_api_key(&NewApiKey {
                role: roles::REGISTRAR.into(),
                realm: Some(realm.to_owned()),
                client: Some(client.id),
                expires_in: None,
                ..NewApiKey::default()
            })
            .await
            .unwrap();
        Self { realm: realm.to_owned(), api: root.with_key(&key.secret.unwrap()), root: root.clone() }
    }

    pub async fn new_enrolment(&self, user: &str, confirm: Confirm) -> Enrolment {
        self.api.create_enrolment(&self.realm, &NewEnrolment::new(user.into(), confirm)).await.unwrap()
    }

    /// Enrols a phone with an active account of this user: their first, or a further one that root
    /// admits.
    pub async fn phone(&self, user: &str) -> Phone {
        let first = NewEnrolment::new(user.into(), Confirm::None);
        let enrolment = match self.api.create_enrolment(&self.realm, &first).await {
            Err(ApiError::Refused(problem)) if problem.code == "further_phone" => {
                return self.further_phone(user).await;
            }
            first => first.unwrap(),
        };
        let (phone, number) = Phone::enrol(enrolment.link.as_ref().unwrap()).await.unwrap();
        assert_eq!(number, None);
        phone
    }

    /// Enrols a further phone for a user who has or had one; root admits it.
    pub async fn further_phone(&self, user: &str) -> Phone {
        let enrolment = self.new_enrolment(user, Confirm::Admin).await;
        let (phone, _) = Phone::enrol(enrolment.link.as_ref().unwrap()).await.unwrap();
        self.root.admit_enrolment(&self.realm, &enrolment.id).await.unwrap();
        phone
    }

    pub async fn new_login(&self) -> Login {
        self.api
            .create_login(
                &self.realm,
                &NewLogin {
                    text: Some("Log in to the shop".into()),
                    browser: Some("Firefox on Linux".into()),
                    return_url: Some(RETURN_URL.into()),
                    ..NewLogin::default()
                },
            )
            .await
            .unwrap()
    }

    /// Returns the login as the client sees it now.
    pub async fn look(&self, login: &Login) -> Login {
        self.api.login(&self.realm, &login.id, 0, 0).await.unwrap()
    }

    /// Creates a login, which this phone claims by QR code.
    pub async fn claimed(&self, online: &mut Online) -> (Login, Prompt) {
        let login = self.new_login().await;
        let mut page = Page::open(&login).await;
        let prompt = claim(online, &page.qr().await).await.unwrap();
        (login, prompt)
    }

    /// Creates a login, which this phone approves.
    pub async fn approved(&self, online: &mut Online) -> Login {
        let (login, prompt) = self.claimed(online).await;
        online.do_it(&Command::approve(&prompt)).await.unwrap();
        login
    }
}

/// Claims by the text of a QR code or link.
pub async fn claim(online: &mut Online, text: &str) -> Result<Prompt, PhoneError> {
    let link = Link::parse(text).unwrap();
    let command = Command::scanned(&link).or_else(|| Command::opened(&link)).unwrap();
    match online.do_it(&command).await? {
        Answer::Prompt(prompt) => Ok(*prompt),
        other => panic!("a claim was answered by {other:?}"),
    }
}

/// A phone that is not connected.
pub struct Phone {
    pub account: Account,
    pub keys: MemoryKeys,
}

impl Phone {
    /// Enrols with a fresh key; also returns the number that the phone shows.
    pub async fn enrol(link: &str) -> Result<(Self, Option<String>), PhoneError> {
        let keys = MemoryKeys::default();
        let key = keys.generate().unwrap();
        let Link::Enrol(link) = Link::parse(link)? else { panic!("an enrolment link") };
        let enrolled =
            Online::enrol(&link, Arc::new(keys.clone()), key, ReqId(random()), "test phone").await?;
        Ok((Self { account: enrolled.account, keys }, enrolled.number))
    }

    pub async fn connect(&self) -> Online {
        self.try_connect().await.unwrap()
    }

    pub async fn try_connect(&self) -> Result<Online, PhoneError> {
        Online::connect(&self.account, Arc::new(self.keys.clone())).await
    }
}

/// Sets a stage at this pod, and does a login there from its creation to its redemption.
pub async fn log_in(pod: &Pod) {
    let stage = Stage::set(pod).await;
    let phone = stage.phone("alice").await;
    let login = stage.approved(&mut phone.connect().await).await;
    assert_eq!(stage.api.redeem(&stage.realm, &login.id, None).await.unwrap().user_id, "alice");
}
