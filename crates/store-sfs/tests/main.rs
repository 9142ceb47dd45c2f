//! Tests of SFS's store on SQLite, PostgreSQL and MariaDB.
#![expect(clippy::unwrap_used, reason = "tests")]

mod devices;

use countersign_domain_sfs::{ports::Store, server::SealedServer};
use countersign_ports::{identity::SealedKey, probe::Probe, time::Time};
use countersign_protocol::ids::{AuditId, KeyId, ServerId};
use countersign_store::{
    migrate::{SchemaState, What, migrate},
    url::{DatabaseUrl, TlsOptions},
};
use countersign_store_sfs::{SfsStore, migrations};
use tempfile::TempDir;
use tokio::runtime::Handle;

/// An empty database for one test.
struct Place {
    url: DatabaseUrl,
    _dir: Option<TempDir>,
}

impl Place {
    async fn migrate(&self, what: What) -> SchemaState {
        migrate(&self.url, &TlsOptions::default(), migrations(), what).await.unwrap()
    }

    async fn open(&self) -> SfsStore {
        self.migrate(What::Run).await;
        SfsStore::open(&self.url, &TlsOptions::default(), 4, &Handle::current()).await.unwrap()
    }
}

fn server(n: u8) -> SealedServer {
    let key = |epoch: u8| SealedKey {
        key_id: KeyId([n + epoch; 8]),
        epoch: epoch.into(),
        public: [n; 32],
        sealed: vec![n, 1],
        statement: vec![n, 2],
    };
    SealedServer {
        id: ServerId([n; 16]),
        created_at: Time(1_790_000_000_123),
        root_pin: [n; 32],
        sealed_root: Some(vec![n]),
        keys: vec![key(2), key(1)],
    }
}

async fn of_several_that_start_one_gives_the_server_its_identity(place: Place) {
    let store = place.open().await;
    assert_eq!(store.server().await.unwrap(), None);
    let starting: Vec<_> = (0..8_u8)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.add_server(&server(n * 10), AuditId([n; 16])).await.unwrap() })
        })
        .collect();
    let mut won = Vec::new();
    for (n, starting) in starting.into_iter().enumerate() {
        if starting.await.unwrap() {
            won.push(u8::try_from(n).unwrap());
        }
    }
    let [winner] = won[..] else { panic!("one wins: {won:?}") };
    assert_eq!(store.server().await.unwrap(), Some(server(winner * 10)), "with its keys, newest first");
    store.ping().await.unwrap();
}

async fn the_next_start_finds_what_is_there(place: Place) {
    assert_eq!(place.migrate(What::Look).await.pending.len(), 2);
    assert!(place.open().await.add_server(&server(3), AuditId([1; 16])).await.unwrap());
    assert_eq!(place.migrate(What::Look).await, SchemaState::default());
    assert_eq!(place.open().await.server().await.unwrap(), Some(server(3)));
}

fn sqlite() -> Option<Place> {
    let dir = tempfile::tempdir().unwrap();
    Some(Place { url: DatabaseUrl::Sqlite(dir.path().join("sfs.sqlite")), _dir: Some(dir) })
}

fn postgres() -> Option<Place> {
    Some(Place { url: countersign_testkit::postgres()?.database().parse().unwrap(), _dir: None })
}

fn mariadb() -> Option<Place> {
    Some(Place { url: countersign_testkit::mariadb()?.database().parse().unwrap(), _dir: None })
}

/// The tests of this file.
mod here {
    pub(crate) use super::{
        of_several_that_start_one_gives_the_server_its_identity, the_next_start_finds_what_is_there,
    };
}

/// Generates each test for these databases.
macro_rules! on {
    ([$($database:ident),+] $tests:tt) => {$( on!(@ $database $tests); )+};
    (@ $database:ident { $($room:ident $test:ident),+ $(,)? }) => {
        mod $database {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                if let Some(place) = crate::$database() {
                    crate::$room::$test(place).await;
                }
            }
        )+}
    };
}
on!([sqlite, postgres, mariadb] {
    here of_several_that_start_one_gives_the_server_its_identity,
    here the_next_start_finds_what_is_there,
    devices of_many_that_try_at_once_each_evaluation_costs_a_try,
    devices a_device_is_what_was_stored_and_a_change_needs_its_version,
    devices a_gate_shuts_when_its_limit_is_reached_and_opens_when_its_window_ends,
    devices factors_belong_to_one_device_and_go_with_it,
    devices one_of_several_pods_makes_the_next_key_list,
    devices a_restored_database_leaves_one_try_and_counts_from_where_it_was,
    devices what_is_unused_is_purged_with_all_that_belongs_to_it,
});
