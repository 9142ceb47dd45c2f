//! What is asked, and how many rows it may visit. Compiled once for each database.

use countersign_domain_ns::{
    audit::Filter,
    ports::{AccountQuery, Kept, KeyQuery, UserQuery, UserSort},
};
use countersign_ports::time::Time;
use countersign_protocol::{
    codes::AccountState,
    ids::{AccountId, ApiKeyId, EnrolmentId, Jkt, LoginId},
};
use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::{Conn, q, server, shared};
use crate::growth::{CLIENT, Found as _, MANY, NOW, OTHER_CLIENT, PAGE, REALM, WALK, id, statements};
use crate::schema::trail;

/// PostgreSQL plans a statement anew five times, and then considers one plan for all values.
const TIMES: u32 = 7;
const LIMIT: u32 = 100;

/// Runs what is asked several times, and notes the most rows that one run visited.
macro_rules! ask {
    ($c:ident, $over:ident, $what:expr, $most:expr, $found:expr, $asked:expr) => {{
        let mut most = 0;
        for _ in 0..TIMES {
            server::begin($c).await;
            let before = server::visited($c).await;
            let answer = $asked.await.unwrap();
            most = most.max(server::visited($c).await - before);
            server::end($c).await;
            assert_eq!(answer.found(), $found, "{}", $what);
        }
        println!("{most:>8} of {:>6}  {}", $most, $what);
        if most > $most {
            $over.push(format!("{}: {most} of {}", $what, $most));
        }
    }};
}

async fn events(c: &mut Conn, over: &mut Vec<String>) {
    let all = || Filter { realm: Some(REALM), limit: LIMIT, ..Filter::default() };
    let late = u64::from(MANY) - 1_000;
    let user = |user: &str| Filter { user_id: Some(user.to_owned()), ..all() };
    let action = |action: &str| Filter { action: Some(action.to_owned()), ..all() };
    let client = |client| Filter { client: Some(client), ..all() };
    let object = |object: &str| Filter { object: Some(object.to_owned()), ..all() };
    let asked = [
        ("events", PAGE, 100, all()),
        ("events, late", PAGE, 100, Filter { after: late, ..all() }),
        ("events of all realms, late", PAGE, 100, Filter { realm: None, after: late, ..all() }),
        ("events of a user with few", PAGE, 50, user("rare")),
        ("events of a user with many", PAGE, 100, user("often")),
        ("events of a user with many, late", PAGE, 100, Filter { after: late, ..user("often") }),
        ("events of nobody", PAGE, 0, user("nobody")),
        ("events of an object", PAGE, 10, object("object19999")),
        ("events of a client with few", PAGE, 40, client(OTHER_CLIENT)),
        ("events of a client with many", PAGE, 100, client(CLIENT)),
        ("events of a kind with few", PAGE, 30, action("alert")),
        ("events of a kind with many, late", PAGE, 100, Filter { after: late, ..action("login") }),
        ("events of an action with many", WALK, 100, action("login.approved")),
        ("events of an action with none", WALK, 0, action("login.never")),
        (
            "events of a user with many, an action with none",
            WALK,
            0,
            Filter { user_id: Some("often".into()), ..action("alert.never") },
        ),
        (
            "events of a client with many, an action with few",
            WALK,
            0,
            Filter { client: Some(CLIENT), ..action("alert") },
        ),
        ("events of all realms, a user with none", WALK, 0, Filter { realm: None, ..user("nobody") }),
    ];
    for (what, most, found, filter) in &asked {
        ask!(c, over, what, *most, *found, q::trail::events(c, filter));
    }
    ask!(c, over, "the last event of a realm", PAGE, 1, q::trail::last(c, Some(REALM)));
    ask!(c, over, "the last event", PAGE, 1, q::trail::last(c, None));
    ask!(c, over, "whether events are not numbered", PAGE, 0, shared::is_unordered(c));
    let nothing = Kept {
        unclaimed: NOW,
        security: Time(0),
        evidence: Time(0),
        requests: Time(0),
        attestations: Time(0),
    };
    ask!(c, over, "events that are over", PAGE, 0, q::trail::purge(c, Some(REALM), nothing));
    ask!(c, over, "requests that are over", PAGE, 0, q::trail::purge(c, None, nothing));
}

