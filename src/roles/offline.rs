//! Work on a data directory or a database without serving anything: `init`, `migrate`, and commands
//! that may run beside a pod.

use std::path::{Path, PathBuf};

use countersign_domain_ns::{
    api_key::ApiKey,
    handles,
    ports::{Directory, KeyQuery},
    refused::Stop,
};
use countersign_edge::metrics::Exposition;
use countersign_ports::secret::Secret;
use countersign_protocol::ids::ApiKeyId;
use countersign_store::{
    StoreError,
    migrate::{Migrations, SchemaState, What, migrate as migrate_database},
    url::{DatabaseUrl, TlsOptions},
};
use countersign_store_ns::NsStore;

use super::{ProcessRole, StartError, bootstrap, metrics, runtime, sfs};
use crate::{
    config::Config,
    data_dir::{DATABASE, DataDir},
    data_layout,
    ports::{OsRandom, WallClock},
};

impl ProcessRole {
    /// Whether a process of this role serves NS.
    fn has_ns(self) -> bool {
        matches!(self, Self::All | Self::Ns)
    }

    /// Whether a process of this role serves SFS. If NS uses a database server, SFS is served
    /// beside it only with a configured database of its own.
    pub(super) fn has_sfs(self, config: &Config) -> bool {
        let beside =
            self == Self::All && !(config.database_is_shared() && config.sfs_database.url.0.is_empty());
        self == Self::Sfs || beside
    }

    /// The folder of SFS, which is the data directory itself when SFS runs alone.
    fn sfs_folder(self, data: &Path) -> PathBuf {
        if self == Self::Sfs { data.to_owned() } else { sfs::folder(data) }
    }
}

/// What `init` has made or found.
pub(crate) struct Initialised {
    /// The services whose keys and databases exist now.
    pub(crate) services: Vec<&'static str>,
    /// The file with the root API key, if NS is one of the services.
    pub(crate) root_api_key: Option<PathBuf>,
    /// Whether the key was made just now.
    pub(crate) fresh: bool,
}

/// Makes everything that a first start of this role would make.
pub(crate) fn init(role: ProcessRole, path: &Path, config: &Config) -> Result<Initialised, StartError> {
    config.check().map_err(|e| StartError::Other(e.to_string()))?;
    let runtime = runtime(config)?;
    let mut made = Initialised { services: Vec::new(), root_api_key: None, fresh: false };
    if role.has_ns() {
        let data = DataDir::open(path)?;
        let of_ns = data_layout::ns_path(path);
        let folder = if of_ns == path { None } else { Some(DataDir::open(&of_ns)?) };
        let file = data.file("root-api-key");
        let there = file.exists();
        runtime.block_on(async {
            let unseen = metrics(&Exposition::new()?)?;
            let ports = bootstrap::ports(folder.as_ref().unwrap_or(&data), config, unseen).await?.ports;
            bootstrap::root_key(&ports, &data).await
        })?;
        made.services.push("ns");
        made.fresh = !there && file.exists();
        made.root_api_key = Some(file);
    }
    if role.has_sfs(config) {
        let data = DataDir::open(&role.sfs_folder(path))?;
        runtime.block_on(async {
            let unseen = Exposition::new()?.series(countersign_sfs::SERVICE)?;
            sfs::make(data, config, unseen).await
        })?;
        made.services.push("sfs");
    }
    Ok(made)
}

/// Migrates the databases of a role's services, or only reports what is pending.
pub(crate) fn migrate(
    role: ProcessRole,
    data: Option<&Path>,
    config: &Config,
    what: What,
) -> Result<Vec<(&'static str, SchemaState)>, StartError> {
    let mut found = Vec::new();
    let runtime = runtime(config)?;
    let mut run = |service, url: &DatabaseUrl, tls: &TlsOptions, migrations: Migrations| {
        let state = runtime
            .block_on(migrate_database(url, tls, migrations, what))
            .map_err(|e| StartError::Store(e.to_string()))?;
        found.push((service, state));
        Ok::<_, StartError>(())
    };
    if role.has_ns() {
        let top = data.map(DataDir::open).transpose()?;
        let folder = match data.map(|path| (path, data_layout::ns_path(path))) {
            Some((path, folder)) if folder != path => Some(DataDir::open(&folder)?),
            _ => None,
        };
        let (url, tls) = match folder.as_ref().or(top.as_ref()) {
            Some(data) => bootstrap::database(data, config)?,
            None => (
                by_url("database.url", &config.database.url.0)?,
                bootstrap::tls("database", &config.database)?,
            ),
        };
        run("ns", &url, &tls, countersign_store_ns::migrations())?;
    }
    // Without a data directory, SFS is migrated if it has a URL, too, or if the role is SFS.
    let named = !config.sfs_database.url.0.is_empty();
    if role.has_sfs(config) && (data.is_some() || named || role == ProcessRole::Sfs) {
        let folder = data.map(|path| DataDir::open(&role.sfs_folder(path))).transpose()?;
        let (url, tls) = match &folder {
            Some(data) => sfs::database(data, config)?,
            None => (
                by_url("sfs_database.url", &config.sfs_database.url.0)?,
                bootstrap::tls("sfs_database", &config.sfs_database)?,
            ),
        };
        run("sfs", &url, &tls, countersign_store_sfs::migrations())?;
    }
    Ok(found)
}

