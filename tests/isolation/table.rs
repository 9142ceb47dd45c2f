//! Every operation: what it needs, and what comes when somebody asks for what is not his.

use countersign_api::Permission as P;

/// What the endpoint needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    Key,
    Member,
    In(P),
    Everywhere(P),
}

/// What comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comes {
    /// 404.
    Nothing,
    /// 403.
    No,
    /// 2xx, and not a word in it is the other's.
    Own,
    /// It belongs to the realm, not to one of its clients.
    Shared,
}

use Comes::{No, Nothing, Own, Shared};
use Needs::{Everywhere, In, Key, Member};

pub struct Row {
    pub id: &'static str,
    pub needs: Needs,
    /// Asked with a key of another realm, in the path of this one.
    pub abroad: Comes,
    /// The same for these objects, in the path of its own realm.
    pub home: Comes,
    /// Asked with the key of another client of this realm, which may do everything.
    pub neighbour: Comes,
    pub body: &'static str,
}

const fn row(id: &'static str, needs: Needs, [abroad, home, neighbour]: [Comes; 3], body: &'static str) -> Row {
    Row { id, needs, abroad, home, neighbour, body }
}

const CLIENT: &str = r#"{"display_name":"Mine now"}"#;
const CERTIFICATE: &str = r#"{"certificate":"{pem}","role":"client","realm":"{realm}","client":"{client}"}"#;
const KEY: &str = r#"{"role":"client","realm":"{realm}","client":"{client}"}"#;

