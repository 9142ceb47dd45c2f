//! "Not me" protects the user who says it, and locks nobody else out.

use countersign_api::{Limit, Limits, NewLogin};
use countersign_sdk::{Command, Prompt, RefuseReason};
use countersign_sim::Online;

use crate::{
    ns::limits::{MANY, alerts, by, limited, limits, stage_with, start},
    support::{Page, Pod, Stage, claim, code},
};

/// Creates a login, which this phone claims by its QR code.
async fn scanned(phone: &mut Online, new: &NewLogin, stage: &Stage) -> Prompt {
    let login = start(stage, new).await.unwrap();
    claim(phone, &Page::open(&login).await.qr().await).await.unwrap()
}

/// Starts a login in this browser, to which a phone of this user says "not me".
async fn disowned(stage: &Stage, user: &str, new: &NewLogin) {
    let mut phone = stage.phone(user).await.connect().await;
    let prompt = scanned(&mut phone, new, stage).await;
    phone.do_it(&Command::refuse(&prompt, RefuseReason::NotMe)).await.unwrap();
}

/// Returns the kinds of the realm's quarantines, sorted.
async fn measures(stage: &Stage) -> Vec<String> {
    let mut kinds: Vec<_> =
        stage.root.quarantine(&stage.realm).await.unwrap().items.into_iter().map(|q| q.kind).collect();
    kinds.sort();
    kinds
}

#[tokio::test]
async fn not_me_keeps_the_browser_out_and_not_its_address() {
    let pod = Pod::start();
    let stage = stage_with(&pod, Limits { address_accounts: Some(64), ..limits() }).await;
    for user in ["alice", "bob"] {
        disowned(&stage, user, &by("evil", "192.0.2.1")).await;
    }
    assert_eq!(
        limited(start(&stage, &by("evil", "192.0.2.1")).await),
        ("quarantined".into(), "quarantine".into())
    );
    assert_eq!(limited(start(&stage, &by("evil", "192.0.2.9")).await).0, "quarantined", "wherever it goes");
    start(&stage, &by("good", "192.0.2.1")).await.expect("its neighbours are not concerned");
    let neighbour = Stage::client_in(&stage.root, &stage.realm, "neighbour").await;
    start(&neighbour, &by("evil", "192.0.2.1")).await.expect("nor is another client");
    assert_eq!(measures(&stage).await, ["browser", "number"]);
    let told = alerts(&stage).await;
    let told: Vec<_> = told.iter().map(|(action, detail)| (action.as_str(), detail.as_str())).collect();
    let expected = [
        ("alert.not_me", ""),
        ("alert.quarantined", "number"),
        ("alert.not_me", ""),
        ("alert.quarantined", "browser"),
    ];
    assert_eq!(told, expected);
    for out in stage.root.quarantine(&stage.realm).await.unwrap().items {
        stage.root.release(&stage.realm, &out.id).await.unwrap();
        assert_eq!(code(stage.root.release(&stage.realm, &out.id).await), "not_found");
    }
    start(&stage, &by("evil", "192.0.2.1")).await.expect("an administrator let it in again");
}

#[tokio::test]
async fn an_address_stays_out_only_after_several_accounts_said_so() {
    let pod = Pod::start();
    let stage = stage_with(&pod, limits()).await;
    for n in 0..3 {
        disowned(&stage, "alice", &by(&format!("evil {n}"), "192.0.2.1")).await;
    }
    start(&stage, &by("good", "192.0.2.1")).await.expect("one user is not enough, with however many phones");
    disowned(&stage, "bob", &by("evil9", "192.0.2.1")).await;
    assert_eq!(limited(start(&stage, &by("good", "192.0.2.1")).await).0, "quarantined");
    start(&stage, &by("good", "192.0.2.2")).await.expect("the browser itself is fine");
    let neighbour = Stage::client_in(&stage.root, &stage.realm, "neighbour").await;
    start(&neighbour, &by("good", "192.0.2.1")).await.expect("at another client so is the address");
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn one_users_not_me_to_a_code_makes_the_browsers_logins_take_a_number_for_a_while() {
    let pod = Pod::start();
    let stage = stage_with(&pod, limits()).await;
    let mut bob = stage.phone("bob").await.connect().await;
    disowned(&stage, "alice", &by("scanned", "192.0.2.1")).await;
    assert!(
        scanned(&mut bob, &by("scanned", "192.0.2.1"), &stage).await.number.is_some(),
        "the page shows it, and only that page"
    );
    assert!(scanned(&mut bob, &by("another", "192.0.2.1"), &stage).await.number.is_none());
    pod.later(601).await;
    let mut bob = stage.phone("bob").await.connect().await;
    assert!(scanned(&mut bob, &by("scanned", "192.0.2.1"), &stage).await.number.is_none());
}

#[tokio::test]
async fn a_browser_that_directs_logins_at_somebody_who_says_not_me_directs_no_more_and_its_codes_work() {
    let pod = Pod::start();
    let stage = stage_with(&pod, limits()).await;
    let mut alice = stage.phone("alice").await.connect().await;
    let at = |user: &str| NewLogin { to_user: Some(user.into()), ..by("mistyped", "192.0.2.1") };
    let login = start(&stage, &at("alice")).await.unwrap();
    let countersign_sdk::Answer::Prompt(prompt) =
        alice.do_it(&Command::directed(login.id.parse().unwrap())).await.unwrap()
    else {
        panic!("a prompt")
    };
    alice.do_it(&Command::refuse(&prompt, RefuseReason::NotMe)).await.unwrap();
    assert_eq!(limited(start(&stage, &at("alice")).await).0, "quarantined");
    assert_eq!(limited(start(&stage, &at("bob")).await).0, "quarantined");
    start(&stage, &by("mistyped", "192.0.2.1")).await.expect("whoever mistyped a name logs in by code");
    assert_eq!(measures(&stage).await, ["directed"]);
}

#[tokio::test]
async fn nobody_accuses_their_own_browser_or_address() {
    let pod = Pod::start();
    let stage = stage_with(&pod, limits()).await;
    let mut alice = stage.phone("alice").await.connect().await;
    let own = by("alice's", "192.0.2.1");
    let prompt = scanned(&mut alice, &own, &stage).await;
    alice.do_it(&Command::approve(&prompt)).await.unwrap();
    for user in ["alice", "bob"] {
        disowned(&stage, user, &own).await;
    }
    assert_eq!(measures(&stage).await, ["number"], "alice logs in there: only bob's word counts");
    start(&stage, &by("a colleague's", "192.0.2.1")).await.unwrap();
    // The phones themselves connect from loopback.
    for user in ["alice", "bob", "carol"] {
        disowned(&stage, user, &by(&format!("of {user}"), "127.0.0.1")).await;
    }
    start(&stage, &by("behind the same address", "127.0.0.1")).await.expect("it is theirs, too");
}

#[tokio::test]
async fn a_user_who_accuses_all_the_time_is_heard_a_few_times() {
    let pod = Pod::start();
    let limits = Limits { accusations: Some(Limit { most: 1, secs: 600 }), client: Some(MANY), ..limits() };
    let stage = stage_with(&pod, limits).await;
    for n in 0..3 {
        disowned(&stage, "alice", &by(&format!("b{n}"), "192.0.2.1")).await;
    }
    assert_eq!(measures(&stage).await, ["number"], "the first one's");
    let told: Vec<_> =
        alerts(&stage).await.into_iter().filter(|(action, _)| action == "alert.limited").collect();
    assert_eq!(told, [("alert.limited".to_owned(), "accusations".to_owned())]);
}
