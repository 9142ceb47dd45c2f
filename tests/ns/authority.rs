//! Who may give a user a phone. An attacker with a stolen key of each role tries everything with
//! it, and with every key that it leads to.

mod keys;
mod late;
mod review;
mod roots;
mod story;

use countersign_api::{
    AccountState, ApiClient, Confirm, NewApiKey, NewClient, NewEnrolment, RealmSettings, RotateApiKey, roles,
};

use crate::support::{Key, Phone, Pod, Stage, code};

/// Roles whose key may have been stolen. Root is missing: it may do everything, and the trail
/// records that.
const STOLEN: [&str; 6] =
    [roles::CLIENT, roles::REGISTRAR, roles::HELP_DESK, roles::VIEWER, roles::AUDITOR, roles::REALM_ADMIN];

/// Keys held by one person.
struct Hands {
    realm: String,
    keys: Vec<ApiClient>,
    /// Root's API, to look at the results.
    root: ApiClient,
}

impl Hands {
    /// Starts with a stolen key of this role.
    async fn of(stage: &Stage, role: &str) -> Self {
        let client = [roles::CLIENT, roles::REGISTRAR, roles::HELP_DESK].contains(&role);
        let new = NewApiKey {
            role: role.into(),
            realm: Some(stage.realm.clone()),
            client: if client { Some(stage.client().await) } else { None },
            ..NewApiKey::default()
        };
        let stolen = Key::made(&stage.root, &new).await;
        Self { realm: stage.realm.clone(), keys: vec![stolen.api], root: stage.root.clone() }
    }

    /// Creates every key that can be created, and rotates every key that can be rotated.
    async fn gather(&mut self) {
        for api in self.keys.clone() {
            let new = NewClient { name: "evil".into(), display_name: "Evil".into(), ..NewClient::default() };
            let _only_administrators = api.create_client(&self.realm, &new).await;
            for role in STOLEN {
                for client in [None, Some("evil".to_owned()), Some("shop".to_owned())] {
                    let new = NewApiKey {
                        role: role.into(),
                        realm: Some(self.realm.clone()),
                        client,
                        ..NewApiKey::default()
                    };
                    self.keep(&api, api.create_api_key(&new).await);
                }
            }
            self.keep(&api, api.rotate_own_api_key(&RotateApiKey::default()).await);
            for other in api.api_keys().await.map(|all| all.items).unwrap_or_default() {
                self.keep(&api, api.rotate_api_key(&other.id, &RotateApiKey::default()).await);
            }
        }
    }

    fn keep(&mut self, api: &ApiClient, made: Result<countersign_api::ApiKey, countersign_api::ApiError>) {
        self.keys.extend(made.ok().and_then(|key| key.secret).map(|secret| api.with_key(&secret)));
    }

    /// Tries every way with every key to enrol an attacker's phone for this user. Returns whether
    /// one works.
    async fn get_a_phone(&self, user: &str) -> bool {
        for api in &self.keys {
            for confirm in [Confirm::Number, Confirm::None, Confirm::Phone, Confirm::Admin] {
                let new = NewEnrolment::new(user.into(), confirm);
                let Ok(enrolment) = api.create_enrolment(&self.realm, &new).await else { continue };
                let Ok((phone, number)) = Phone::enrol(enrolment.link.as_ref().unwrap()).await else {
                    continue;
                };
                for helper in &self.keys {
                    let _refused = helper
                        .confirm_enrolment(&self.realm, &enrolment.id, number.as_deref().unwrap_or("0000"))
                        .await;
                    let _refused = helper.admit_enrolment(&self.realm, &enrolment.id).await;
                }
                if self.root.account(&self.realm, &phone.account.id).await.unwrap().state
                    == AccountState::Active
                {
                    return true;
                }
            }
        }
        false
    }

    /// Takes the user's phones away, trying every key.
    async fn take_away(&self, user: &str, how: &str) {
        let accounts = self.root.accounts(&self.realm, user).await.unwrap();
        for api in &self.keys {
            for account in &accounts {
                let _refused = match how {
                    "block" => api.block_account(&self.realm, &account.id).await.map(drop),
                    "delete" => api.delete_account(&self.realm, &account.id).await,
                    "delete the user" => api.delete_user(&self.realm, user).await,
                    _ => api.erase_user(&self.realm, user).await.map(drop),
                };
            }
        }
    }
}

