//! Every endpoint of `/v1`.

use actix_web::{http::Method, web};
use countersign_api::{
    Account, ApiKey, App, Attributes, ChangeAccount, ChangeAttributes, ChangeRealm, Client, ClientCertificate, ConfirmNumber, Ended,
    Enrolment, Erased, Event, Identity, List, Login, NewApiKey, NewClient, NewClientCertificate, NewEnrolment, NewLogin, NewRealm, PutApp,
    PutClient, PutRole, PutUser, Quarantine, Realm, Redeem, Role, RotateApiKey, Timeline, User, UserExport,
};
use countersign_domain::permission::Permission as P;
use countersign_edge::auth::Needs::{Everywhere, In, Member};

use super::{
    LongPoll, Paging, accounts, api_keys, apps, attributes, certificates, clients,
    endpoint::{Endpoint, endpoint},
    enrolments, events, life, logins, quarantine, realms, roles, users,
};

macro_rules! route {
    ($handler:path) => {
        || web::route().to($handler)
    };
}

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// All of them; those of one path stand together.
pub(crate) fn all() -> Vec<Endpoint> {
    // The busiest first: a request is compared with one path after the other.
    [logins_(), enrolling(), realms_and_clients(), keys(), certificates_(), roles_(), people(), accounts_(), trail()].concat()
}

fn realms_and_clients() -> Vec<Endpoint> {
    const CLIENTS: &str = "/v1/realms/{realm}/clients";
    const CLIENT: &str = "/v1/realms/{realm}/clients/{client}";
    vec![
        endpoint(GET, "/v1/realms", "listRealms", route!(realms::list)).says("The realms the key works in.").gives::<List<Realm>>(200),
        endpoint(POST, "/v1/realms", "createRealm", route!(realms::create))
            .says("Makes a realm with keys of its own.")
            .needs(Everywhere(P::Realms))
            .takes::<NewRealm>()
            .gives::<Realm>(201)
            .refuses(&["already_exists"]),
        endpoint(GET, "/v1/realms/{realm}", "getRealm", route!(realms::get)).says("A realm.").needs(Member).gives::<Realm>(200),
        endpoint(PATCH, "/v1/realms/{realm}", "changeRealm", route!(realms::change))
            .says("Changes display name and settings; what is absent stays.")
            .needs(In(P::Realm))
            .takes::<ChangeRealm>()
            .gives::<Realm>(200),
        endpoint(GET, CLIENTS, "listClients", route!(clients::list))
            .says("The realm's clients, by name.")
            .needs(In(P::Clients))
            .asks::<Paging>()
            .gives::<List<Client>>(200),
        endpoint(POST, CLIENTS, "createClient", route!(clients::create))
            .says("Makes a client.")
            .needs(In(P::Clients))
            .takes::<NewClient>()
            .gives::<Client>(201)
            .refuses(&["already_exists", "idempotency_key_reused"])
            .keyed(),
        endpoint(GET, CLIENT, "getClient", route!(clients::get)).says("A client.").needs(In(P::Clients)).gives::<Client>(200),
        endpoint(PUT, CLIENT, "putClient", route!(clients::put))
            .says("Replaces everything about a client but its id and name.")
            .needs(In(P::Clients))
            .takes::<PutClient>()
            .gives::<Client>(200),
        endpoint(DELETE, CLIENT, "deleteClient", route!(clients::delete))
            .says("Deletes a client; its API keys go with it.")
            .needs(In(P::Clients)),
        endpoint(GET, "/v1/realms/{realm}/apps", "listApps", route!(apps::list))
            .says("The apps the realm lists.")
            .needs(In(P::Realm))
            .gives::<List<App>>(200),
        endpoint(GET, "/v1/realms/{realm}/apps/{app}", "getApp", route!(apps::get)).says("An app.").needs(In(P::Realm)).gives::<App>(200),
        endpoint(PUT, "/v1/realms/{realm}/apps/{app}", "putApp", route!(apps::put))
            .says("Lists an app, or changes its entry.")
            .needs(In(P::Realm))
            .takes::<PutApp>()
            .gives::<App>(200),
        endpoint(DELETE, "/v1/realms/{realm}/apps/{app}", "deleteApp", route!(apps::delete))
            .says("Takes an app off the list; its accounts stay.")
            .needs(In(P::Realm)),
        endpoint(GET, "/v1/realms/{realm}/quarantine", "listQuarantine", route!(quarantine::list))
            .says("Browsers and addresses that stay out after \"not me\".")
            .needs(In(P::Realm))
            .gives::<List<Quarantine>>(200),
        endpoint(DELETE, "/v1/realms/{realm}/quarantine/{key}", "releaseQuarantine", route!(quarantine::release))
            .says("Lets one in again.")
            .needs(In(P::Realm)),
    ]
}

