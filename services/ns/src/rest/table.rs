//! Every endpoint of `/v1`.

mod flows;
#[cfg(test)]
mod matrix;
mod people;

use actix_web::http::Method;
use countersign_api::{
    ApiKey, App, ChangeApiKey, ChangeRealm, Client, ClientCertificate, List, NewApiKey, NewClient,
    NewClientCertificate, NewRealm, PutApp, PutClient, PutRole, Quarantine, Realm, Role, RotateApiKey,
};
use countersign_domain_ns::permission::Permission as P;
use countersign_edge::rest::endpoint::{Endpoint, endpoint};

use super::{Paging, api_keys, apps, certificates, clients, quarantine, realms, roles};
use crate::auth::Needs::{self, Everywhere, In, Key, Member};

macro_rules! route {
    ($handler:path) => {
        || actix_web::web::route().to($handler)
    };
}
use route;

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// Lists all endpoints; those of one path are next to each other.
pub(crate) fn all() -> Vec<Endpoint<Needs>> {
    // The busiest come first, because a request is compared with one path after the other.
    let (logins, enrolling) = (flows::logins_(), people::enrolling());
    let (users, holds, accounts) = (people::people(), people::legal_holds(), people::accounts_());
    let (realms, others) =
        (realms_and_clients(), [apps_and_quarantine(), keys(), certificates_(), roles_()].concat());
    [logins, enrolling, realms, others, users, holds, accounts, flows::trail()].concat()
}

fn realms_and_clients() -> Vec<Endpoint<Needs>> {
    const CLIENTS: &str = "/v1/realms/{realm}/clients";
    const CLIENT: &str = "/v1/realms/{realm}/clients/{client}";
    vec![
        endpoint(GET, "/v1/realms", "listRealms", Key, route!(realms::list))
            .says("The realms the key works in.")
            .gives::<List<Realm>>(200),
        endpoint(POST, "/v1/realms", "createRealm", Everywhere(P::Realms), route!(realms::create))
            .says("Makes a realm with keys of its own.")
            .takes::<NewRealm>()
            .gives::<Realm>(201)
            .refuses(&["already_exists"]),
        endpoint(GET, "/v1/realms/{realm}", "getRealm", Member, route!(realms::get))
            .says("A realm.")
            .gives::<Realm>(200),
        endpoint(PATCH, "/v1/realms/{realm}", "changeRealm", In(P::Realm), route!(realms::change))
            .says("Changes display name and settings; what is absent stays.")
            .takes::<ChangeRealm>()
            .gives::<Realm>(200),
        endpoint(GET, CLIENTS, "listClients", In(P::ClientsRead), route!(clients::list))
            .says("The realm's clients, by name.")
            .asks::<Paging>()
            .gives::<List<Client>>(200),
        endpoint(POST, CLIENTS, "createClient", In(P::Clients), route!(clients::create))
            .says("Makes a client.")
            .takes::<NewClient>()
            .gives::<Client>(201)
            .refuses(&["already_exists", "idempotency_key_reused"])
            .keyed(),
        endpoint(GET, CLIENT, "getClient", In(P::ClientsRead), route!(clients::get))
            .says("A client.")
            .gives::<Client>(200),
        endpoint(PUT, CLIENT, "putClient", In(P::Clients), route!(clients::put))
            .says("Replaces everything about a client but its id and name.")
            .takes::<PutClient>()
            .gives::<Client>(200),
        endpoint(DELETE, CLIENT, "deleteClient", In(P::Clients), route!(clients::delete))
            .says("Deletes a client; its API keys go with it."),
    ]
}