#[tokio::test]
async fn no_stolen_key_enrols_its_own_phone_by_number_for_somebody_who_has_or_had_one() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    for (user, how) in [
        ("active", ""),
        ("blocked", "block"),
        ("deleted", "delete"),
        ("gone", "delete the user"),
        ("erased", "erase"),
    ] {
        stage.phone(user).await;
        let root =
            Hands { realm: stage.realm.clone(), keys: vec![stage.root.clone()], root: stage.root.clone() };
        if !how.is_empty() {
            root.take_away(user, how).await;
        }
        for role in STOLEN {
            let hands = Hands::of(&stage, role).await;
            for confirm in [Confirm::Number, Confirm::None] {
                let new = NewEnrolment::new(user.into(), confirm);
                let refused = code(hands.keys[0].create_enrolment(&stage.realm, &new).await);
                assert!(
                    ["forbidden", "further_phone"].contains(&refused.as_str()),
                    "{user} {role} {confirm:?}: {refused}"
                );
            }
        }
        let registrar =
            stage.api.create_enrolment(&stage.realm, &NewEnrolment::new(user.into(), Confirm::Number)).await;
        assert_eq!(code(registrar), "further_phone", "{user}");
    }
}

#[tokio::test]
async fn whoever_takes_a_phone_away_gets_none_whatever_role_was_stolen_and_whatever_keys_it_leads_to() {
    let pod = Pod::start();
    for role in STOLEN {
        let stage = Stage::set(&pod).await;
        // Another administrator, who is not involved and whose key may be rotated.
        Hands::of(&stage, roles::REALM_ADMIN).await;
        let mut hands = Hands::of(&stage, role).await;
        hands.gather().await;
        for how in ["block", "delete", "delete the user", "erase"] {
            let user = how.replace(' ', "-");
            stage.phone(&user).await;
            hands.take_away(&user, how).await;
            let left = stage.root.accounts(&stage.realm, &user).await.unwrap();
            let works = left.iter().any(|a| a.state == AccountState::Active);
            assert!(!works || role != roles::REALM_ADMIN, "an administrator takes phones away: {how}");
            assert!(!hands.get_a_phone(&user).await, "{role}, having done: {how}");
        }
        assert!(role != roles::REALM_ADMIN || hands.keys.len() > 5, "it has gathered {}", hands.keys.len());
    }
}

#[tokio::test]
async fn a_block_is_undone_by_as_much_authority_as_did_it_and_by_no_less() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let (realm, id) = (stage.realm.as_str(), phone.account.id.as_str());
    let agent = stage.key("agent", &[countersign_api::Permission::Accounts]).await.api;
    let made = async |role: &str| Hands::of(&stage, role).await.keys.remove(0);
    let (desk, admin) = (made(roles::HELP_DESK).await, made(roles::REALM_ADMIN).await);
    let ladder = [("desk", &desk), ("agent", &agent), ("admin", &admin), ("root", &stage.root)];
    for (n, (name, blocker)) in ladder.iter().enumerate() {
        for (m, (other, unblocker)) in ladder.iter().enumerate() {
            blocker.block_account(realm, id).await.unwrap();
            let undone = unblocker.unblock_account(realm, id).await;
            match other {
                &"desk" => assert_eq!(code(undone), "forbidden", "it blocks, and nothing else"),
                _ if m < n => assert_eq!(code(undone), "more_authority", "{other} undoes what {name} did"),
                _ => drop(undone.unwrap()),
            }
            stage.root.unblock_account(realm, id).await.unwrap();
        }
    }
    // A key with more authority that blocks the account again takes the block over.
    desk.block_account(realm, id).await.unwrap();
    admin.block_account(realm, id).await.unwrap();
    assert_eq!(code(agent.unblock_account(realm, id).await), "more_authority");
}

