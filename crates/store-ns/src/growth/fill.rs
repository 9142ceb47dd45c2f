//! Fills the tables, by statements that every database understands but for a few words.

use countersign_domain_ns::login::{Initiator, Login};
use countersign_ports::time::Time;
use countersign_protocol::{
    codes::LoginState,
    ids::{ClientId, LoginId, RealmId},
};

/// Rows of each large table.
pub(crate) const MANY: u32 = 200_000;
pub(crate) const REALM: RealmId = RealmId(*b"realm...........");
pub(crate) const CLIENT: ClientId = ClientId(*b"client..........");
/// A client with few rows.
pub(crate) const OTHER_CLIENT: ClientId = ClientId(*b"other-client....");
pub(crate) const NOW: Time = Time(1_000_000_000);

/// The id that the statements make of a number: its sixteen digits.
pub(crate) fn id(n: u32) -> [u8; 16] {
    format!("{n:016}").into_bytes().try_into().unwrap()
}

/// What databases spell differently.
pub(crate) struct Words {
    /// Sixteen bytes made of the number `{}`.
    pub(crate) id: &'static str,
    /// Bytes of the text `{}`.
    pub(crate) bytes: &'static str,
    pub(crate) no: &'static str,
}

/// The login that every outcome is of. Its id is above that of every row, because a page goes on
/// after it where two logins end at the same time.
fn login() -> String {
    let login = Login {
        id: LoginId(id(MANY)),
        realm: REALM,
        client: CLIENT,
        realm_name: "Realm".into(),
        client_name: "Shop".into(),
        created_at: NOW,
        expires_at: NOW,
        expected_user: None,
        text: None,
        browser: None,
        place: None,
        return_url: None,
        page_hash: [0; 32],
        target: None,
        initiator: Initiator::default(),
        number_match: false,
        callback_url: None,
        request: None,
        number_off: false,
        accepts: Vec::new(),
        second_factor: None,
    };
    serde_json::to_string(&login).unwrap()
}

/// Words and values of one database.
struct Fill<'a> {
    words: &'a Words,
    realm: String,
    client: String,
    other: String,
    /// Thirty-two bytes of no meaning.
    hash: String,
}

/// The statements, in their order. What a table has much of, and what it has little of, both stand
/// at places where an index for something else would find them last.
pub(crate) fn statements(words: &Words) -> Vec<String> {
    let bytes = |id: [u8; 16]| words.bytes.replace("{}", &format!("'{}'", String::from_utf8_lossy(&id)));
    let (realm, client, other) = (bytes(REALM.0), bytes(CLIENT.0), bytes(OTHER_CLIENT.0));
    let fill = Fill { words, realm, client, other, hash: words.bytes.replace("{}", HASH) };
    let parts = [fill.realm(), fill.trail(), fill.people(), fill.phones(), fill.keys(), fill.logins()];
    parts.into_iter().flatten().collect()
}

const HASH: &str = "'hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh'";
const TEN: &str = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL \
    SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";

