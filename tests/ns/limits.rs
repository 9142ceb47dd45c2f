//! Limits: who reaches which one, and who is not affected.

use countersign_api::{ApiError, Initiator, Limit, Limits, Login, NewLogin, RealmSettings};
use countersign_sdk::{Answer, Command, Event, Refusal};
use countersign_sim::{Online, PhoneError};

use crate::support::{Page, Pod, Stage, claim};

pub(crate) const MANY: Limit = Limit { most: 1000, secs: 600 };

pub(crate) fn limits() -> Limits {
    Limits {
        initiator: Some(MANY),
        user: Some(MANY),
        account: Some(MANY),
        client: Some(MANY),
        address: Some(MANY),
        quarantine_secs: Some(3600),
        address_accounts: Some(2),
        address_secs: Some(900),
        wary_secs: Some(600),
        accusations: Some(MANY),
    }
}

pub(crate) async fn stage_with(pod: &Pod, limits: Limits) -> Stage {
    Stage::strict(
        pod,
        RealmSettings {
            limits: Some(limits),
            number_match: Some(countersign_api::NumberMatch::default()),
            ..RealmSettings::default()
        },
    )
    .await
}

pub(crate) fn by(binding: &str, address: &str) -> NewLogin {
    let initiator = Initiator { binding: Some(binding.into()), address: Some(address.parse().unwrap()) };
    NewLogin { initiator: Some(initiator), ..NewLogin::default() }
}

pub(crate) async fn start(stage: &Stage, new: &NewLogin) -> Result<Login, ApiError> {
    stage.api.create_login(&stage.realm, new).await
}

pub(crate) fn limited(result: Result<Login, ApiError>) -> (String, String) {
    match result {
        Err(ApiError::Refused(problem)) => {
            assert_eq!(problem.status, 429);
            assert!(problem.retry_after.is_some_and(|s| s >= 1), "{problem:?}");
            (problem.code, problem.limit.unwrap_or_default())
        }
        other => panic!("{other:?}"),
    }
}

fn rate(by: &str) -> (String, String) {
    ("rate_limited".into(), by.into())
}

pub(crate) async fn alerts(stage: &Stage) -> Vec<(String, String)> {
    let events = stage.root.events(&stage.realm, &[("action", "alert")]).await.unwrap();
    events.items.into_iter().map(|e| (e.action, e.detail.unwrap_or_default())).collect()
}

#[tokio::test]
async fn a_browser_runs_into_its_own_limit_and_others_do_not() {
    let pod = Pod::start();
    let stage = stage_with(&pod, Limits { initiator: Some(Limit { most: 2, secs: 600 }), ..limits() }).await;
    for _ in 0..2 {
        start(&stage, &by("one", "192.0.2.1")).await.unwrap();
    }
    for _ in 0..3 {
        assert_eq!(limited(start(&stage, &by("one", "192.0.2.1")).await), rate("initiator"));
    }
    start(&stage, &by("two", "192.0.2.1")).await.expect("another browser behind the same address");
    start(&stage, &NewLogin::default()).await.expect("nobody knows who");
    assert_eq!(
        alerts(&stage).await,
        [("alert.limited".into(), "initiator".into())],
        "told once, not once a knock"
    );
}

#[tokio::test]
async fn client_and_address_have_limits_of_their_own() {
    let pod = Pod::start();
    let stage = stage_with(
        &pod,
        Limits {
            address: Some(Limit { most: 3, secs: 600 }),
            client: Some(Limit { most: 5, secs: 600 }),
            ..limits()
        },
    )
    .await;
    for n in 0..3 {
        start(&stage, &by(&format!("b{n}"), "192.0.2.1")).await.unwrap();
    }
    assert_eq!(limited(start(&stage, &by("b4", "192.0.2.1")).await), rate("address"));
    start(&stage, &by("b5", "192.0.2.2")).await.unwrap();
    assert_eq!(limited(start(&stage, &by("b6", "192.0.2.3")).await), rate("client"));
    let neighbour = Stage::client_in(&stage.root, &stage.realm, "neighbour").await;
    start(&neighbour, &by("b7", "192.0.2.3")).await.expect("another client of the realm");
}