fn apps_and_quarantine() -> Vec<Endpoint<Needs>> {
    const QUARANTINE: &str = "/v1/realms/{realm}/quarantine";
    const QUARANTINE_PATH: &str = "/v1/realms/{realm}/quarantine/{key}";
    vec![
        endpoint(GET, "/v1/realms/{realm}/apps", "listApps", In(P::RealmRead), route!(apps::list))
            .says("The apps the realm lists.")
            .gives::<List<App>>(200),
        endpoint(GET, "/v1/realms/{realm}/apps/{app}", "getApp", In(P::RealmRead), route!(apps::get))
            .says("An app.")
            .gives::<App>(200),
        endpoint(PUT, "/v1/realms/{realm}/apps/{app}", "putApp", In(P::Realm), route!(apps::put))
            .says("Lists an app, or changes its entry.")
            .takes::<PutApp>()
            .gives::<App>(200),
        endpoint(DELETE, "/v1/realms/{realm}/apps/{app}", "deleteApp", In(P::Realm), route!(apps::delete))
            .says("Takes an app off the list; its accounts stay."),
        endpoint(GET, QUARANTINE, "listQuarantine", In(P::RealmRead), route!(quarantine::list))
            .says("Browsers and addresses in quarantine after \"not me\".")
            .gives::<List<Quarantine>>(200),
        endpoint(DELETE, QUARANTINE_PATH, "releaseQuarantine", In(P::Realm), route!(quarantine::release))
            .says("Releases one from quarantine."),
    ]
}

fn keys() -> Vec<Endpoint<Needs>> {
    vec![
        endpoint(GET, "/v1/api-keys", "listApiKeys", In(P::ClientsRead), route!(api_keys::list))
            .says("API keys without their secrets; a realm's administrator sees its own realm's.")
            .asks::<api_keys::Search>()
            .gives::<List<ApiKey>>(200),
        endpoint(POST, "/v1/api-keys", "createApiKey", In(P::Clients), route!(api_keys::create))
            .says("Makes an API key that may do no more than the caller. Only this answer has its secret.")
            .takes::<NewApiKey>()
            .gives::<ApiKey>(201)
            .refuses(&["secret_already_issued", "idempotency_key_reused"])
            .keyed(),
        endpoint(GET, "/v1/api-keys/self", "getOwnApiKey", Key, route!(api_keys::own))
            .says("The key the request is made with.")
            .gives::<ApiKey>(200),
        endpoint(POST, "/v1/api-keys/self/rotate", "rotateOwnApiKey", Key, route!(api_keys::rotate_own))
            .says(
                "Makes a successor of the caller's own key, which lives no longer than that key; both work \
                    for a while. Until the successor is used, rotating again replaces it.",
            )
            .may_take::<RotateApiKey>()
            .gives::<ApiKey>(201)
            .refuses(&["superseded", "secret_already_issued", "idempotency_key_reused"])
            .keyed(),
        endpoint(GET, "/v1/api-keys/{key}", "getApiKey", In(P::ClientsRead), route!(api_keys::get))
            .says("An API key.")
            .gives::<ApiKey>(200),
        endpoint(PATCH, "/v1/api-keys/{key}", "changeApiKey", In(P::Clients), route!(api_keys::change))
            .says("Gives an API key another role, no more than the caller has; its secret stays.")
            .takes::<ChangeApiKey>()
            .gives::<ApiKey>(200),
        endpoint(DELETE, "/v1/api-keys/{key}", "deleteApiKey", In(P::Clients), route!(api_keys::delete))
            .says("Deletes an API key that may do no more than the caller; it stops working at once."),
        endpoint(POST, "/v1/api-keys/{key}/rotate", "rotateApiKey", In(P::Clients), route!(api_keys::rotate))
            .says(
                "Makes a successor with the same role and limits; both work for a while. Until the \
                    successor is used, rotating again replaces it.",
            )
            .may_take::<RotateApiKey>()
            .gives::<ApiKey>(201)
            .refuses(&["superseded", "secret_already_issued", "idempotency_key_reused"])
            .keyed(),
    ]
}