fn by_url(setting: &str, url: &str) -> Result<DatabaseUrl, StartError> {
    if url.is_empty() {
        return Err(StartError::Other(format!("give --data DIR, or {setting}")));
    }
    url.parse().map_err(|e: StoreError| StartError::Store(e.to_string()))
}

/// A database that a running pod may be using, so it is neither locked nor migrated here.
pub(crate) struct Beside {
    pub(crate) data: Option<PathBuf>,
    pub(crate) config: Config,
}

impl Beside {
    fn url(&self) -> Result<(DatabaseUrl, TlsOptions), StartError> {
        let tls = bootstrap::tls("database", &self.config.database)?;
        if !self.config.database.url.0.is_empty() {
            return Ok((
                self.config
                    .database
                    .url
                    .0
                    .parse()
                    .map_err(|e: StoreError| StartError::Store(e.to_string()))?,
                tls,
            ));
        }
        let Some(data) = &self.data else {
            return Err(StartError::Other("give --data DIR, or database.url".to_owned()));
        };
        let file = data_layout::ns_path(data).join(DATABASE);
        if !file.exists() {
            return Err(StartError::Other(format!(
                "{} does not exist: no pod has started with this directory yet",
                file.display()
            )));
        }
        Ok((DatabaseUrl::Sqlite(file), tls))
    }

    /// Opens the store and passes it to `question`.
    fn ask<T, F: Future<Output = Result<T, StartError>>>(
        &self,
        question: impl FnOnce(NsStore) -> F,
    ) -> Result<T, StartError> {
        let ((url, tls), runtime) = (self.url()?, runtime(&self.config)?);
        runtime.block_on(async {
            let store = NsStore::open(&url, &tls, 1, runtime.handle())
                .await
                .map_err(|e| StartError::Store(e.to_string()))?;
            question(store).await
        })
    }

    /// Does the same as [`Self::ask`], but fails if migrations are pending, because this program
    /// would misinterpret an older schema.
    fn ask_current<T, F: Future<Output = Result<T, StartError>>>(
        &self,
        question: impl FnOnce(NsStore) -> F,
    ) -> Result<T, StartError> {
        let ((url, tls), runtime) = (self.url()?, runtime(&self.config)?);
        let look = migrate_database(&url, &tls, countersign_store_ns::migrations(), What::Look);
        let SchemaState { pending, .. } =
            runtime.block_on(look).map_err(|e| StartError::Store(e.to_string()))?;
        if !pending.is_empty() {
            return Err(StartError::Other(
                "the database is of an older release: run `countersign migrate` first, or start a pod"
                    .to_owned(),
            ));
        }
        drop(runtime);
        self.ask(question)
    }

    /// Makes another root key; the trail records it.
    pub(crate) fn new_root_key(&self, name: Option<String>) -> Result<(ApiKeyId, Secret<32>), StartError> {
        self.ask_current(|store| async move {
            let made = handles::break_glass(&store, &WallClock, &OsRandom, name).await;
            let handles::Made { key, secret } = made.map_err(|stop| match stop {
                Stop::Fault(fault) => StartError::from(fault),
                Stop::Refused(_) | Stop::Limited(_) => {
                    StartError::Other("the key could not be kept; try again".to_owned())
                }
            })?;
            Ok((key.id, secret))
        })
    }

    pub(crate) fn keys(&self, query: &KeyQuery) -> Result<Vec<ApiKey>, StartError> {
        self.ask_current(|store| async move { Ok(store.api_keys(query).await?) })
    }

    /// Keys made before roles were narrowed, whose role could do more then.
    pub(crate) fn old_client_keys(&self) -> Result<Vec<ApiKeyId>, StartError> {
        self.ask(|store| async move { Ok(store.old_client_keys().await?) })
    }
}