fn keys() -> Vec<Endpoint> {
    vec![
        endpoint(GET, "/v1/api-keys", "listApiKeys", route!(api_keys::list))
            .says("API keys without their secrets; a realm's administrator sees its own realm's.")
            .needs(In(P::Clients))
            .asks::<Paging>()
            .gives::<List<ApiKey>>(200),
        endpoint(POST, "/v1/api-keys", "createApiKey", route!(api_keys::create))
            .says("Makes an API key that may do no more than the caller. The answer alone has its secret.")
            .needs(In(P::Clients))
            .takes::<NewApiKey>()
            .gives::<ApiKey>(201)
            .refuses(&["secret_already_issued", "idempotency_key_reused"])
            .keyed(),
        endpoint(GET, "/v1/api-keys/self", "getOwnApiKey", route!(api_keys::own))
            .says("The key the request is made with.")
            .gives::<ApiKey>(200),
        endpoint(POST, "/v1/api-keys/self/rotate", "rotateOwnApiKey", route!(api_keys::rotate_own))
            .says("A successor of the key the request is made with, which lives no longer than that one; both work for a while. While the successor is unused, rotating again replaces it.")
            .may_take::<RotateApiKey>()
            .gives::<ApiKey>(201)
            .refuses(&["superseded", "secret_already_issued", "idempotency_key_reused"])
            .keyed(),
        endpoint(GET, "/v1/api-keys/{key}", "getApiKey", route!(api_keys::get))
            .says("An API key.")
            .needs(In(P::Clients))
            .gives::<ApiKey>(200),
        endpoint(DELETE, "/v1/api-keys/{key}", "deleteApiKey", route!(api_keys::delete))
            .says("Deletes an API key; it stops working at once.")
            .needs(In(P::Clients)),
        endpoint(POST, "/v1/api-keys/{key}/rotate", "rotateApiKey", route!(api_keys::rotate))
            .says("A successor with the same role and limits; both work for a while. While the successor is unused, rotating again replaces it.")
            .needs(In(P::Clients))
            .may_take::<RotateApiKey>()
            .gives::<ApiKey>(201)
            .refuses(&["superseded", "secret_already_issued", "idempotency_key_reused"])
            .keyed(),
    ]
}

fn certificates_() -> Vec<Endpoint> {
    vec![
        endpoint(GET, "/v1/client-certificates", "listClientCertificates", route!(certificates::list))
            .says("Client certificates that are listed; a realm's administrator sees its own realm's.")
            .needs(In(P::Clients))
            .asks::<Paging>()
            .gives::<List<ClientCertificate>>(200),
        endpoint(POST, "/v1/client-certificates", "createClientCertificate", route!(certificates::create))
            .says("Lists a client certificate: whoever has its key may do what its role says, no more than the caller, until the certificate ends.")
            .needs(In(P::Clients))
            .takes::<NewClientCertificate>()
            .gives::<ClientCertificate>(201),
        endpoint(GET, "/v1/client-certificates/{certificate}", "getClientCertificate", route!(certificates::get))
            .says("A client certificate that is listed.")
            .needs(In(P::Clients))
            .gives::<ClientCertificate>(200),
        endpoint(DELETE, "/v1/client-certificates/{certificate}", "deleteClientCertificate", route!(certificates::delete))
            .says("Takes a client certificate off the list; it stops working at once.")
            .needs(In(P::Clients)),
    ]
}