fn certificates_() -> Vec<Endpoint<Needs>> {
    vec![
        endpoint(
            GET,
            "/v1/client-certificates",
            "listClientCertificates",
            In(P::ClientsRead),
            route!(certificates::list),
        )
        .says("Client certificates that are listed; a realm's administrator sees its own realm's.")
        .asks::<api_keys::Search>()
        .gives::<List<ClientCertificate>>(200),
        endpoint(
            POST,
            "/v1/client-certificates",
            "createClientCertificate",
            In(P::Clients),
            route!(certificates::create),
        )
        .says(
            "Lists a client certificate: until it expires, its holder may do what its role allows, which is \
                no more than the caller may do.",
        )
        .takes::<NewClientCertificate>()
        .gives::<ClientCertificate>(201),
        endpoint(
            GET,
            "/v1/client-certificates/{certificate}",
            "getClientCertificate",
            In(P::ClientsRead),
            route!(certificates::get),
        )
        .says("A client certificate that is listed.")
        .gives::<ClientCertificate>(200),
        endpoint(
            DELETE,
            "/v1/client-certificates/{certificate}",
            "deleteClientCertificate",
            In(P::Clients),
            route!(certificates::delete),
        )
        .says("Takes a client certificate off the list; it stops working at once."),
    ]
}

fn roles_() -> Vec<Endpoint<Needs>> {
    const ROLES: &str = "/v1/roles/{role}";
    const ROLES_PATH: &str = "/v1/realms/{realm}/roles/{role}";
    vec![
        endpoint(GET, "/v1/roles", "listGlobalRoles", Everywhere(P::Root), route!(roles::list_global))
            .says("Roles of keys that are bound to no realm.")
            .gives::<List<Role>>(200),
        endpoint(PUT, "/v1/roles/{role}", "putGlobalRole", Everywhere(P::Root), route!(roles::put_global))
            .says("Makes or changes a role of keys that are bound to no realm.")
            .takes::<PutRole>()
            .gives::<Role>(200),
        endpoint(DELETE, ROLES, "deleteGlobalRole", Everywhere(P::Root), route!(roles::delete_global))
            .says("Deletes a role that no key has.")
            .refuses(&["in_use"]),
        endpoint(GET, "/v1/realms/{realm}/roles", "listRoles", In(P::RealmRead), route!(roles::list))
            .says("The realm's roles.")
            .gives::<List<Role>>(200),
        endpoint(PUT, "/v1/realms/{realm}/roles/{role}", "putRole", In(P::Realm), route!(roles::put))
            .says("Makes or changes a role of the realm, of permissions the caller has.")
            .takes::<PutRole>()
            .gives::<Role>(200),
        endpoint(DELETE, ROLES_PATH, "deleteRole", In(P::Realm), route!(roles::delete))
            .says("Deletes a role that no key has.")
            .refuses(&["in_use"]),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::auth::Needs::{Feed, OneOf};

    #[test]
    fn every_endpoint_has_a_name_of_its_own_a_sentence_and_its_path_together() {
        let credentials = |e: &Endpoint<Needs>| {
            e.path.starts_with("/v1/api-keys") || e.path.starts_with("/v1/client-certificates")
        };
        let all = all();
        let ids: BTreeSet<_> = all.iter().map(|e| e.id).collect();
        assert_eq!(ids.len(), all.len());
        for e in &all {
            assert!(e.summary.ends_with('.'), "{} says {:?}", e.id, e.summary);
            assert_eq!(
                e.path.contains("{realm}"),
                matches!(e.needs, Member | In(_) | OneOf(_) | Feed) && !credentials(e),
                "{}",
                e.path
            );
            assert!(!matches!(e.needs, Key) || !e.path.contains("{realm}"), "{}", e.path);
        }
        let mut paths: Vec<_> = all.iter().map(|e| e.path).collect();
        paths.dedup();
        assert_eq!(
            paths.iter().collect::<BTreeSet<_>>().len(),
            paths.len(),
            "a path's endpoints stand together"
        );
    }
}
