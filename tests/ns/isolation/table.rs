//! Every operation: what it needs, and what it answers to a key that asks for another's objects.

use countersign_api::Permission as P;

/// What an endpoint requires of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    Key,
    Member,
    In(P),
    OneOf(&'static [P]),
    /// The event feed: `events`, or `logins` in a client's key.
    Feed,
    Everywhere(P),
}

impl Needs {
    /// Returns the permissions without which a key does not meet the requirement.
    pub fn lacking(self) -> Vec<P> {
        match self {
            Self::Key | Self::Member => Vec::new(),
            Self::In(p) | Self::Everywhere(p) => [Some(p), whole(p)].into_iter().flatten().collect(),
            Self::OneOf(some) => some.to_vec(),
            Self::Feed => vec![P::Logins, P::Events, P::Audit],
        }
    }
}

/// Returns the permission that includes this one.
fn whole(p: P) -> Option<P> {
    match p {
        P::UsersRead => Some(P::Users),
        P::AccountsRead | P::AccountsBlock => Some(P::Accounts),
        P::ClientsRead => Some(P::Clients),
        P::RealmRead => Some(P::Realm),
        P::Events => Some(P::Audit),
        _ => None,
    }
}

const INVITES: &[P] = &[P::Enrolments, P::EnrolmentsConfirm];

/// The expected answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comes {
    /// 404.
    Nothing,
    /// 403.
    No,
    /// 2xx, with nothing of the other's in it.
    Own,
    /// 2xx: the object belongs to the realm, not to one of its clients.
    Shared,
}

use Comes::{No, Nothing, Own, Shared};
use Needs::{Everywhere, Feed, In, Key, Member, OneOf};

pub struct Row {
    pub id: &'static str,
    pub needs: Needs,
    /// With a key of another realm, in the path of the victim's realm.
    pub abroad: Comes,
    /// With the same key for the same objects, in the path of the key's own realm.
    pub home: Comes,
    /// With a key of another client of the victim's realm, which has all permissions.
    pub neighbour: Comes,
    pub body: &'static str,
}

const fn row(
    id: &'static str,
    needs: Needs,
    [abroad, home, neighbour]: [Comes; 3],
    body: &'static str,
) -> Row {
    Row { id, needs, abroad, home, neighbour, body }
}

const CLIENT: &str = r#"{"display_name":"Mine now"}"#;
const CERTIFICATE: &str = r#"{"certificate":"{pem}","role":"client","realm":"{realm}","client":"{client}"}"#;
const KEY: &str = r#"{"role":"client","realm":"{realm}","client":"{client}"}"#;

