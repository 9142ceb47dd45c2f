//! What phones of another realm, and of another user of the same realm, can reach.

use std::collections::BTreeSet;

use countersign_api::{Confirm, LoginState, NewLogin, PutClient};
use countersign_sdk::{AccountId, Answer, Command, DeviceAction, LoginId, NewPhone, Prompt, Refusal};
use countersign_sim::Online;
use futures_util::FutureExt;

use crate::support::{Page, Phone, Pod, RETURN_URL, Stage, claim};

/// What belongs to Alice alone.
struct Hers {
    phone: Phone,
    online: Online,
    /// Waits for her, to be claimed in any way.
    expected: LoginId,
    codes: Vec<Command>,
    directed: LoginId,
    /// Claimed by her.
    prompt: Prompt,
    approved: LoginId,
    /// Her new phone, with the number it shows.
    new: (NewPhone, String),
}

impl Hers {
    async fn set(stage: &Stage) -> Self {
        let phone = stage.phone("alice").await;
        let mut online = phone.connect().await;
        let approved = stage.approved(&mut online).await.id.parse().unwrap();
        let (_, prompt) = stage.claimed(&mut online).await;
        let create = |new: NewLogin| async move { stage.api.create_login(&stage.realm, &new).await.unwrap() };
        let expected = create(NewLogin { expected_user: Some("alice".into()), ..NewLogin::default() }).await;
        let directed = create(NewLogin { to_user: Some("alice".into()), ..NewLogin::default() }).await;
        let mut page = Page::open(&expected).await;
        let (link, qr) = (page.link().await, page.qr().await);
        let parsed = |text: &str| countersign_sdk::Link::parse(text).unwrap();
        let codes = vec![Command::scanned(&parsed(&qr)).unwrap(), Command::opened(&parsed(&link)).unwrap()];
        let enrolment = stage.new_enrolment("alice", Confirm::Phone).await;
        let (_, number) = Phone::enrol(enrolment.link.as_ref().unwrap()).await.unwrap();
        let Answer::NewPhones(new) = online.do_it(&Command::enrolments()).await.unwrap() else {
            panic!("new phones")
        };
        let new = (new[0].clone(), number.unwrap());
        let (expected, directed) = (expected.id.parse().unwrap(), directed.id.parse().unwrap());
        Self { phone, online, expected, codes, directed, prompt, approved, new }
    }

    fn account(&self) -> AccountId {
        self.phone.account.id.parse().unwrap()
    }

    /// Returns every command of a phone, for what is hers.
    fn commands(&self) -> Vec<Command> {
        let manage = |action, name| Command::manage(self.account(), action, name);
        let mut all = self.codes.clone();
        all.extend([
            Command::directed(self.expected),
            Command::directed(self.directed),
            Command::directed(self.prompt.login),
            Command::approve(&self.prompt),
            Command::refuse(&self.prompt, countersign_sdk::RefuseReason::NotMe),
            Command::logout(self.approved),
            Command::logout(self.directed),
            manage(DeviceAction::Rename, Some("mine")),
            manage(DeviceAction::Block, None),
            manage(DeviceAction::Unblock, None),
            manage(DeviceAction::Delete, None),
            Command::vouch(&self.new.0, Some(&self.new.1)),
            Command::vouch(&self.new.0, None),
            Command::devices(),
            Command::enrolments(),
            Command::list(),
            Command::start_login("vault"),
            Command::logout_all(),
            Command::Ping { nonce: 7 },
        ]);
        all
    }

    fn logins(&self) -> [LoginId; 4] {
        [self.expected, self.directed, self.prompt.login, self.approved]
    }

    /// Checks an answer against the expected one, and returns the name of the command. A new
    /// command does not compile until it is handled here.
    fn judge(&self, command: &Command, answer: &Answer, realm: Whose) -> &'static str {
        let unknown = |refusal: Refusal| {
            assert!(
                matches!(answer, Answer::Refused { code, .. } if *code == refusal),
                "{command:?}: {answer:?}"
            )
        };
        match command {
            Command::Claim { login, .. } if *login != self.expected || self.is_directed(command) => {
                unknown(Refusal::UnknownLogin)
            }
            Command::Claim { .. } => {
                unknown(if realm == Whose::Another { Refusal::BadCapability } else { Refusal::WrongUser })
            }
            Command::Decide { .. }
            | Command::Logout { .. }
            | Command::Manage { .. }
            | Command::Vouch { .. } => {
                unknown(Refusal::UnknownLogin);
            }
            Command::StartLogin { .. } if realm == Whose::Another => unknown(Refusal::UnknownLogin),
            Command::StartLogin { .. } => {
                assert!(
                    matches!(answer, Answer::Prompt(p) if !self.logins().contains(&p.login)),
                    "{answer:?}"
                );
            }
            Command::Devices { .. } => assert!(
                matches!(answer, Answer::Devices(all) if all.len() == 1 && all[0].account != self.account()),
                "its own, and not hers: {answer:?}"
            ),
            Command::Enrolments { .. } => assert_eq!(*answer, Answer::NewPhones(Vec::new())),
            Command::List { .. } => assert_eq!(*answer, Answer::Logins(Vec::new())),
            Command::LogoutAll { .. } => assert_eq!(*answer, Answer::Done),
            Command::Ping { .. } => assert!(matches!(answer, Answer::Pong { .. })),
        }
        named(command)
    }

    fn is_directed(&self, command: &Command) -> bool {
        !self.codes.contains(command)
    }
}