async fn people(c: &mut Conn, over: &mut Vec<String>) {
    let all = || UserQuery { limit: LIMIT, ..UserQuery::default() };
    let by = |sort, descending| UserQuery { sort, descending, ..all() };
    let middle = Some((Time(u64::from(MANY / 2)), "user100000".to_owned()));
    let text = |text: &str| UserQuery { text: Some(text.to_owned()), ..all() };
    let team = |value: &str| UserQuery { attribute: Some(("team".into(), value.into())), ..all() };
    let time = UserSort::CreatedAt;
    let asked = [
        ("users", PAGE, 100, all()),
        ("users backwards", PAGE, 100, by(UserSort::UserId, true)),
        ("users by time", PAGE, 100, by(time, false)),
        ("users by time, backwards", PAGE, 100, by(time, true)),
        ("users from the middle", PAGE, 100, UserQuery { after: middle.clone(), ..all() }),
        ("users by time from the middle", PAGE, 100, UserQuery { after: middle.clone(), ..by(time, false) }),
        (
            "users by time from the middle, backwards",
            PAGE,
            100,
            UserQuery { after: middle, ..by(time, true) },
        ),
        ("users with a part that many have", WALK, 100, text("user1")),
        ("users with a part that none has", WALK, 0, text("nobody")),
        ("users by time with a part that none has", WALK, 0, UserQuery { sort: time, ..text("nobody") }),
        ("users with a value that few have", PAGE, 10, team("rare")),
        ("users with a value that none has", PAGE, 0, team("none")),
        ("users with a value that many have", WALK, 100, team("often")),
        ("users by time with a value that many have", WALK, 100, UserQuery { sort: time, ..team("often") }),
    ];
    for (what, most, found, query) in &asked {
        ask!(c, over, what, *most, *found, q::user_list::list(c, REALM, query));
    }
    ask!(c, over, "a user", PAGE, 1, q::users::get(c, REALM, "user77"));
    ask!(c, over, "holds", PAGE, 100, q::holds::list(c, REALM, Some("user5".into()), LIMIT.into()));
}

async fn phones(c: &mut Conn, over: &mut Vec<String>) {
    let all = || AccountQuery { limit: LIMIT, ..AccountQuery::default() };
    let state = |state| AccountQuery { state: Some(state), ..all() };
    let app = |app: &str| AccountQuery { app: Some(app.to_owned()), ..all() };
    let user = || AccountQuery { user_id: Some("user77".to_owned()), ..all() };
    let middle = Some((Time(u64::from(MANY / 2)), AccountId(id(MANY / 2))));
    let asked = [
        ("accounts", WALK, 100, all()),
        (
            "accounts with those that are gone, from the middle",
            WALK,
            100,
            AccountQuery { gone: true, after: middle, ..all() },
        ),
        ("accounts in a state that few are in", WALK, 10, state(AccountState::Blocked)),
        ("accounts in a state that none is in", WALK, 0, state(AccountState::Pending)),
        ("accounts in a state that many are in", WALK, 100, state(AccountState::Active)),
        ("accounts of an app that few have", WALK, 10, app("rare")),
        (
            "accounts of an app that many have, from the middle",
            WALK,
            100,
            AccountQuery { after: middle, ..app("often") },
        ),
        (
            "accounts of an app and in a state",
            WALK,
            0,
            AccountQuery { state: Some(AccountState::Pending), ..app("often") },
        ),
        ("accounts of a user", PAGE, 1, user()),
        (
            "accounts of a user, newest first",
            PAGE,
            1,
            AccountQuery { newest_first: true, let_in: true, ..user() },
        ),
    ];
    for (what, most, found, query) in &asked {
        ask!(c, over, what, *most, *found, q::account_list::list(c, REALM, query));
    }
    let jkt = Jkt(*b"jkt.............1000000000000077");
    ask!(c, over, "an account by its key", PAGE, 1, q::accounts::by_jkt(c, REALM, &jkt));
    ask!(c, over, "an account", PAGE, 1, q::accounts::get(c, REALM, AccountId(id(77))));
    let middle = Some((Time(u64::from(MANY / 2)), EnrolmentId(id(MANY / 2))));
    for (what, client, before, found) in [
        ("enrolments", None, None, 100),
        ("enrolments from the middle", None, middle, 100),
        ("enrolments of a client with few", Some(OTHER_CLIENT), None, 40),
        ("enrolments of a client with many, from the middle", Some(CLIENT), middle, 100),
    ] {
        ask!(c, over, what, PAGE, found, q::enrolments::list(c, REALM, client, before, LIMIT.into()));
    }
    ask!(c, over, "enrolments to vouch", PAGE, 0, q::enrolments::to_vouch(c, REALM, "user77"));
}

async fn keys(c: &mut Conn, over: &mut Vec<String>) {
    let all = || KeyQuery { limit: LIMIT, ..KeyQuery::default() };
    let asked = [
        ("keys", PAGE, 100, all()),
        (
            "keys from the middle",
            WALK,
            100,
            KeyQuery { realm: Some(REALM), after: Some(ApiKeyId(id(MANY / 2))), ..all() },
        ),
        ("keys of a client with few", PAGE, 40, KeyQuery { client: Some(OTHER_CLIENT), ..all() }),
        ("keys of a role with few", PAGE, 10, KeyQuery { role: Some("support".into()), ..all() }),
        (
            "certificates of a client with none",
            WALK,
            0,
            KeyQuery { client: Some(CLIENT), certificates: Some(true), ..all() },
        ),
    ];
    for (what, most, found, query) in &asked {
        // Each page looks how far it may go, by an index.
        ask!(c, over, what, (*most).max(WALK), *found, q::api_keys::list(c, query));
    }
    ask!(c, over, "clients", PAGE, 100, q::clients::list(c, REALM, Some("client5".into()), LIMIT.into()));
    ask!(c, over, "a client by name", PAGE, 1, q::clients::by_name(c, REALM, "client77"));
}

