//! The demo: an ordinary client in its own realm, on loopback.

use std::net::TcpListener;

use actix_web::dev::Server;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_actors_ns::Realms;
use countersign_api::Ready;
use countersign_domain_ns::{
    api_key,
    app::TrustedSfs,
    audit::{Actor, Who},
    client::Client,
    factor::EnrolmentFactor,
    grant::Wish,
    handles::{ApiKeys, Clients},
    permission::role,
    realm::OpenRealm,
    refused::Stop,
};
use countersign_protocol::ids::{ClientId, RealmId};

use super::{StartError, bootstrap, ns::Ns, serve::Places};
use crate::config::listener::Resource;

const NAME: &str = "demo-shop";
/// The name that the virtual phone gives for its app.
const PHONE_APP: &str = "countersign-phone";

/// Starts the demo with this NS. It gets a new API key at each start, so nothing of it is kept on
/// disk.
pub(super) async fn serve(
    ns: &Ns,
    listener: TcpListener,
    places: &Places,
    sfs: &Ready,
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
    trust(&ns.parts.heart.realms, realm, sfs.sfs_root.as_deref()).await?;
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
        sfs: sfs.sfs.clone(),
    };
    let server = countersign_demo::serve(listener, settings).map_err(|e| StartError::Other(e.to_string()))?;
    Ok((own_origin, server))
}

/// Has the realm trust the SFS beside it for the virtual phone, whose new accounts may have a PIN.
async fn trust(realms: &Realms, realm: &OpenRealm, root: Option<&str>) -> Result<(), StartError> {
    let Some(root) = root.and_then(|root| URL_SAFE_NO_PAD.decode(root).ok()?.try_into().ok()) else {
        return Ok(());
    };
    let who = Who::from(Actor::System);
    let sfs = vec![TrustedSfs { root, name: Some("beside the demo".to_owned()), killed: Vec::new() }];
    let app = ("The virtual phone".to_owned(), None, sfs);
    realms.put_app(realm.id(), PHONE_APP.to_owned(), app, who).await.map_err(refused)?;
    let mut after = realm.realm.clone();
    after.settings.enrolment_factor = EnrolmentFactor::Optional;
    if after != realm.realm {
        realms.change(&realm.realm, &after, who).await.map_err(refused)?;
    }
    Ok(())
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