const COMMANDS: [&str; 11] = [
    "claim",
    "decide",
    "devices",
    "enrolments",
    "list",
    "logout",
    "logout all",
    "manage",
    "ping",
    "start",
    "vouch",
];

fn named(command: &Command) -> &'static str {
    match command {
        Command::Claim { .. } => "claim",
        Command::Decide { .. } => "decide",
        Command::Devices { .. } => "devices",
        Command::Enrolments { .. } => "enrolments",
        Command::List { .. } => "list",
        Command::Logout { .. } => "logout",
        Command::LogoutAll { .. } => "logout all",
        Command::Manage { .. } => "manage",
        Command::Ping { .. } => "ping",
        Command::StartLogin { .. } => "start",
        Command::Vouch { .. } => "vouch",
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    This,
    Another,
}

/// Checks that no unrequested frame has arrived.
async fn heard_nothing(online: &mut Online) {
    online.do_it(&Command::Ping { nonce: 1 }).await.unwrap();
    if let Some(heard) = online.next().now_or_never() {
        panic!("a stranger heard {heard:?}");
    }
}

#[tokio::test]
async fn whatever_a_phone_says_of_another_users_or_realms_objects_it_is_told_and_moves_nothing() {
    let pod = Pod::start();
    let (stage, elsewhere) = (Stage::set(&pod).await, Stage::set(&pod).await);
    let vault = Stage::client_in(&stage.root, &stage.realm, "vault").await;
    let put = PutClient {
        display_name: "Vault".into(),
        callback_urls: vec![RETURN_URL.into()],
        ..PutClient::default()
    };
    stage.root.put_client(&stage.realm, &vault.client().await, &put).await.unwrap();
    let (namesake, mallory) = (elsewhere.phone("alice").await, stage.phone("mallory").await);
    let mut strangers = [(Whose::Another, namesake.connect().await), (Whose::This, mallory.connect().await)];
    let mut hers = Hers::set(&stage).await;
    for (_, stranger) in &mut strangers {
        heard_nothing(stranger).await;
    }
    let account = stage.api.account(&stage.realm, &hers.phone.account.id).await.unwrap();
    let mut said = BTreeSet::new();
    for (whose, stranger) in &mut strangers {
        for command in hers.commands() {
            let answer = stranger.ask(&command).await.unwrap();
            said.insert(hers.judge(&command, &answer, *whose));
        }
    }
    assert_eq!(said, BTreeSet::from(COMMANDS), "each command there is was tried");
    for (login, state) in hers.logins().into_iter().zip([
        LoginState::Pending,
        LoginState::Pending,
        LoginState::Claimed,
        LoginState::Approved,
    ]) {
        assert_eq!(stage.api.login(&stage.realm, &login.to_string(), 0, 0).await.unwrap().state, state);
    }
    assert_eq!(stage.api.account(&stage.realm, &hers.phone.account.id).await.unwrap(), account);
    for event in stage.root.events(&stage.realm, &[("user_id", "alice")]).await.unwrap().items {
        assert!(
            !event.actor.ends_with(&mallory.account.id) && !event.actor.ends_with(&namesake.account.id),
            "{event:?}"
        );
    }
    // She can still do all of it.
    hers.online.do_it(&Command::approve(&hers.prompt)).await.unwrap();
    hers.online.do_it(&Command::vouch(&hers.new.0, Some(&hers.new.1))).await.unwrap();
    hers.online.do_it(&Command::directed(hers.directed)).await.unwrap();
    hers.online.do_it(&hers.codes[1]).await.unwrap();
    hers.online.do_it(&Command::logout(hers.approved)).await.unwrap();
}

#[tokio::test]
async fn a_phone_that_shows_a_code_of_another_realm_or_not_meant_for_it_is_told_which_and_no_more() {
    let pod = Pod::start();
    let (stage, elsewhere) = (Stage::set(&pod).await, Stage::set(&pod).await);
    let mut mallory = stage.phone("mallory").await.connect().await;
    let login = stage
        .api
        .create_login(&stage.realm, &NewLogin { to_user: Some("alice".into()), ..NewLogin::default() })
        .await
        .unwrap();
    let foreign = elsewhere.new_login().await;
    for (login, code) in [(&login, "wrong_user"), (&foreign, "bad_capability")] {
        let mut page = Page::open(login).await;
        for text in [page.link().await, page.qr().await] {
            assert_eq!(claim(&mut mallory, &text).await.map(drop).unwrap_err().code(), code);
        }
    }
    assert_eq!(stage.look(&login).await.state, LoginState::Pending);
    assert_eq!(elsewhere.look(&foreign).await.state, LoginState::Pending);
}