async fn logins(c: &mut Conn, over: &mut Vec<String>) {
    let middle = Some((Time(u64::from(MANY / 2)), LoginId(id(MANY / 2))));
    let now = Time(u64::from(MANY) - 50);
    ask!(c, over, "a login", PAGE, 1, q::logins::get(c, REALM, LoginId(id(77))));
    ask!(c, over, "logins of a user", PAGE, 100, q::logins::of_user(c, REALM, "often", None, LIMIT));
    ask!(c, over, "logins of a user, late", PAGE, 100, q::logins::of_user(c, REALM, "often", middle, LIMIT));
    ask!(c, over, "where a user logs in from", PAGE, 50, q::logins::initiators_of_user(c, REALM, "often"));
    let (often, client) = ("often", None);
    ask!(c, over, "running logins", PAGE, 24, q::logins::running_of_user(c, REALM, often, client, now));
    ask!(c, over, "running logins of a phone", PAGE, 24, q::logins::running(c, REALM, AccountId(id(0)), now));
}

/// Goes from page to page until there is no next one, however few items a page has.
macro_rules! all {
    ($query:expr, |$q:ident| $page:expr, $next:expr) => {{
        let (mut $q, mut found, mut pages) = ($query, Vec::new(), 0);
        loop {
            let page = $page.await.unwrap();
            found.extend(page.items);
            pages += 1;
            match page.more {
                Some(more) => $next(&mut $q, more),
                None => break (found, pages),
            }
        }
    }};
}

/// What pages leave out and where they end short does not lose anything.
async fn pages(c: &mut Conn) {
    let filter = || Filter { realm: Some(REALM), limit: 1_000, ..Filter::default() };
    let next = |f: &mut Filter, seq| f.after = seq;
    let of_user = Filter { user_id: Some("often".into()), action: Some("user".into()), ..filter() };
    let (found, _) = all!(of_user, |f| q::trail::events(c, &f), next);
    let wanted: Vec<u64> =
        (50..MANY).filter(|n| n % 2 == 0 && n % 3 == 2).map(|n| u64::from(n) + 1).collect();
    assert_eq!(found.iter().map(|e| e.seq).collect::<Vec<_>>(), wanted);
    let rare = Filter { client: Some(OTHER_CLIENT), action: Some("alert".into()), realm: None, ..filter() };
    let (found, pages) = all!(rare, |f| q::trail::events(c, &f), next);
    assert_eq!((found.len(), pages), (30, 21), "ten thousand events a page, and an empty last one");

    let next = |q: &mut UserQuery, at| q.after = Some(at);
    for (sort, descending) in [(UserSort::UserId, true), (UserSort::CreatedAt, false)] {
        let text = Some("user19999".to_owned());
        let some = UserQuery { text, sort, descending, limit: 5, ..UserQuery::default() };
        let (found, pages) = all!(some, |u| q::user_list::list(c, REALM, &u), next);
        assert!(found.len() == 11 && pages > 20, "{} {pages}", found.len());
    }
    let app = Some("rare".to_owned());
    let active = AccountQuery { state: Some(AccountState::Active), app, limit: 3, ..AccountQuery::default() };
    let next = |q: &mut AccountQuery, at| q.after = Some(at);
    let (found, _) = all!(active, |a| q::account_list::list(c, REALM, &a), next);
    assert_eq!(found.len(), 10);
    let keys = KeyQuery { role: Some("support".into()), realm: Some(REALM), limit: 3, ..KeyQuery::default() };
    let (found, _) = all!(keys, |k| q::api_keys::list(c, &k), |q: &mut KeyQuery, at| q.after = Some(at));
    assert_eq!(found.len(), 10);
    let next = |after: &mut Option<_>, at| *after = Some(at);
    let (found, _) = all!(None, |at| q::logins::of_user(c, REALM, "often", at, 1_000), next);
    assert_eq!(found.len() as u32, MANY / 2);
}

/// Without an index all rows are visited, so what is counted here means something.
async fn scan(c: &mut Conn) -> i64 {
    let before = server::visited(c).await;
    let nobodys = trail::table.filter(trail::detail.eq("nobody")).count();
    assert_eq!(nobodys.get_result::<i64>(c).await.unwrap(), 0);
    server::visited(c).await - before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_of_large_tables_visits_few_rows() {
    let Some((mut c, _kept)) = server::connect().await else { return };
    for statement in statements(&server::WORDS) {
        c.batch_execute(&statement).await.unwrap_or_else(|e| panic!("{e}: {statement}"));
    }
    let mut over = Vec::new();
    c.batch_execute(server::ANALYZE).await.unwrap();
    server::begin(&mut c).await;
    let scanned = scan(&mut c).await;
    server::end(&mut c).await;
    assert!(scanned > WALK + WALK / 2, "{scanned}");
    events(&mut c, &mut over).await;
    people(&mut c, &mut over).await;
    phones(&mut c, &mut over).await;
    keys(&mut c, &mut over).await;
    logins(&mut c, &mut over).await;
    pages(&mut c).await;
    assert!(over.is_empty(), "more rows than allowed:\n{}", over.join("\n"));
}