/// A new operation fails the test until it has its line here.
pub const TABLE: &[Row] = &[
    row("listRealms", Key, [Own, Own, Shared], ""),
    row("createRealm", Everywhere(P::Realms), [No, No, No], r#"{"name":"more","display_name":"More"}"#),
    row("getRealm", Member, [Nothing, Own, Shared], ""),
    row("changeRealm", In(P::Realm), [Nothing, Own, Shared], r#"{"display_name":"Mine now"}"#),
    row("listClients", In(P::Clients), [Nothing, Own, Own], ""),
    row("createClient", In(P::Clients), [Nothing, Own, No], r#"{"name":"more","display_name":"More"}"#),
    row("getClient", In(P::Clients), [Nothing, Nothing, Nothing], ""),
    row("putClient", In(P::Clients), [Nothing, Nothing, Nothing], CLIENT),
    row("deleteClient", In(P::Clients), [Nothing, Nothing, Nothing], ""),
    row("listApps", In(P::Realm), [Nothing, Own, Shared], ""),
    row("getApp", In(P::Realm), [Nothing, Nothing, Shared], ""),
    row("putApp", In(P::Realm), [Nothing, Own, Shared], r#"{"display_name":"Mine now"}"#),
    row("deleteApp", In(P::Realm), [Nothing, Nothing, Shared], ""),
    row("listQuarantine", In(P::Realm), [Nothing, Own, Shared], ""),
    row("releaseQuarantine", In(P::Realm), [Nothing, Nothing, Shared], ""),
    row("listApiKeys", In(P::Clients), [Own, Own, Own], ""),
    row("createApiKey", In(P::Clients), [Nothing, Nothing, No], KEY),
    row("getOwnApiKey", Key, [Own, Own, Own], ""),
    row("rotateOwnApiKey", Key, [Own, Own, Own], r#"{"overlap":3600}"#),
    row("getApiKey", In(P::Clients), [Nothing, Nothing, Nothing], ""),
    row("deleteApiKey", In(P::Clients), [Nothing, Nothing, Nothing], ""),
    row("rotateApiKey", In(P::Clients), [Nothing, Nothing, Nothing], r#"{"overlap":0}"#),
    row("listClientCertificates", In(P::Clients), [Own, Own, Own], ""),
    row("createClientCertificate", In(P::Clients), [Nothing, Nothing, No], CERTIFICATE),
    row("getClientCertificate", In(P::Clients), [Nothing, Nothing, Nothing], ""),
    row("deleteClientCertificate", In(P::Clients), [Nothing, Nothing, Nothing], ""),
    row("listGlobalRoles", Everywhere(P::Root), [No, No, No], ""),
    row("putGlobalRole", Everywhere(P::Root), [No, No, No], r#"{"permissions":["root"]}"#),
    row("deleteGlobalRole", Everywhere(P::Root), [No, No, No], ""),
    row("listRoles", In(P::Realm), [Nothing, Own, Shared], ""),
    row("putRole", In(P::Realm), [Nothing, Own, Shared], r#"{"permissions":[]}"#),
    row("deleteRole", In(P::Realm), [Nothing, Nothing, Shared], ""),
    row("listUsers", In(P::Users), [Nothing, Own, Shared], ""),
    row("getUser", In(P::Users), [Nothing, Nothing, Shared], ""),
    row("putUser", In(P::Users), [Nothing, Own, Shared], r#"{"display_name":"Mine now"}"#),
    row("deleteUser", In(P::Users), [Nothing, Nothing, Shared], ""),
    row("getAttributes", In(P::Users), [Nothing, Nothing, Shared], ""),
    row("changeAttributes", In(P::Users), [Nothing, Nothing, Shared], r#"{"team":null}"#),
    row("listUserLogins", In(P::Logins), [Nothing, Own, Own], ""),
    // By design it ends what the user has at every client.
    row("logoutUser", In(P::Logins), [Nothing, Own, Shared], ""),
    row("exportUser", In(P::Audit), [Nothing, Nothing, Own], ""),
    row("eraseUser", In(P::Audit), [Nothing, Nothing, No], ""),
    row("listEnrolments", In(P::Users), [Nothing, Own, Own], ""),
    // Without a client nobody enrols or logs in, at home neither.
    row("createEnrolment", In(P::Users), [Nothing, No, Own], r#"{"user_id":"carol"}"#),
    row("getEnrolment", In(P::Users), [Nothing, Nothing, Nothing], ""),
    row("confirmEnrolment", In(P::Users), [Nothing, Nothing, Nothing], r#"{"number":"{number}"}"#),
    row("admitEnrolment", In(P::Realm), [Nothing, Nothing, Nothing], ""),
    row("cancelEnrolment", In(P::Users), [Nothing, Nothing, Nothing], ""),
    row("listAccounts", In(P::Accounts), [Nothing, Own, Shared], ""),
    row("getAccount", In(P::Accounts), [Nothing, Nothing, Shared], ""),
    row("changeAccount", In(P::Accounts), [Nothing, Nothing, Shared], r#"{"device":"Mine now"}"#),
    row("deleteAccount", In(P::Accounts), [Nothing, Nothing, Shared], ""),
    row("blockAccount", In(P::Accounts), [Nothing, Nothing, Shared], ""),
    row("unblockAccount", In(P::Accounts), [Nothing, Nothing, Shared], ""),
    row("createLogin", In(P::Logins), [Nothing, No, Own], "{}"),
    row("getLogin", In(P::Logins), [Nothing, Nothing, Nothing], ""),
    row("streamLogin", In(P::Logins), [Nothing, Nothing, Nothing], ""),
    row("getTimeline", In(P::Logins), [Nothing, Nothing, Nothing], ""),
    row("cancelLogin", In(P::Logins), [Nothing, Nothing, Nothing], ""),
    row("redeemLogin", In(P::Logins), [Nothing, Nothing, Nothing], "{}"),
    row("logout", In(P::Logins), [Nothing, Nothing, Nothing], ""),
    row("listEvents", In(P::Audit), [Nothing, Own, Own], ""),
    row("streamEvents", In(P::Audit), [Nothing, Own, Own], ""),
    row("exportEvents", In(P::Audit), [Nothing, Own, Own], ""),
    row("listGlobalEvents", Everywhere(P::Root), [No, No, No], ""),
];
