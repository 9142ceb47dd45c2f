//! Several pods of SFS on one database, and of NS on another one.

use std::path::Path;

use countersign_api::EnrolmentFactor;
use countersign_channel::random;
use countersign_sdk::{Account, Command, FactorProof, KeyStore, PinState, ReqId, SfsAnswer};
use countersign_sim::Online;
use countersign_testkit::SharedServer;
use tokio::task::JoinSet;

use super::{
    device::{Device, typed},
    scene::{NAMES, PIN, change, join, new_login, pin, trust},
};
use crate::support::{Page, Pod, Shares, Stage, claim, shared_databases};

/// Two pods of SFS on a fresh database of this server; the second one has the key and the seed of the
/// first.
fn two(database: &SharedServer, dir: &Path) -> [Pod; 2] {
    let (url, first) = (database.database(), dir.join("sfs-0"));
    let (key, seed) = (first.join("master.key"), first.join("oprf.seed"));
    let place = ("COUNTERSIGN_SFS_DATABASE_URL", url.as_str());
    let one = Pod::role("sfs", &first, &[], &[place]);
    let files = [
        place,
        ("COUNTERSIGN_SFS_KEYS_MASTER_KEY_FILE", key.to_str().unwrap()),
        ("COUNTERSIGN_SFS_KEYS_SEED_FILE", seed.to_str().unwrap()),
    ];
    [one, Pod::role("sfs", &dir.join("sfs-1"), &[], &files)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_guesses_at_two_pods_get_no_more_answers_than_there_are_tries() {
    for database in shared_databases() {
        let dir = tempfile::tempdir().unwrap();
        let pods = two(database, dir.path());
        let phone = Device::with_pin(&pods[0], PIN).await;
        let mut guesses = JoinSet::new();
        for n in 0..100 {
            let device = phone.at_pod(&pods[n % 2]);
            guesses.spawn(async move {
                let Ok(mut sfs) = device.try_connect().await else { return false };
                matches!(sfs.prove(&typed("1111")).await, Ok(SfsAnswer::WrongPin { .. }))
            });
        }
        let answered = guesses.join_all().await.into_iter().filter(|answered| *answered).count();
        let status = phone.connect_to(&pods[1]).await.status;
        assert_eq!(status.state, PinState::Set);
        let used = 5 - usize::try_from(status.tries_left).unwrap();
        // Connections displace each other, so some tries may not come to it; after the third try
        // there is a wait, so two are left.
        assert!(answered <= used && (1..=3).contains(&used), "{answered} answers for {used} tries");
        // The right PIN is evaluated by either pod.
        for (pod, wait) in [(&pods[1], 31), (&pods[0], 0)] {
            for pod in &pods {
                pod.later(wait).await;
            }
            assert_eq!(phone.connect_to(pod).await.prove(&typed(PIN)).await.unwrap(), SfsAnswer::Proven);
        }
    }
}

/// The account at this pod of NS.
fn at(account: &Account, pod: &Pod) -> Account {
    let mut account = account.clone();
    account.server.url = pod.url("ns");
    account
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phones_go_between_three_pods_of_ns_and_two_of_sfs_with_databases_of_their_own() {
    for database in shared_databases() {
        let dir = tempfile::tempdir().unwrap();
        let Some(shares) = Shares::on(database) else { return };
        let (ns, sfs) = (["a", "b", "c"].map(|name| shares.pod(name)), two(database, dir.path()));
        let stage = Stage::set(&ns[0]).await;
        trust(&stage, sfs[1].ready.sfs_root.as_ref().unwrap(), &[]).await;
        assert_eq!(sfs[0].ready.sfs_root, sfs[1].ready.sfs_root, "one SFS");
        let required = countersign_api::RealmSettings {
            enrolment_factor: Some(EnrolmentFactor::Required),
            ..countersign_api::RealmSettings::default()
        };
        change(&stage, required).await;
        let device = Device::with_pin(&sfs[0], PIN).await;
        let (joining, key) = join(&stage, &device, "alice").await;
        let (_, asked) = joining.factor.clone().unwrap();
        let prove = async |asked: &countersign_sdk::FactorAsked, pod: &Pod| {
            let jkt = countersign_channel::p256::thumbprint(&device.keys.public(&key).unwrap());
            let (r, ctx) = asked.context(&jkt);
            let mut sfs = device.connect_to(pod).await;
            let done = sfs.prove_and_attest(&typed(PIN), asked.factor(), ctx).await.unwrap();
            FactorProof { attestation: done.attestation, keys: done.keys, r }
        };
        let proof = prove(&asked, &sfs[1]).await;
        let account = joining.accept(&key, NAMES, ReqId(random()), Some(&proof)).await.unwrap().account;
        for n in 0..3 {
            let login = new_login(&stage, Some(pin(0))).await;
            let code = Page::open(&login).await.qr().await;
            let mut here = Online::connect(&at(&account, &ns[n]), device.keys.clone()).await.unwrap();
            let first = claim(&mut here, &code).await.unwrap();
            let proof = prove(first.factor.as_ref().unwrap(), &sfs[n % 2]).await;
            drop(here);
            // The connection breaks, and the phone finds another pod: the proof is still good there.
            let mut there =
                Online::connect(&at(&account, &ns[(n + 1) % 3]), device.keys.clone()).await.unwrap();
            let prompt = claim(&mut there, &code).await.unwrap();
            assert_eq!(prompt.factor, first.factor);
            there.do_it(&Command::approve(&prompt).with_factor(proof)).await.unwrap();
            let identity = stage.api.redeem(&stage.realm, &login.id, None).await.unwrap();
            assert!(identity.second_factor.is_some());
        }
    }
}
