//! Several pods on one database and one Redis act as one server.

use std::time::Duration;

use countersign_api::{LoginState, roles};
use countersign_sdk::{Answer, Close, Command, Ended, Event};
use tokio::time::timeout;

use crate::{
    stories,
    support::{Cluster, Shares, Stage, claim, shared_databases},
};

/// Longer than a wake-up takes across pods, much shorter than the safety poll.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_login_of_one_pod_is_claimed_on_another_and_seen_on_a_third() {
    for database in shared_databases() {
        let Some(cluster) = Cluster::start(database, 3) else { return };
        let stage = Stage::set(&cluster.pods[0]).await;
        let alice = stage.phone("alice").await;
        let login = stage.new_login().await;
        let mut page = cluster.page(2, &login).await;
        let qr = page.qr().await;
        let (api, realm, id) = (cluster.api(2, &stage), stage.realm.clone(), login.id.clone());
        let waiting = tokio::spawn(async move { api.login(&realm, &id, 30, 2).await });
        let mut phone = cluster.connect(1, &alice).await.unwrap();
        let prompt = claim(&mut phone, &qr).await.unwrap();
        timeout(SOON, page.until(LoginState::Claimed)).await.expect("the page learns of the claim at once");
        phone.do_it(&Command::approve(&prompt)).await.unwrap();
        timeout(SOON, page.until(LoginState::Approved))
            .await
            .expect("the page learns of the approval at once");
        let seen = timeout(SOON, waiting)
            .await
            .expect("the client learns of the approval at once")
            .unwrap()
            .unwrap();
        assert_eq!(seen.state, LoginState::Approved);
        assert_eq!(
            cluster.api(0, &stage).redeem(&stage.realm, &login.id, None).await.unwrap().user_id,
            "alice"
        );
        let twice = cluster.api(1, &stage).redeem(&stage.realm, &login.id, None).await;
        assert_eq!(crate::support::code(twice), "already_redeemed");
        phone.do_it(&Command::logout(login.id.parse().unwrap())).await.unwrap();
        timeout(SOON, page.until(LoginState::Ended)).await.expect("the page learns of the logout at once");
    }
}

#[tokio::test]
async fn the_newest_connection_of_an_account_wins_on_whichever_pod() {
    for database in shared_databases() {
        let Some(cluster) = Cluster::start(database, 2) else { return };
        let stage = Stage::set(&cluster.pods[0]).await;
        let alice = stage.phone("alice").await;
        let mut old = cluster.connect(0, &alice).await.unwrap();
        for pod in [1, 0, 1] {
            let new = cluster.connect(pod, &alice).await.unwrap();
            let over = timeout(SOON, old.next()).await.expect("it is told at once").unwrap();
            assert!(matches!(over, Event::Over(Ended::Server(Close::Displaced))), "{over:?}");
            old = new;
        }
        assert!(matches!(old.do_it(&Command::list()).await, Ok(Answer::Logins(_))), "the newest stays");
    }
}

#[tokio::test]
async fn pods_restart_one_after_the_other_and_no_login_in_flight_is_lost() {
    for database in shared_databases() {
        let Some(mut cluster) = Cluster::start(database, 2) else { return };
        let stage = Stage::set(&cluster.pods[0]).await;
        let alice = stage.phone("alice").await;
        let mut phone = cluster.connect(0, &alice).await.unwrap();
        let login = stage.new_login().await;
        let mut page = cluster.page(0, &login).await;
        let prompt = claim(&mut phone, &page.qr().await).await.unwrap();
        page.until(LoginState::Claimed).await;
        for leaving in [0, 1] {
            let other = 1 - leaving;
            cluster.pods[leaving].signal("TERM");
            let over = timeout(SOON, phone.next()).await.expect("it is sent away").unwrap();
            assert!(matches!(over, Event::Over(Ended::Server(Close::Draining))), "{over:?}");
            // Phone and page reconnect to another pod with the same credentials, while this one is
            // still shutting down.
            phone = cluster.connect(other, &alice).await.unwrap();
            page = cluster.page(other, &login).await;
            page.until(LoginState::Claimed).await;
            assert!(cluster.pods[leaving].ended().await.success());
            cluster.pods[leaving] = cluster.again(leaving);
        }
        phone.do_it(&Command::approve(&prompt)).await.unwrap();
        timeout(SOON, page.until(LoginState::Approved)).await.expect("the page learns of it at once");
        assert_eq!(
            cluster.api(1, &stage).redeem(&stage.realm, &login.id, None).await.unwrap().user_id,
            "alice"
        );
    }
}

#[tokio::test]
async fn what_people_do_comes_true_on_every_database() {
    for database in shared_databases() {
        let Some(shares) = Shares::on(database) else { return };
        let pod = shares.pod("pod");
        stories::everybody_learns_at_once(&pod).await;
        stories::one_login_has_one_claimant(&pod).await;
        stories::one_login_has_one_outcome(&pod).await;
        stories::a_code_makes_one_account(&pod).await;
        stories::an_acknowledged_approval_survives_a_crash(pod).await;
    }
}

#[tokio::test]
async fn five_pods_that_start_at_once_make_one_root_key_and_all_get_ready() {
    for database in shared_databases() {
        let Some(shares) = Shares::on(database) else { return };
        let pods: Vec<_> = std::thread::scope(|s| {
            let starting: Vec<_> = (0..5)
                .map(|n| {
                    s.spawn({
                        let shares = &shares;
                        move || shares.pod(&format!("pod-{n}"))
                    })
                })
                .collect();
            starting.into_iter().map(|pod| pod.join().unwrap()).collect()
        });
        let with_key: Vec<_> = pods.iter().filter(|pod| pod.data.join("root-api-key").exists()).collect();
        assert_eq!(with_key.len(), 1);
        let keys = with_key[0].root().api_keys().await.unwrap().items;
        assert_eq!(keys.iter().filter(|k| k.role == roles::ROOT).count(), 1);
        for pod in &pods {
            assert_eq!(pod.admin("/readyz").await.0, 200);
        }
    }
}
