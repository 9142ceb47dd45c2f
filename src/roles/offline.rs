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
    migrate::{Migrations, SchemaState, What, migrate as migrate_database},
    url::{DatabaseUrl, TlsOptions},
};
use countersign_store_ns::NsStore;

use super::{ProcessRole, StartError, bootstrap, metrics, runtime, sfs};
use crate::{
    config::{Config, Database, Kv},
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
            self == Self::All && !(config.database_is_shared() && config.sfs_database.url.0.is_none());
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
            // Nothing that is made here is live state, so Redis need not run yet.
            let alone = Config { kv: Kv::default(), ..config.clone() };
            let ports = bootstrap::ports(folder.as_ref().unwrap_or(&data), &alone, unseen).await?.ports;
            bootstrap::root_key(&ports, &data).await
        })?;
        made.services.push("ns");
        made.fresh = !there && file.exists();
        made.root_api_key = Some(file);
    }
    if role.has_sfs(config) {
        let data = DataDir::open(&role.sfs_folder(path))?;
        runtime.block_on(async {
            let unseen = sfs::metrics(&Exposition::new()?)?;
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
        let folder = data.map(data_layout::ns_path);
        let top = data.filter(|top| folder.as_deref() != Some(*top));
        let _top = top.map(|path| lock(path, what)).transpose()?;
        let (_locked, url, tls) = target(folder, "database", &config.database, DATABASE, what)?;
        run("ns", &url, &tls, countersign_store_ns::migrations())?;
    }
    // Without a data directory, SFS is migrated if it has a URL, too, or if the role is SFS.
    let named = config.sfs_database.url.0.is_some();
    if role.has_sfs(config) && (data.is_some() || named || role == ProcessRole::Sfs) {
        let folder = data.map(|path| role.sfs_folder(path));
        let (_locked, url, tls) = target(folder, "sfs_database", &config.sfs_database, sfs::DATABASE, what)?;
        run("sfs", &url, &tls, countersign_store_sfs::migrations())?;
    }
    Ok(found)
}

/// Locks a data directory. A look does not create a missing one.
fn lock(path: &Path, what: What) -> Result<Option<DataDir>, StartError> {
    if what == What::Look && !path.exists() { Ok(None) } else { Ok(Some(DataDir::open(path)?)) }
}

/// The database of a service: the server that the settings name, or the file in its folder, which is
/// locked as long as the returned directory lives. A look creates neither.
fn target(
    folder: Option<PathBuf>,
    section: &str,
    database: &Database,
    file: &str,
    what: What,
) -> Result<(Option<DataDir>, DatabaseUrl, TlsOptions), StartError> {
    let (tls, url) = (bootstrap::tls(section, database)?, &database.url.0);
    let locked = folder.as_deref().map(|path| lock(path, what)).transpose()?.flatten();
    let url = match (url, &locked, folder) {
        (Some(url), ..) => url.clone(),
        (None, Some(data), _) if what == What::Run => DatabaseUrl::Sqlite(data.database(file)?),
        (None, _, Some(folder)) => DatabaseUrl::Sqlite(folder.join(file)),
        (None, _, None) => return Err(StartError::Other(format!("give --data DIR, or {section}.url"))),
    };
    Ok((locked, url, tls))
}

/// A database that a running pod may be using, so it is neither locked nor migrated here.
pub(crate) struct Beside {
    pub(crate) data: Option<PathBuf>,
    pub(crate) config: Config,
}

impl Beside {
    fn url(&self) -> Result<(DatabaseUrl, TlsOptions), StartError> {
        let tls = bootstrap::tls("database", &self.config.database)?;
        if let Some(url) = &self.config.database.url.0 {
            return Ok((url.clone(), tls));
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

    /// Every key that the query selects.
    pub(crate) fn keys(&self, query: &KeyQuery) -> Result<Vec<ApiKey>, StartError> {
        self.ask_current(|store| async move {
            let (mut query, mut all) = (query.clone(), Vec::new());
            loop {
                let page = store.api_keys(&query).await?;
                all.extend(page.items);
                query.after = page.more;
                if query.after.is_none() {
                    return Ok(all);
                }
            }
        })
    }

    /// Keys made before roles were narrowed, whose role could do more then.
    pub(crate) fn old_client_keys(&self) -> Result<Vec<ApiKeyId>, StartError> {
        self.ask(|store| async move { Ok(store.old_client_keys().await?) })
    }
}