impl Fill<'_> {
    /// Sixteen bytes made of a number.
    fn id(&self, n: &str) -> String {
        self.words.id.replace("{}", n)
    }

    /// Thirty-two bytes that differ from row to row.
    fn unique(&self, what: &str) -> String {
        let text = format!("CONCAT('{what:.<16}', 1000000000000000 + n)");
        self.words.bytes.replace("{}", &text)
    }

    fn realm(&self) -> Vec<String> {
        let (realm, hash) = (&self.realm, &self.hash);
        vec![
            "CREATE TABLE numbers (n BIGINT PRIMARY KEY)".to_owned(),
            format!(
                "INSERT INTO numbers SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d + \
                    100000 * g.d FROM {TEN} a, {TEN} b, {TEN} c, {TEN} e, {TEN} f, {TEN} g \
                    WHERE 10000 * f.d + 100000 * g.d < {MANY}"
            ),
            format!(
                "INSERT INTO realms (id, name, display_name, created_at, settings, root_pin, sealed_qr) \
                    VALUES ({realm}, 'realm', 'Realm', 0, '{{}}', {hash}, {hash})"
            ),
        ]
    }

    /// Half of the rows are of one user, three quarters of one client, and a third of one action.
    fn trail(&self) -> Vec<String> {
        let (realm, client, other, id) = (&self.realm, &self.client, &self.other, self.id("n"));
        let action = "CASE WHEN n < 30 THEN 'alert.not_me' WHEN n % 3 = 0 THEN 'login.approved' \
            WHEN n % 3 = 1 THEN 'login.refused' ELSE 'user.changed' END";
        let user = "CASE WHEN n < 50 THEN 'rare' WHEN n % 2 = 0 THEN 'often' \
            ELSE CONCAT('user', n % 1000) END";
        vec![
            format!(
                "INSERT INTO trail (id, seq, realm, at, actor, action, object, client, user_id, class) \
                    SELECT {id}, n + 1, {realm}, n, 'system', {action}, CONCAT('object', n % 20000), \
                    CASE WHEN n < 40 THEN {other} WHEN n % 4 = 0 THEN NULL ELSE {client} END, {user}, 1 \
                    FROM numbers"
            ),
            format!("UPDATE counters SET n = {MANY} WHERE name = 'trail'"),
            format!(
                "INSERT INTO requests (id, hash, at) SELECT {id}, {hash}, n FROM numbers",
                hash = self.hash
            ),
        ]
    }

    fn people(&self) -> Vec<String> {
        let realm = &self.realm;
        vec![
            format!(
                "INSERT INTO users (realm, user_id, display_name, created_at) \
                    SELECT {realm}, CONCAT('user', n), CONCAT('User ', n), {MANY} - n FROM numbers"
            ),
            format!(
                "INSERT INTO user_attributes (realm, user_id, name, value) \
                    SELECT {realm}, CONCAT('user', n), 'team', \
                    CASE WHEN n % 20000 = 7 THEN 'rare' ELSE 'often' END FROM numbers"
            ),
            format!(
                "INSERT INTO holds (realm, user_id, placed_by, authority, placed_at) \
                    SELECT {realm}, CONCAT('user', n), 'system', 3, n FROM numbers"
            ),
        ]
    }

    fn phones(&self) -> Vec<String> {
        let (realm, client, other, id) = (&self.realm, &self.client, &self.other, self.id("n"));
        let (jkt, code) = (self.unique("jkt"), self.unique("code"));
        let key = self.words.bytes.replace("{}", &format!("'{}'", "k".repeat(65)));
        vec![
            format!(
                "INSERT INTO accounts (realm, id, user_id, app, device, jkt, public_key, state, \
                    created_at, confirmed_at, phones_came, phones_seen) \
                    SELECT {realm}, {id}, CONCAT('user', n), \
                    CASE WHEN n % 20000 = 7 THEN 'rare' ELSE 'often' END, 'Phone', {jkt}, {key}, \
                    CASE WHEN n % 20000 = 8 THEN 3 WHEN n % 5 = 0 THEN 4 ELSE 2 END, n, n, 0, 0 \
                    FROM numbers"
            ),
            format!(
                "INSERT INTO enrolments (realm, id, client, user_id, code_hash, confirm, created_at, \
                    expires_at, state, tries_left) \
                    SELECT {realm}, {id}, CASE WHEN n < 40 THEN {other} ELSE {client} END, \
                    CONCAT('user', n), {code}, 'none', n, n, 'pending', 3 FROM numbers"
            ),
        ]
    }

    fn keys(&self) -> Vec<String> {
        let (realm, client, other, id) = (&self.realm, &self.client, &self.other, self.id("n"));
        let hash = self.unique("hash");
        vec![
            format!(
                "INSERT INTO api_keys (id, hash, role, realm, client, created_at, sources) \
                    SELECT {id}, {hash}, CASE WHEN n % 20000 = 7 THEN 'support' ELSE 'client' END, {realm}, \
                    CASE WHEN n < 40 THEN {other} ELSE {client} END, n, '[]' FROM numbers"
            ),
            format!(
                "INSERT INTO clients (realm, id, name, display_name, origins, return_urls, created_at, \
                    callback_urls, templates) \
                    SELECT {realm}, {id}, CONCAT('client', n), 'Client', '[]', '[]', n, '[]', '{{}}' \
                    FROM numbers"
            ),
        ]
    }

    /// Half of the logins are of one user, on one phone; all but the last of them are over.
    fn logins(&self) -> Vec<String> {
        let (realm, id, no, login) = (&self.realm, self.id("n"), self.words.no, login());
        let account = self.id("CASE WHEN n % 2 = 0 THEN 0 ELSE n END");
        let approved = LoginState::Approved.code();
        vec![format!(
            "INSERT INTO outcomes (realm, id, state, account, user_id, by_link, decided_at, redeem_by, \
                ends_at, login, via) \
                SELECT {realm}, {id}, {approved}, {account}, \
                CASE WHEN n % 2 = 0 THEN 'often' ELSE CONCAT('user', n) END, \
                {no}, n, n, n, '{login}', 'qr' FROM numbers"
        )]
    }
}