#[tokio::test]
async fn the_lists_that_a_phone_asks_for_have_a_limit_of_their_own() {
    let pod = Pod::start();
    // Twenty lists for each login that a browser or phone may start.
    let stage = stage_with(&pod, Limits { initiator: Some(Limit { most: 1, secs: 600 }), ..limits() }).await;
    let (alice, bob) = (stage.phone("alice").await, stage.phone("bob").await);
    let mut online = alice.connect().await;
    let lists = [Command::list(), Command::devices(), Command::enrolments()];
    for list in lists.iter().cycle().take(20) {
        online.do_it(list).await.unwrap();
    }
    for list in &lists {
        let refused = online.do_it(list).await;
        assert!(matches!(&refused, Err(PhoneError::Refused(Refusal::RateLimited))), "{refused:?}");
    }
    // Another connection of the same phone is no way around it, and the phone still logs in.
    let mut again = alice.connect().await;
    let refused = again.do_it(&Command::list()).await;
    assert!(matches!(&refused, Err(PhoneError::Refused(Refusal::RateLimited))), "{refused:?}");
    stage.approved(&mut again).await;
    bob.connect().await.do_it(&Command::list()).await.expect("somebody else");
    assert_eq!(alerts(&stage).await, [("alert.limited".into(), "account".into())], "told once");
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn a_limit_is_over_when_it_says_so() {
    let pod = Pod::start();
    let stage = stage_with(&pod, Limits { initiator: Some(Limit { most: 1, secs: 30 }), ..limits() }).await;
    start(&stage, &by("one", "192.0.2.1")).await.unwrap();
    let Err(ApiError::Refused(problem)) = start(&stage, &by("one", "192.0.2.1")).await else {
        panic!("limited")
    };
    pod.later(problem.retry_after.unwrap()).await;
    start(&stage, &by("one", "192.0.2.1")).await.unwrap();
}

async fn next_offer(online: &mut Online) -> String {
    loop {
        if let Event::LoginOffered { login, .. } = online.next().await.unwrap() {
            return login.to_string();
        }
    }
}

#[tokio::test]
async fn who_is_bothered_too_often_is_bothered_in_silence_and_can_still_log_in() {
    let pod = Pod::start();
    let stage = stage_with(&pod, Limits { user: Some(Limit { most: 2, secs: 600 }), ..limits() }).await;
    let mut victim = stage.phone("alice").await.connect().await;
    let bother = NewLogin { to_user: Some("alice".into()), ..NewLogin::default() };
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(start(&stage, &bother).await.expect("the one who bothers is not told").id);
    }
    assert_eq!([next_offer(&mut victim).await, next_offer(&mut victim).await], made[..2]);
    // The answer follows every earlier frame, so the other three logins were not announced.
    let Answer::Logins(listed) = victim.do_it(&Command::list()).await.unwrap() else { panic!("a list") };
    assert_eq!(listed.len(), 5, "whoever looks finds them all");
    let qr = Page::open(&start(&stage, &NewLogin::default()).await.unwrap()).await.qr().await;
    let prompt = claim(&mut victim, &qr).await.unwrap();
    victim.do_it(&Command::approve(&prompt)).await.unwrap();
    assert_eq!(alerts(&stage).await, [("alert.limited".into(), "user".into())]);
}

#[tokio::test]
async fn codes_that_are_not_genuine_are_limited_by_account() {
    let pod = Pod::start();
    let stage = stage_with(&pod, Limits { account: Some(Limit { most: 1, secs: 600 }), ..limits() }).await;
    let (mut phone, mut other) =
        (stage.phone("alice").await.connect().await, stage.phone("bob").await.connect().await);
    let login = stage.new_login().await;
    let good = Page::open(&login).await.qr().await;
    let mut bad = Command::scanned(&countersign_sdk::Link::parse(&good).unwrap()).unwrap();
    if let Command::Claim { capability: countersign_sdk::Capability::Qr { mac, .. }, .. } = &mut bad {
        mac[0] ^= 1;
    }
    for _ in 0..6 {
        assert!(matches!(phone.do_it(&bad).await, Err(PhoneError::Refused(Refusal::BadCapability))));
    }
    let Answer::Refused { code, retry_after } = phone.ask(&bad).await.unwrap() else { panic!("refused") };
    assert!(code == Refusal::RateLimited && retry_after.is_some_and(|s| s >= 1));
    claim(&mut phone, &good).await.expect("a genuine code still works");
    assert!(
        matches!(other.do_it(&bad).await, Err(PhoneError::Refused(Refusal::BadCapability))),
        "bob is not concerned"
    );
}
