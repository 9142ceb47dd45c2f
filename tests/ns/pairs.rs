//! Keyed requests that are under way twice at a time, at two pods where the database can be shared:
//! nobody is told that what they asked for did not happen, or that somebody else did it.

use countersign_api::{
    ApiError, Confirm, Login, NewApiKey, NewClient, NewEnrolment, NewLogin, RotateApiKey, roles,
};
use futures_util::future::join;

use crate::support::{Cluster, Phone, Pod, Stage, code, shared_databases};

/// Rounds; a race that is lost in one of ten is seen.
const ROUNDS: usize = 12;

/// The object that the later request of a pair is told of, and the earlier one's answer.
fn one_made_it<T: std::fmt::Debug>(pair: (Result<T, ApiError>, Result<T, ApiError>)) -> (T, String) {
    let (made, late) = match pair {
        (Ok(made), Err(late)) | (Err(late), Ok(made)) => (made, late),
        other => panic!("one makes it, the other is told so: {other:?}"),
    };
    let ApiError::Refused(problem) = late else { panic!("{late:?}") };
    assert_eq!(problem.code, "secret_already_issued");
    (made, problem.object.expect("it is named"))
}

/// Asks each endpoint that takes an Idempotency-Key twice at a time: here, and at the pod with this
/// address.
async fn every_pair_agrees(stage: &Stage, there: &str) {
    let realm = stage.realm.as_str();
    let (one, other) = (&stage.api, &stage.api.at(there));
    let (root, root_there) = (&stage.root, &stage.root.at(there));
    let mut phone = stage.phone("alice").await.connect().await;
    for round in 0..ROUNDS {
        let key = format!("pair {round}");
        let (a, b) = (one.once(&key), other.once(&key));
        let login = NewLogin::default();
        let made = join(a.create_login(realm, &login), b.create_login(realm, &login)).await;
        // Each pod names its own page port.
        let made = [made.0, made.1].map(|login| Login { page_url: None, ..login.unwrap() });
        assert_eq!(made[0], made[1], "one login");

        let approved = stage.approved(&mut phone).await.id;
        let redeemed = join(a.redeem(realm, &approved, None), b.redeem(realm, &approved, None)).await;
        assert_eq!(redeemed.0.unwrap(), redeemed.1.unwrap(), "one identity, given to both");
        assert_eq!(code(other.redeem(realm, &approved, None).await), "already_redeemed");

        let new = NewEnrolment::new(format!("user{round}"), Confirm::Number);
        let pair = join(a.create_enrolment(realm, &new), b.create_enrolment(realm, &new)).await;
        let (made, named) = one_made_it(pair);
        assert_eq!(made.id, named);
        one.cancel_enrolment(realm, &named).await.unwrap();

        let (a, b) = (root.once(&key), root_there.once(&key));
        let client =
            NewClient { name: format!("client{round}"), display_name: "X".into(), ..NewClient::default() };
        let made = join(a.create_client(realm, &client), b.create_client(realm, &client)).await;
        assert_eq!(made.0.unwrap(), made.1.unwrap(), "one client");

        let new = NewApiKey {
            role: roles::REALM_ADMIN.into(),
            realm: Some(realm.to_owned()),
            ..NewApiKey::default()
        };
        let (made, named) = one_made_it(join(a.create_api_key(&new), b.create_api_key(&new)).await);
        assert_eq!(made.id, named);
        let rotate = RotateApiKey::default();
        let pair = join(a.rotate_api_key(&named, &rotate), b.rotate_api_key(&named, &rotate)).await;
        let (made, named) = one_made_it(pair);
        assert_eq!(made.id, named);
    }
}

#[tokio::test]
async fn pairs_of_keyed_requests_agree_on_the_embedded_database() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    every_pair_agrees(&stage, &pod.url("rest")).await;
}

#[tokio::test]
async fn pairs_of_keyed_requests_agree_at_two_pods_on_database_servers() {
    for database in shared_databases() {
        let Some(cluster) = Cluster::start(database, 2) else { return };
        let stage = Stage::set(&cluster.pods[0]).await;
        every_pair_agrees(&stage, &cluster.pods[1].url("rest")).await;
    }
}

#[tokio::test]
async fn a_repeated_enrolment_is_named_even_when_the_rules_would_no_longer_allow_it() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let once = stage.api.once("lost answer");
    let new = NewEnrolment::new("alice".into(), Confirm::None);
    let made = once.create_enrolment(&stage.realm, &new).await.unwrap();
    Phone::enrol(made.link.as_ref().unwrap()).await.unwrap();
    // Alice has a phone now, and would get another one in other ways only.
    let ApiError::Refused(problem) = once.create_enrolment(&stage.realm, &new).await.unwrap_err() else {
        panic!("a problem")
    };
    assert_eq!(
        (problem.code.as_str(), problem.object.as_deref()),
        ("secret_already_issued", Some(&*made.id))
    );
    assert_eq!(code(stage.api.create_enrolment(&stage.realm, &new).await), "further_phone");
}

#[tokio::test]
async fn a_number_that_cannot_be_one_costs_no_try() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let enrolment = stage.new_enrolment("alice", Confirm::Number).await;
    let (_, number) = Phone::enrol(enrolment.link.as_ref().unwrap()).await.unwrap();
    for typed in ["", "1", "abc", "12345", "١٢٣٤", "12 34", "-123"] {
        let refused = stage.api.confirm_enrolment(&stage.realm, &enrolment.id, typed).await;
        let ApiError::Refused(problem) = refused.unwrap_err() else { panic!("a problem") };
        assert_eq!((problem.status, problem.errors[0].pointer.as_str()), (422, "/number"), "{typed}");
    }
    let number = number.expect("the phone shows one");
    stage.api.confirm_enrolment(&stage.realm, &enrolment.id, &number).await.unwrap();
}
