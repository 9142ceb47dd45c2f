//! The demo: an ordinary client in its own realm, on loopback.

use std::net::TcpListener;

use actix_web::dev::Server;
use countersign_domain_ns::{
    api_key,
    audit::{Actor, Who},
    client::Client,
    grant::Wish,
    handles::{ApiKeys, Clients},
    permission::role,
    refused::Stop,
};
use countersign_protocol::ids::{ClientId, RealmId};

use super::{StartError, bootstrap, ns::Ns, serve::Places};
use crate::config::listener::Resource;

const NAME: &str = "demo-shop";

/// Starts the demo with this NS. It gets a new API key at each start, so nothing of it is kept on
/// disk.
pub(super) async fn serve(
    ns: &Ns,
    listener: TcpListener,
    places: &Places,
) -> Result<(String, Server), StartError> {
    let ports = &ns.parts.ports;
    let plain = |resource| places.url(resource, "http").filter(|url| url.starts_with("http://"));
    let (Some(rest), Some(page_origin)) = (plain(Resource::Rest), plain(Resource::Page)) else {
        return Err(StartError::Other(
            "the demo speaks plaintext to REST and page socket: leave out rest_tls and page_tls, or --demo"
                .to_owned(),
        ));
    };
    let realm = &bootstrap::realm(&ns.parts.heart.realms, "demo", "Demo").await?;
    let at = listener.local_addr().map_err(|e| StartError::Other(e.to_string()))?;
    let own_origin = format!("http://{at}");
    let client = client(&Clients::new(ports.clone()), realm.id(), &own_origin).await?;
    let (role, realm_id) = (role::REGISTRAR.to_owned(), Some(realm.id()));
    let wish = Wish { role, realm: realm_id, client: Some(client), ..Wish::default() };
    let made = ApiKeys::new(ports.clone()).create(Actor::System.into(), wish, None).await.map_err(refused)?;
    let made = made.map_err(|why| StartError::Other(format!("the demo's key cannot be made: {why}")))?;
    let settings = countersign_demo::Settings {
        rest,
        api_key: api_key::write(&made.secret),
        realm: realm.name().to_owned(),
        page_origin,
        own_origin: own_origin.clone(),
        phone_command: phone_command(),
    };
    let server = countersign_demo::serve(listener, settings).map_err(|e| StartError::Other(e.to_string()))?;
    Ok((own_origin, server))
}

/// The command for the virtual phone: its path if it was built beside this program, relative to the
/// current directory where possible; otherwise its name.
fn phone_command() -> String {
    const NAME: &str = "countersign-phone";
    let beside =
        std::env::current_exe().ok().map(|exe| exe.with_file_name(NAME)).filter(|phone| phone.exists());
    let here = std::env::current_dir().unwrap_or_default();
    beside.map_or_else(
        || NAME.to_owned(),
        |phone| phone.strip_prefix(&here).unwrap_or(&phone).display().to_string(),
    )
}

/// Makes the demo's client, and deletes the previous one with its keys: its origin may have
/// changed.
async fn client(clients: &Clients, realm: RealmId, origin: &str) -> Result<ClientId, StartError> {
    let who = Who::from(Actor::System);
    if let Some(old) = clients.by_name(realm, NAME).await? {
        clients.delete(realm, old.id, who).await?;
    }
    let client = Client {
        display_name: "Demo shop".to_owned(),
        origins: vec![origin.to_owned()],
        return_urls: vec![format!("{origin}/")],
        ..clients.draft(who, realm, NAME.to_owned())
    };
    Ok(clients.create(client, who).await.map_err(refused)?.id)
}

fn refused(stop: Stop) -> StartError {
    match stop {
        Stop::Refused(why) => StartError::Other(format!("the demo cannot be made: {}", why.as_str())),
        Stop::Limited(_) => StartError::Other("the demo cannot be made now".to_owned()),
        Stop::Fault(fault) => fault.into(),
    }
}