#[tokio::test]
async fn a_client_takes_only_phones_that_a_client_it_accepts_has_invited() {
    use countersign_api::{NewLogin, PutClient};
    use countersign_sdk::{Command, Refusal};
    use countersign_sim::PhoneError;

    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let bank = Stage::client_in(&stage.root, &stage.realm, "bank").await;
    let put = PutClient {
        display_name: "Bank".into(),
        callback_urls: vec!["https://bank.example/app".into()],
        accepts_enrolments_of: vec!["bank".into()],
        ..PutClient::default()
    };
    let kept = stage.root.put_client(&stage.realm, &bank.client().await, &put).await.unwrap();
    assert_eq!(kept.accepts_enrolments_of, ["bank"]);
    // The shop enrolled the stranger's phone, under a user name of the bank.
    let (stranger, own) = (stage.phone("alice").await, bank.phone("bob").await);
    let (mut stranger, mut own) = (stranger.connect().await, own.connect().await);
    let refused = |r: Result<_, PhoneError>| matches!(r, Err(PhoneError::Refused(Refusal::NotAllowed)));
    let login = bank.api.create_login(&bank.realm, &NewLogin::default()).await.unwrap();
    let mut page = crate::support::Page::open(&login).await;
    assert!(refused(crate::support::claim(&mut stranger, &page.qr().await).await.map(drop)));
    assert!(refused(stranger.do_it(&Command::start_login("bank")).await.map(drop)));
    let directed = NewLogin { to_user: Some("alice".into()), ..NewLogin::default() };
    bank.api.create_login(&bank.realm, &directed).await.unwrap();
    let countersign_sdk::Answer::Logins(listed) = stranger.do_it(&Command::list()).await.unwrap() else {
        panic!("a list")
    };
    assert_eq!(listed.len(), 0, "it is not offered what it cannot have");
    let prompt = crate::support::claim(&mut own, &page.qr().await).await.unwrap();
    own.do_it(&Command::approve(&prompt)).await.unwrap();
    let identity = bank.api.redeem(&bank.realm, &login.id, None).await.unwrap();
    assert_eq!(identity.origin.enrolled_client, Some(bank.client().await));
    let unknown = PutClient { accepts_enrolments_of: vec!["nobody".into()], ..put };
    assert_eq!(code(stage.root.put_client(&stage.realm, &bank.client().await, &unknown).await), "invalid");
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn where_a_realm_takes_numbers_for_further_phones_they_work_a_day_later() {
    use countersign_api::FurtherPhones;
    use countersign_sdk::{Command, Event, Refusal};
    use countersign_sim::PhoneError;

    let pod = Pod::start();
    let further = RealmSettings { further_phones: Some(FurtherPhones::Number), ..RealmSettings::default() };
    let stage = Stage::strict(&pod, further).await;
    let realm = stage.realm.as_str();
    let enrol = async |user: &str| {
        let e = stage.new_enrolment(user, Confirm::Number).await;
        let (phone, number) = Phone::enrol(e.link.as_ref().unwrap()).await.unwrap();
        stage.api.confirm_enrolment(realm, &e.id, &number.unwrap()).await.unwrap();
        phone
    };
    let mut old = enrol("alice").await.connect().await;
    let new = enrol("alice").await;
    let Event::DeviceChanged(_) = old.next().await.unwrap() else { panic!("the old phone is told at once") };
    let account = stage.api.account(realm, &new.account.id).await.unwrap();
    assert!(account.active_from.is_some() && account.origin.recovered_at.is_some());
    let mut online = new.connect().await;
    let login = stage.new_login().await;
    let early =
        crate::support::claim(&mut online, &crate::support::Page::open(&login).await.qr().await).await;
    assert!(matches!(early, Err(PhoneError::Refused(Refusal::AccountPending))), "{early:?}");
    assert!(online.do_it(&Command::devices()).await.is_err(), "it sees nothing yet");
    pod.later(86_401).await;
    let mut online = new.connect().await;
    assert_eq!(stage.api.account(realm, &new.account.id).await.unwrap().state, AccountState::Active);
    stage.approved(&mut online).await;
}

#[tokio::test]
async fn of_two_first_phones_that_are_confirmed_at_once_one_is_the_first_and_the_other_a_further_one() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    for user in ["alice", "bob", "carol", "dave"] {
        let (one, two) = (
            stage.new_enrolment(user, Confirm::Number).await,
            stage.new_enrolment(user, Confirm::Number).await,
        );
        let unused = stage.new_enrolment(user, Confirm::None).await;
        let number = async |e: &countersign_api::Enrolment| {
            Phone::enrol(e.link.as_ref().unwrap()).await.unwrap().1.unwrap()
        };
        let (first, second) = (number(&one).await, number(&two).await);
        let confirm = async |e: &countersign_api::Enrolment, n: &str| {
            stage.api.confirm_enrolment(&stage.realm, &e.id, n).await
        };
        let results: [_; 2] = tokio::join!(confirm(&one, &first), confirm(&two, &second)).into();
        let [refused] =
            results.into_iter().filter(Result::is_err).collect::<Vec<_>>().try_into().expect("one of two");
        assert_eq!(code(refused), "further_phone", "{user}");
        let active = stage
            .api
            .search_accounts(&stage.realm, &[("user_id", user), ("state", "active")])
            .await
            .unwrap()
            .items;
        assert_eq!(active.len(), 1);
        // An earlier enrolment link does not get around this.
        assert!(Phone::enrol(unused.link.as_ref().unwrap()).await.is_err());
    }
}
