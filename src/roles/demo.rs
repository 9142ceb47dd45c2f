//! The demo: an ordinary client, in a realm of its own, on loopback.

use std::net::TcpListener;

use actix_web::dev::Server;
use countersign_domain_ns::{
    api_key::{self, ApiKey},
    audit::Actor,
    client::Client,
    permission::role,
    ports::Ports,
};
use countersign_ports::secret::Secret;
use countersign_protocol::ids::{ApiKeyId, ClientId, RealmId};

use super::{StartError, bootstrap, ns::Ns, serve::Places};
use crate::config::listener::Resource;

const NAME: &str = "demo-shop";

/// Starts the demo against this NS. It gets a fresh API key each time: nothing of it is kept on disk.
pub(super) async fn serve(ns: &Ns, listener: TcpListener, places: &Places) -> Result<(String, Server), StartError> {
    let ports = &ns.parts.ports;
    let plain = |resource| places.url(resource, "http").filter(|url| url.starts_with("http://"));
    let (Some(rest), Some(page_origin)) = (plain(Resource::Rest), plain(Resource::Page)) else {
        return Err(StartError::Other(
            "the demo speaks to its neighbours in the clear: --demo goes without rest_tls and page_tls".to_owned(),
        ));
    };
    let realm = &bootstrap::realm(&ns.parts.heart.realms, "demo", "Demo").await?;
    let at = listener.local_addr().map_err(|e| StartError::Other(e.to_string()))?;
    let own_origin = format!("http://{at}");
    let client = client(ports, realm.id(), &own_origin).await?;
    let secret: Secret<32> = ports.random.secret();
    let place = Some((realm.id(), Some(client)));
    let key = ApiKey::plain(ApiKeyId(ports.fresh_id()), &secret, role::REGISTRAR, place, ports.now());
    ports.store.add_api_key(&key, &ports.stamp(Actor::System)).await?;
    let settings = countersign_demo::Settings {
        rest,
        api_key: api_key::write(&secret),
        realm: realm.name().to_owned(),
        page_origin,
        own_origin: own_origin.clone(),
        phone_command: phone_command(),
    };
    let server = countersign_demo::serve(listener, settings).map_err(|e| StartError::Other(e.to_string()))?;
    Ok((own_origin, server))
}

/// The virtual phone that was built beside this program, as one calls it from here; else by its name.
fn phone_command() -> String {
    const NAME: &str = "countersign-phone";
    let beside = std::env::current_exe().ok().map(|exe| exe.with_file_name(NAME)).filter(|phone| phone.exists());
    let here = std::env::current_dir().unwrap_or_default();
    beside.map_or_else(|| NAME.to_owned(), |phone| phone.strip_prefix(&here).unwrap_or(&phone).display().to_string())
}

/// The demo's client, made anew each time: its origin may have moved, and its old keys go with it.
async fn client(ports: &Ports, realm: RealmId, origin: &str) -> Result<ClientId, StartError> {
    if let Some(old) = ports.store.client_by_name(realm, NAME).await? {
        ports.store.delete_client(realm, old.id, &ports.stamp(Actor::System)).await?;
    }
    let client = Client {
        id: ClientId(ports.fresh_id()),
        realm,
        name: NAME.to_owned(),
        display_name: "Demo shop".to_owned(),
        logo: None,
        origins: vec![origin.to_owned()],
        return_urls: vec![format!("{origin}/")],
        callback_urls: Vec::new(),
        templates: std::collections::BTreeMap::new(),
        accepts: Vec::new(),
        created_at: ports.now(),
    };
    ports.store.add_client(&client, &ports.stamp(Actor::System)).await?;
    Ok(client.id)
}
