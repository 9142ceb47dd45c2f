//! Tests of SFS's store on SQLite, PostgreSQL and MariaDB.
#![expect(clippy::unwrap_used, reason = "tests")]

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
    assert_eq!(place.migrate(What::Look).await.pending.len(), 1);
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

/// Generates each test for these databases.
macro_rules! on {
    ($($database:ident),+) => {$(
        mod $database {
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn of_several_that_start_one_gives_the_server_its_identity() {
                if let Some(place) = crate::$database() {
                    crate::of_several_that_start_one_gives_the_server_its_identity(place).await;
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn what_is_there_is_there_for_the_next_start_and_nothing_is_left_to_migrate() {
                if let Some(place) = crate::$database() {
                    crate::the_next_start_finds_what_is_there(place).await;
                }
            }
        }
    )+};
}
on!(sqlite, postgres, mariadb);