fn roles_() -> Vec<Endpoint> {
    vec![
        endpoint(GET, "/v1/roles", "listGlobalRoles", route!(roles::list_global))
            .says("Roles that count everywhere.")
            .needs(Everywhere(P::Root))
            .gives::<List<Role>>(200),
        endpoint(PUT, "/v1/roles/{role}", "putGlobalRole", route!(roles::put_global))
            .says("Makes or changes a role that counts everywhere.")
            .needs(Everywhere(P::Root))
            .takes::<PutRole>()
            .gives::<Role>(200),
        endpoint(DELETE, "/v1/roles/{role}", "deleteGlobalRole", route!(roles::delete_global))
            .says("Deletes a role that no key has.")
            .needs(Everywhere(P::Root))
            .refuses(&["in_use"]),
        endpoint(GET, "/v1/realms/{realm}/roles", "listRoles", route!(roles::list))
            .says("The realm's roles.")
            .needs(In(P::Realm))
            .gives::<List<Role>>(200),
        endpoint(PUT, "/v1/realms/{realm}/roles/{role}", "putRole", route!(roles::put))
            .says("Makes or changes a role of the realm, of permissions the caller has.")
            .needs(In(P::Realm))
            .takes::<PutRole>()
            .gives::<Role>(200),
        endpoint(DELETE, "/v1/realms/{realm}/roles/{role}", "deleteRole", route!(roles::delete))
            .says("Deletes a role that no key has.")
            .needs(In(P::Realm))
            .refuses(&["in_use"]),
    ]
}

fn people() -> Vec<Endpoint> {
    const USER: &str = "/v1/realms/{realm}/users/{user}";
    const ATTRIBUTES: &str = "/v1/realms/{realm}/users/{user}/attributes";
    vec![
        endpoint(GET, "/v1/realms/{realm}/users", "listUsers", route!(users::list))
            .says("Users: all, or those that match.")
            .needs(In(P::Users))
            .asks::<users::Search>()
            .gives::<List<User>>(200),
        endpoint(GET, USER, "getUser", route!(users::get)).says("A user.").needs(In(P::Users)).gives::<User>(200),
        endpoint(PUT, USER, "putUser", route!(users::put))
            .says("Makes or changes a user.")
            .needs(In(P::Users))
            .takes::<PutUser>()
            .gives::<User>(200),
        endpoint(DELETE, USER, "deleteUser", route!(users::delete)).says("Deletes a user with all accounts.").needs(In(P::Users)),
        endpoint(GET, ATTRIBUTES, "getAttributes", route!(attributes::get))
            .says("A user's attributes.")
            .needs(In(P::Users))
            .gives::<Attributes>(200),
        endpoint(PATCH, ATTRIBUTES, "changeAttributes", route!(attributes::change))
            .says("Sets these attributes, removes those that are null, leaves the others.")
            .needs(In(P::Users))
            .takes::<ChangeAttributes>()
            .gives::<Attributes>(200),
        endpoint(GET, "/v1/realms/{realm}/users/{user}/logins", "listUserLogins", route!(life::running))
            .says("What runs in this user's name; a client sees its own.")
            .needs(In(P::Logins))
            .gives::<List<Login>>(200),
        endpoint(POST, "/v1/realms/{realm}/users/{user}/logout", "logoutUser", route!(life::logout))
            .says("Ends every login of a user, everywhere.")
            .needs(In(P::Logins))
            .gives::<Ended>(200),
        endpoint(GET, "/v1/realms/{realm}/users/{user}/export", "exportUser", route!(life::export))
            .says("Everything that is kept about a user.")
            .needs(In(P::Audit))
            .gives::<UserExport>(200),
        endpoint(POST, "/v1/realms/{realm}/users/{user}/erase", "eraseUser", route!(life::erase))
            .says("Deletes a user and puts a pseudonym where the name stood.")
            .needs(In(P::Audit))
            .gives::<Erased>(200),
    ]
}

