//! The contents of the file, and how NS is changed to match them.

use countersign_api::{
    App, ChangeApiKey, ChangeRealm, NewClient, NewRealm, Permission, PutApp, PutClient, PutRole,
    RealmSettings, Role, TrustedSfs, limits, roles,
};
use countersign_domain_ns::{
    client::{is_web_url, origin},
    text::{self, BadText},
};
use serde::Deserialize;

use super::{
    Change, Doing,
    diff::{Failed, Say},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default, rename = "realm", alias = "realms")]
    realms: Vec<WantedRealm>,
    /// Roles that apply everywhere.
    #[serde(default, rename = "role", alias = "roles")]
    roles: Vec<WantedRole>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedRealm {
    name: String,
    display_name: String,
    #[serde(default)]
    settings: RealmSettings,
    #[serde(default, rename = "client", alias = "clients")]
    clients: Vec<NewClient>,
    #[serde(default, rename = "role", alias = "roles")]
    roles: Vec<WantedRole>,
    #[serde(default, rename = "app", alias = "apps")]
    apps: Vec<WantedApp>,
    /// Clients whose keys of the role `client` get the role `registrar`, if they were made before
    /// roles were narrowed.
    #[serde(default)]
    registrars: Vec<String>,
    /// Whether what the file does not name is deleted: clients (with their keys), roles, apps.
    #[serde(default)]
    prune: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedRole {
    name: String,
    permissions: Vec<Permission>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedApp {
    id: String,
    display_name: String,
    min_version: Option<String>,
    #[serde(default)]
    sfs: Vec<TrustedSfs>,
}

impl Wanted {
    /// Checks what can be checked without asking NS, so that a dry run reports it, and such an
    /// error does not stop an application halfway.
    pub(super) fn check(&self) -> Result<(), String> {
        let at = |what: String| move |why: BadText| format!("{what}: {why}");
        let roles = |of: &str, roles: &[WantedRole]| {
            roles
                .iter()
                .try_for_each(|r| text::name(&r.name).map_err(at(format!("role {of}{}: name", r.name))))
        };
        roles("", &self.roles)?;
        for realm in &self.realms {
            let name = &realm.name;
            text::name(name).map_err(at(format!("realm {name}: name")))?;
            text::shown(&realm.display_name, limits::DISPLAY_NAME, false)
                .map_err(at(format!("realm {name}: display_name")))?;
            roles(&format!("{name}/"), &realm.roles)?;
            for client in &realm.clients {
                client_is_fine(client).map_err(|why| format!("client {name}/{}: {why}", client.name))?;
            }
            for app in &realm.apps {
                text::shown(&app.id, limits::NAME, false)
                    .map_err(at(format!("app {name}/{}: id", app.id)))?;
                text::shown(&app.display_name, limits::DISPLAY_NAME, false)
                    .map_err(at(format!("app {name}/{}: display_name", app.id)))?;
            }
        }
        Ok(())
    }

    /// Makes all changes, and returns how many there were.
    pub(super) async fn bring(&self, doing: &Doing, say: Say<'_>) -> Result<usize, Failed> {
        let mut changes = 0;
        if !self.roles.is_empty() {
            let there = doing.api.global_roles().await.map_err(|e| ("roles".to_owned(), e))?.items;
            for role in &self.roles {
                changes += role.bring(doing, None, &there, say).await?;
            }
        }
        for realm in &self.realms {
            changes += realm.bring(doing, say).await?;
        }
        Ok(changes)
    }
}

impl WantedRealm {
    async fn bring(&self, doing: &Doing, say: Say<'_>) -> Result<usize, Failed> {
        let what = format!("realm {}", self.name);
        let failed = |e| (what.clone(), e);
        let known = doing.api.realms().await.map_err(failed)?.items.into_iter().find(|r| r.name == self.name);
        let mut changes = 0;
        let change =
            ChangeRealm { display_name: Some(self.display_name.clone()), settings: self.settings.clone() };
        match &known {
            None => {
                let new = NewRealm {
                    name: self.name.clone(),
                    display_name: self.display_name.clone(),
                    settings: self.settings.clone(),
                };
                changes +=
                    doing.make(say, Change::new('+', what.clone()), doing.api.create_realm(&new)).await?;
            }
            Some(there) => {
                if let Some(difference) = Change::between(what.clone(), there, &change) {
                    changes +=
                        doing.make(say, difference, doing.api.change_realm(&self.name, &change)).await?;
                }
            }
        }
        // In a dry run, a realm that is missing has not been made, so there is nothing to ask for.
        let there = known.is_some() || !doing.dry;
        changes += self.clients(doing, there, say).await?;
        changes += self.registrars(doing, there, say).await?;
        Ok(changes + self.roles(doing, there, say).await? + self.apps(doing, there, say).await?)
    }

    async fn clients(&self, doing: &Doing, ask: bool, say: Say<'_>) -> Result<usize, Failed> {
        let what = |name: &str| format!("client {}/{name}", self.name);
        let there =
            if ask { doing.api.clients(&self.name).await.map_err(|e| (what("*"), e))? } else { Vec::new() };
        let (mut changes, mut fresh) = (0, Vec::new());
        for new in &self.clients {
            match there.iter().find(|c| c.name == new.name) {
                None => {
                    // The clients whose enrolments it accepts may come later in the file, so they
                    // are set afterwards.
                    let bare = NewClient { accepts_enrolments_of: Vec::new(), ..new.clone() };
                    changes += doing
                        .make(
                            say,
                            Change::new('+', what(&new.name)),
                            doing.api.create_client(&self.name, &bare),
                        )
                        .await?;
                    fresh.push(new);
                }
                Some(client) => {
                    let put = PutClient::from(new.clone());
                    if let Some(difference) = Change::between(what(&new.name), &PutClient::from(client), &put)
                    {
                        changes += doing
                            .make(say, difference, doing.api.put_client(&self.name, &client.id, &put))
                            .await?;
                    }
                }
            }
        }
        for new in fresh.into_iter().filter(|new| !doing.dry && !new.accepts_enrolments_of.is_empty()) {
            let made = doing
                .api
                .clients(&self.name)
                .await
                .map_err(|e| (what(&new.name), e))?
                .into_iter()
                .find(|c| c.name == new.name);
            if let Some(made) = made {
                doing
                    .api
                    .put_client(&self.name, &made.id, &PutClient::from(new.clone()))
                    .await
                    .map_err(|e| (what(&new.name), e))?;
            }
        }
        for gone in there.iter().filter(|c| self.prune && !self.clients.iter().any(|w| w.name == c.name)) {
            let change = Change::new('-', what(&gone.name)).with_effect("its API keys stop working");
            changes += doing.make(say, change, doing.api.delete_client(&self.name, &gone.id)).await?;
        }
        Ok(changes)
    }

    /// Gives the role `registrar` to keys that could invite phones before roles were narrowed. A
    /// key made since then has the role that its maker gave it, and keeps it.
    async fn registrars(&self, doing: &Doing, ask: bool, say: Say<'_>) -> Result<usize, Failed> {
        let failed = |e| (format!("registrars of {}", self.name), e);
        if self.registrars.is_empty() || !ask {
            return Ok(0);
        }
        let clients = doing.api.clients(&self.name).await.map_err(failed)?;
        let mine = |id: &String| clients.iter().any(|c| c.id == *id && self.registrars.contains(&c.name));
        let keys = doing.api.api_keys_of_role(roles::CLIENT).await.map_err(failed)?;
        let mut changes = 0;
        for key in keys.iter().filter(|k| {
            k.unknown_maker && k.realm.as_ref() == Some(&self.name) && k.client.as_ref().is_some_and(mine)
        }) {
            let change = ChangeApiKey { role: roles::REGISTRAR.to_owned() };
            let told = Change {
                members: vec![("role".to_owned(), roles::CLIENT.into(), roles::REGISTRAR.into())],
                ..Change::new('~', format!("api key {}", key.id))
            };
            changes += doing.make(say, told, doing.api.change_api_key(&key.id, &change)).await?;
        }
        Ok(changes)
    }

    async fn roles(&self, doing: &Doing, ask: bool, say: Say<'_>) -> Result<usize, Failed> {
        let what = |name: &str| format!("role {}/{name}", self.name);
        let there = if ask {
            doing.api.roles(&self.name).await.map_err(|e| (what("*"), e))?.items
        } else {
            Vec::new()
        };
        let mut changes = 0;
        for role in &self.roles {
            changes += role.bring(doing, Some(&self.name), &there, say).await?;
        }
        for gone in
            there.iter().filter(|r| self.prune && !r.builtin && !self.roles.iter().any(|w| w.name == r.name))
        {
            changes += doing
                .make(say, Change::new('-', what(&gone.name)), doing.api.delete_role(&self.name, &gone.name))
                .await?;
        }
        Ok(changes)
    }

    async fn apps(&self, doing: &Doing, ask: bool, say: Say<'_>) -> Result<usize, Failed> {
        let what = |id: &str| format!("app {}/{id}", self.name);
        let there: Vec<App> = if ask {
            doing.api.apps(&self.name).await.map_err(|e| (what("*"), e))?.items
        } else {
            Vec::new()
        };
        let mut changes = 0;
        for app in &self.apps {
            let put = PutApp {
                display_name: app.display_name.clone(),
                min_version: app.min_version.clone(),
                sfs: app.sfs.clone(),
            };
            let known = there.iter().find(|a| a.id == app.id);
            let before = known.map(|a| PutApp {
                display_name: a.display_name.clone(),
                min_version: a.min_version.clone(),
                sfs: a.sfs.clone(),
            });
            if before.as_ref() == Some(&put) {
                continue;
            }
            let difference = before.and_then(|b| Change::between(what(&app.id), &b, &put));
            let change = difference
                .unwrap_or_else(|| Change::new(if known.is_some() { '~' } else { '+' }, what(&app.id)));
            changes += doing.make(say, change, doing.api.put_app(&self.name, &app.id, &put)).await?;
        }
        for gone in there.iter().filter(|a| self.prune && !self.apps.iter().any(|w| w.id == a.id)) {
            changes += doing
                .make(say, Change::new('-', what(&gone.id)), doing.api.delete_app(&self.name, &gone.id))
                .await?;
        }
        Ok(changes)
    }
}

impl WantedRole {
    async fn bring(
        &self,
        doing: &Doing,
        realm: Option<&str>,
        there: &[Role],
        say: Say<'_>,
    ) -> Result<usize, Failed> {
        let what = realm
            .map_or_else(|| format!("role {}", self.name), |realm| format!("role {realm}/{}", self.name));
        let known = there.iter().find(|r| r.name == self.name);
        let same = known.is_some_and(|r| {
            r.permissions.len() == self.permissions.len()
                && self.permissions.iter().all(|p| r.permissions.contains(p))
        });
        if same {
            return Ok(0);
        }
        let put = PutRole { permissions: self.permissions.clone() };
        let before = known.map(|r| PutRole { permissions: r.permissions.clone() });
        let difference = before.and_then(|before| Change::between(what.clone(), &before, &put));
        let change = difference.unwrap_or_else(|| Change::new('+', what));
        match realm {
            Some(realm) => doing.make(say, change, doing.api.put_role(realm, &self.name, &put)).await,
            None => doing.make(say, change, doing.api.put_global_role(&self.name, &put)).await,
        }
    }
}

fn client_is_fine(client: &NewClient) -> Result<(), String> {
    text::name(&client.name).map_err(|why| format!("name: {why}"))?;
    text::shown(&client.display_name, limits::DISPLAY_NAME, false)
        .map_err(|why| format!("display_name: {why}"))?;
    for given in &client.origins {
        origin(given).map_err(|why| format!("origins: {given}: {why}"))?;
    }
    match client.return_urls.iter().chain(&client.callback_urls).chain(&client.logo).find(|u| !is_web_url(u))
    {
        Some(bad) => Err(format!("{bad} must be an https URL without a fragment (http on loopback only)")),
        None => Ok(()),
    }
}
