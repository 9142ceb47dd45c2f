//! The databases on which every test runs.

use std::sync::Arc;

use countersign_domain_ns::ports::Store;
use countersign_store::{
    migrate::{What, migrate},
    url::{DatabaseUrl, TlsOptions},
};
use countersign_store_ns::{NsStore, migrations};
use tempfile::TempDir;

/// An empty database for one test.
pub(crate) struct Place {
    pub(crate) url: DatabaseUrl,
    _dir: Option<TempDir>,
}

impl Place {
    /// Migrates it and opens it, as a starting pod does.
    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        migrate(&self.url, &TlsOptions::default(), migrations(), What::Run).await.unwrap();
        Arc::new(
            NsStore::open(&self.url, &TlsOptions::default(), 8, &tokio::runtime::Handle::current())
                .await
                .unwrap(),
        )
    }
}

pub(crate) fn sqlite() -> Option<Place> {
    let dir = tempfile::tempdir().unwrap();
    Some(Place { url: DatabaseUrl::Sqlite(dir.path().join("ns.db")), _dir: Some(dir) })
}

pub(crate) fn postgres() -> Option<Place> {
    Some(Place { url: countersign_testkit::postgres()?.database().parse().unwrap(), _dir: None })
}

pub(crate) fn mariadb() -> Option<Place> {
    Some(Place { url: countersign_testkit::mariadb()?.database().parse().unwrap(), _dir: None })
}

/// Generates a test on every database for each function of a [`Place`].
macro_rules! everywhere {
    ($($promise:ident),+ $(,)?) => {
        $crate::support::everywhere!(@ sqlite [$($promise)+]);
        $crate::support::everywhere!(@ postgres [$($promise)+]);
        $crate::support::everywhere!(@ mariadb [$($promise)+]);
    };
    (@ $database:ident [$($promise:ident)+]) => {
        mod $database {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $promise() {
                    if let Some(place) = $crate::support::$database() {
                        super::$promise(place).await;
                    }
                }
            )+
        }
    };
}
pub(crate) use everywhere;