fn enrolling() -> Vec<Endpoint> {
    const ENROLMENTS: &str = "/v1/realms/{realm}/enrolments";
    vec![
        endpoint(GET, ENROLMENTS, "listEnrolments", route!(enrolments::list))
            .says("Enrolments, newest first; a client sees its own.")
            .needs(In(P::Users))
            .asks::<Paging>()
            .gives::<List<Enrolment>>(200),
        endpoint(POST, ENROLMENTS, "createEnrolment", route!(enrolments::create))
            .says("Invites a phone for a user. The answer alone has the link.")
            .needs(In(P::Users))
            .takes::<NewEnrolment>()
            .gives::<Enrolment>(201)
            .refuses(&["confirm_not_allowed", "secret_already_issued", "idempotency_key_reused"])
            .keyed(),
        endpoint(GET, "/v1/realms/{realm}/enrolments/{enrolment}", "getEnrolment", route!(enrolments::get))
            .says("An enrolment, at once or as soon as it changes.")
            .needs(In(P::Users))
            .asks::<LongPoll>()
            .gives::<Enrolment>(200),
        endpoint(POST, "/v1/realms/{realm}/enrolments/{enrolment}/confirm", "confirmEnrolment", route!(enrolments::confirm))
            .says("Types the number the phone shows.")
            .needs(In(P::Users))
            .takes::<ConfirmNumber>()
            .gives::<Enrolment>(200)
            .refuses(&["wrong_number", "not_redeemed", "already_decided", "not_allowed"]),
        endpoint(POST, "/v1/realms/{realm}/enrolments/{enrolment}/admit", "admitEnrolment", route!(enrolments::admit))
            .says("Says yes to a phone whose enrolment asks for an administrator.")
            .needs(In(P::Realm))
            .gives::<Enrolment>(200)
            .refuses(&["not_redeemed", "already_decided", "not_allowed"]),
        endpoint(POST, "/v1/realms/{realm}/enrolments/{enrolment}/cancel", "cancelEnrolment", route!(enrolments::cancel))
            .says("Takes an enrolment back.")
            .needs(In(P::Users))
            .gives::<Enrolment>(200)
            .refuses(&["already_decided"]),
    ]
}

fn accounts_() -> Vec<Endpoint> {
    const ACCOUNT: &str = "/v1/realms/{realm}/accounts/{account}";
    vec![
        endpoint(GET, "/v1/realms/{realm}/accounts", "listAccounts", route!(accounts::list))
            .says("Accounts, in the order they were made.")
            .needs(In(P::Accounts))
            .asks::<accounts::Search>()
            .gives::<List<Account>>(200),
        endpoint(GET, ACCOUNT, "getAccount", route!(accounts::get)).says("An account.").needs(In(P::Accounts)).gives::<Account>(200),
        endpoint(PATCH, ACCOUNT, "changeAccount", route!(accounts::change))
            .says("Gives a phone another name.")
            .needs(In(P::Accounts))
            .takes::<ChangeAccount>()
            .gives::<Account>(200),
        endpoint(DELETE, ACCOUNT, "deleteAccount", route!(accounts::delete)).says("Deletes an account for good.").needs(In(P::Accounts)),
        endpoint(POST, "/v1/realms/{realm}/accounts/{account}/block", "blockAccount", route!(accounts::block))
            .says("Stops an account and ends what it approved.")
            .needs(In(P::Accounts))
            .gives::<Account>(200)
            .refuses(&["not_allowed"]),
        endpoint(POST, "/v1/realms/{realm}/accounts/{account}/unblock", "unblockAccount", route!(accounts::unblock))
            .says("Lets an account work again.")
            .needs(In(P::Accounts))
            .gives::<Account>(200)
            .refuses(&["not_allowed"]),
    ]
}