/// A new operation fails the test until it has its row here.
pub const TABLE: &[Row] = &[
    row("listRealms", Key, [Own, Own, Shared], ""),
    row("createRealm", Everywhere(P::Realms), [No, No, No], r#"{"name":"more","display_name":"More"}"#),
    row("getRealm", Member, [Nothing, Own, Shared], ""),
    row("changeRealm", In(P::Realm), [Nothing, Own, No], r#"{"display_name":"Mine now"}"#),
    row("listClients", In(P::ClientsRead), [Nothing, Own, Own], ""),
    row("createClient", In(P::Clients), [Nothing, Own, No], r#"{"name":"more","display_name":"More"}"#),
    row("getClient", In(P::ClientsRead), [Nothing, Nothing, Nothing], ""),
    row("putClient", In(P::Clients), [Nothing, Nothing, Nothing], CLIENT),
    row("deleteClient", In(P::Clients), [Nothing, Nothing, Nothing], ""),
    row("listApps", In(P::RealmRead), [Nothing, Own, Shared], ""),
    row("getApp", In(P::RealmRead), [Nothing, Nothing, Shared], ""),
    row("putApp", In(P::Realm), [Nothing, Own, No], r#"{"display_name":"Mine now"}"#),
    row("deleteApp", In(P::Realm), [Nothing, Nothing, No], ""),
    row("listQuarantine", In(P::RealmRead), [Nothing, Own, Shared], ""),
    row("releaseQuarantine", In(P::Realm), [Nothing, Nothing, No], ""),
    row("listApiKeys", In(P::ClientsRead), [Own, Own, Own], ""),
    row("createApiKey", In(P::Clients), [Nothing, Nothing, No], KEY),
    row("getOwnApiKey", Key, [Own, Own, Own], ""),
    row("rotateOwnApiKey", Key, [Own, Own, Own], r#"{"overlap":3600}"#),
    row("getApiKey", In(P::ClientsRead), [Nothing, Nothing, Nothing], ""),
    row("changeApiKey", In(P::Clients), [Nothing, Nothing, Nothing], r#"{"role":"viewer"}"#),
    row("deleteApiKey", In(P::Clients), [Nothing, Nothing, Nothing], ""),
    row("rotateApiKey", In(P::Clients), [Nothing, Nothing, Nothing], r#"{"overlap":0}"#),
    row("listClientCertificates", In(P::ClientsRead), [Own, Own, Own], ""),
    row("createClientCertificate", In(P::Clients), [Nothing, Nothing, No], CERTIFICATE),
    row("getClientCertificate", In(P::ClientsRead), [Nothing, Nothing, Nothing], ""),
    row("deleteClientCertificate", In(P::Clients), [Nothing, Nothing, Nothing], ""),
    row("listGlobalRoles", Everywhere(P::Root), [No, No, No], ""),
    row("putGlobalRole", Everywhere(P::Root), [No, No, No], r#"{"permissions":["root"]}"#),
    row("deleteGlobalRole", Everywhere(P::Root), [No, No, No], ""),
    row("listRoles", In(P::RealmRead), [Nothing, Own, Shared], ""),
    row("putRole", In(P::Realm), [Nothing, Own, No], r#"{"permissions":[]}"#),
    row("deleteRole", In(P::Realm), [Nothing, Nothing, No], ""),
    row("listUsers", In(P::UsersRead), [Nothing, Own, Shared], ""),
    row("getUser", In(P::UsersRead), [Nothing, Nothing, Shared], ""),
    row("putUser", In(P::Users), [Nothing, Own, Shared], r#"{"display_name":"Mine now"}"#),
    row("deleteUser", In(P::Users), [Nothing, Nothing, Shared], ""),
    row("getAttributes", In(P::UsersRead), [Nothing, Nothing, Shared], ""),
    row("changeAttributes", In(P::Users), [Nothing, Nothing, Shared], r#"{"team":null}"#),
    row("listUserLogins", In(P::Logins), [Nothing, Own, Own], ""),
    row("logoutUser", In(P::Logins), [Nothing, Own, Own], ""),
    row("exportUser", In(P::Audit), [Nothing, Nothing, Own], ""),
    row("eraseUser", In(P::Realm), [Nothing, Nothing, No], ""),
    row("listHolds", In(P::Audit), [Nothing, Own, Shared], ""),
    row("putHold", In(P::Realm), [Nothing, Own, No], r#"{"reason":"mine"}"#),
    row("liftHold", In(P::Realm), [Nothing, Nothing, No], ""),
    row("listEnrolments", OneOf(INVITES), [Nothing, Own, Own], ""),
    // A key without a client cannot create enrolments or logins, not even in its own realm.
    row("createEnrolment", In(P::Enrolments), [Nothing, No, Own], r#"{"user_id":"carol"}"#),
    row("getEnrolment", OneOf(INVITES), [Nothing, Nothing, Nothing], ""),
    row(
        "confirmEnrolment",
        In(P::EnrolmentsConfirm),
        [Nothing, Nothing, Nothing],
        r#"{"number":"{number}"}"#,
    ),
    row("admitEnrolment", In(P::Realm), [Nothing, Nothing, Nothing], ""),
    row("cancelEnrolment", In(P::Enrolments), [Nothing, Nothing, Nothing], ""),
    row("listAccounts", In(P::AccountsRead), [Nothing, Own, Shared], ""),
    row("getAccount", In(P::AccountsRead), [Nothing, Nothing, Shared], ""),
    row("changeAccount", In(P::Accounts), [Nothing, Nothing, Shared], r#"{"device":"Mine now"}"#),
    row("deleteAccount", In(P::Accounts), [Nothing, Nothing, Shared], ""),
    row("blockAccount", In(P::AccountsBlock), [Nothing, Nothing, Shared], ""),
    row("unblockAccount", In(P::Accounts), [Nothing, Nothing, Shared], ""),
    row("createLogin", In(P::Logins), [Nothing, No, Own], "{}"),
    row("getLogin", In(P::Logins), [Nothing, Nothing, Nothing], ""),
    row("streamLogin", In(P::Logins), [Nothing, Nothing, Nothing], ""),
    row("getTimeline", In(P::Logins), [Nothing, Nothing, Nothing], ""),
    row("cancelLogin", In(P::Logins), [Nothing, Nothing, Nothing], ""),
    row("redeemLogin", In(P::Logins), [Nothing, Nothing, Nothing], "{}"),
    row("logout", In(P::Logins), [Nothing, Nothing, Nothing], ""),
    row("listEvents", Feed, [Nothing, Own, Own], ""),
    row("streamEvents", Feed, [Nothing, Own, Own], ""),
    row("exportEvents", In(P::Audit), [Nothing, Own, Own], ""),
    row("listGlobalEvents", Everywhere(P::Root), [No, No, No], ""),
];