fn logins_() -> Vec<Endpoint> {
    const LOGIN: &str = "/v1/realms/{realm}/logins/{login}";
    vec![
        endpoint(POST, "/v1/realms/{realm}/logins", "createLogin", route!(logins::create))
            .says("Starts a login. The answer alone has what the browser needs.")
            .needs(In(P::Logins))
            .takes::<NewLogin>()
            .gives::<Login>(201)
            .refuses(&["rate_limited", "quarantined", "idempotency_key_reused"])
            .keyed(),
        endpoint(GET, LOGIN, "getLogin", route!(logins::get))
            .says("A login, at once or as soon as it changes.")
            .needs(In(P::Logins))
            .asks::<LongPoll>()
            .gives::<Login>(200),
        endpoint(GET, "/v1/realms/{realm}/logins/{login}/events", "streamLogin", route!(logins::events))
            .says("A login's states as they come, as server-sent events; ends after the last one.")
            .needs(In(P::Logins))
            .asks::<logins::After>()
            .streams::<Login>(200, "text/event-stream"),
        endpoint(GET, "/v1/realms/{realm}/logins/{login}/timeline", "getTimeline", route!(life::timeline))
            .says("What happened to a login, for support; it names nobody.")
            .needs(In(P::Logins))
            .gives::<Timeline>(200),
        endpoint(POST, "/v1/realms/{realm}/logins/{login}/cancel", "cancelLogin", route!(logins::cancel))
            .says("Takes a login back.")
            .needs(In(P::Logins))
            .gives::<Login>(200)
            .refuses(&["already_decided"]),
        endpoint(POST, "/v1/realms/{realm}/logins/{login}/redeem", "redeemLogin", route!(logins::redeem))
            .says("Exchanges an approved login for the identity, once.")
            .needs(In(P::Logins))
            .may_take::<Redeem>()
            .gives::<Identity>(200)
            .refuses(&[
                "not_approved",
                "already_redeemed",
                "wrong_return_token",
                "too_late",
                "account_not_active",
                "idempotency_key_reused",
            ])
            .keyed(),
        endpoint(POST, "/v1/realms/{realm}/logins/{login}/logout", "logout", route!(logins::logout))
            .says("Ends an approved login.")
            .needs(In(P::Logins))
            .gives::<Login>(200)
            .refuses(&["not_approved"]),
    ]
}

fn trail() -> Vec<Endpoint> {
    vec![
        endpoint(GET, "/v1/realms/{realm}/events", "listEvents", route!(events::list))
            .says("Who did what in the realm, oldest first; a client's key sees what concerns it.")
            .needs(In(P::Audit))
            .asks::<events::Search>()
            .gives::<List<Event>>(200),
        endpoint(GET, "/v1/realms/{realm}/events/stream", "streamEvents", route!(events::stream))
            .says("The same as server-sent events, for as long as the connection lasts; resumes after Last-Event-ID.")
            .needs(In(P::Audit))
            .asks::<events::Pick>()
            .streams::<Event>(200, "text/event-stream"),
        endpoint(GET, "/v1/realms/{realm}/events/export", "exportEvents", route!(events::export))
            .says("All that match, one JSON object a line.")
            .needs(In(P::Audit))
            .asks::<events::Pick>()
            .streams::<Event>(200, "application/x-ndjson"),
        endpoint(GET, "/v1/events", "listGlobalEvents", route!(events::list_global))
            .says("Who did what in all realms and outside of them.")
            .needs(Everywhere(P::Root))
            .asks::<events::Search>()
            .gives::<List<Event>>(200),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use countersign_edge::auth::Needs::Key;

    use super::*;

    #[test]
    fn every_endpoint_has_a_name_of_its_own_a_sentence_and_its_path_together() {
        let credentials = |e: &Endpoint| e.path.starts_with("/v1/api-keys") || e.path.starts_with("/v1/client-certificates");
        let all = all();
        let ids: BTreeSet<_> = all.iter().map(|e| e.id).collect();
        assert_eq!(ids.len(), all.len());
        for e in &all {
            assert!(e.summary.ends_with('.'), "{} says {:?}", e.id, e.summary);
            assert_eq!(e.path.contains("{realm}"), matches!(e.needs, Member | In(_)) && !credentials(e), "{}", e.path);
            assert!(!matches!(e.needs, Key) || !e.path.contains("{realm}"), "{}", e.path);
        }
        let mut paths: Vec<_> = all.iter().map(|e| e.path).collect();
        paths.dedup();
        assert_eq!(paths.iter().collect::<BTreeSet<_>>().len(), paths.len(), "a path's endpoints stand together");
    }
}
