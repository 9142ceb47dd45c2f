//! Users, their phones, and what is stored about them.

mod life;
mod settings;
mod trail;

use countersign_api::{Account, AccountState, ChangeAccount, Confirm, PutUser, User};
use countersign_sdk::{Command, DeviceAction, Event};

use crate::support::{Phone, Pod, Stage, code};

async fn put(stage: &Stage, users: &[(&str, Option<&str>)]) {
    for (id, name) in users {
        let put = PutUser { display_name: name.map(str::to_owned) };
        stage.api.put_user(&stage.realm, id, &put).await.unwrap();
    }
}

async fn set(
    stage: &Stage,
    user: &str,
    attributes: &[(&str, Option<&str>)],
) -> Result<countersign_api::Attributes, countersign_api::ApiError> {
    let change = attributes.iter().map(|(n, v)| ((*n).to_owned(), v.map(str::to_owned))).collect();
    stage.api.change_attributes(&stage.realm, user, &change).await
}

fn ids(users: &[User]) -> Vec<&str> {
    users.iter().map(|u| u.user_id.as_str()).collect()
}

/// Returns all results of a search, read at two per page.
async fn walk(stage: &Stage, query: &[(&str, &str)]) -> Vec<User> {
    let (mut found, mut token) = (Vec::new(), None::<String>);
    loop {
        let mut query = [query, &[("limit", "2")]].concat();
        query.extend(token.as_deref().map(|t| ("page_token", t)));
        let page = stage.api.users(&stage.realm, &query).await.unwrap();
        assert!(page.items.len() <= 2);
        found.extend(page.items);
        token = page.next;
        if token.is_none() {
            return found;
        }
    }
}

const PEOPLE: [(&str, Option<&str>); 7] = [
    ("anna", Some("Anna 100%")),
    ("bert_1", None),
    ("bertx1", Some("Bert")),
    ("carl", Some("Zoë Carl")),
    ("dora", Some("100 per cent")),
    ("emil!", Some("under_score")),
    ("fritz", None),
];

#[tokio::test]
async fn users_are_found_by_what_is_in_their_name_and_nothing_in_it_is_a_pattern() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    put(&stage, &PEOPLE).await;
    set(&stage, "anna", &[("team", Some("red")), ("floor", Some("1:2"))]).await.unwrap();
    set(&stage, "carl", &[("team", Some("red"))]).await.unwrap();
    set(&stage, "dora", &[("team", Some("re"))]).await.unwrap();
    for (query, expected) in [
        (&[("q", "bert")][..], &["bert_1", "bertx1"][..]),
        (&[("q", "bert_1")], &["bert_1"]),
        (&[("q", "_")], &["bert_1", "emil!"]),
        (&[("q", "%")], &["anna"]),
        (&[("q", "100%")], &["anna"]),
        (&[("q", "100")], &["anna", "dora"]),
        (&[("q", "!")], &["emil!"]),
        (&[("q", "Zoë")], &["carl"]),
        (&[("q", "' OR 1=1 --")], &[]),
        (&[("attribute", "team:red")], &["anna", "carl"]),
        (&[("attribute", "team:r%")], &[]),
        (&[("attribute", "floor:1:2")], &["anna"]),
        (&[("attribute", "floor:")], &[]),
        (&[("attribute", "team:red"), ("q", "zo")], &["carl"]),
        (&[("attribute", "team:red"), ("sort", "-user_id")], &["carl", "anna"]),
    ] {
        assert_eq!(ids(&stage.api.users(&stage.realm, query).await.unwrap().items), expected, "{query:?}");
    }
    let long = "x".repeat(101);
    for (query, why) in [
        (("q", ""), "invalid"),
        (("q", long.as_str()), "invalid"),
        (("attribute", "team"), "invalid"),
        (("limit", "0"), "invalid"),
        (("limit", "1001"), "invalid"),
        (("limit", "x"), "malformed"),
        (("sort", "name"), "malformed"),
        (("more", "1"), "malformed"),
    ] {
        assert_eq!(code(stage.api.users(&stage.realm, &[query]).await), why, "{query:?}");
    }
}

#[tokio::test]
async fn the_pages_of_a_search_hold_everybody_once_in_every_order() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    put(&stage, &[PEOPLE[3], PEOPLE[0], PEOPLE[6], PEOPLE[1], PEOPLE[5], PEOPLE[2], PEOPLE[4]]).await;
    let sorted = PEOPLE.map(|(id, _)| id);
    let backwards = |ids: &[&'static str]| ids.iter().rev().copied().collect::<Vec<_>>();
    assert_eq!(ids(&walk(&stage, &[]).await), sorted);
    assert_eq!(ids(&walk(&stage, &[("sort", "user_id")]).await), sorted);
    assert_eq!(ids(&walk(&stage, &[("sort", "-user_id")]).await), backwards(&sorted));
    // Users of the same millisecond are in the order of their ids.
    let by_time = walk(&stage, &[("sort", "created_at")]).await;
    assert!(
        by_time.windows(2).all(|w| (&w[0].created_at, &w[0].user_id) < (&w[1].created_at, &w[1].user_id)),
        "{by_time:?}"
    );
    assert_eq!(by_time.len(), 7);
    let down = walk(&stage, &[("sort", "-created_at")]).await;
    assert_eq!(ids(&down), ids(&by_time).into_iter().rev().collect::<Vec<_>>());
    assert_eq!(
        ids(&walk(&stage, &[("q", "r")]).await),
        ["bert_1", "bertx1", "carl", "dora", "emil!", "fritz"]
    );
    let all = stage.api.users(&stage.realm, &[("limit", "7")]).await.unwrap();
    let after = stage
        .api
        .users(&stage.realm, &[("limit", "7"), ("page_token", all.next.as_deref().unwrap())])
        .await
        .unwrap();
    assert!(after.items.is_empty() && after.next.is_none());
}

#[tokio::test]
async fn a_page_token_counts_for_its_own_list_with_its_own_question() {
    let pod = Pod::start();
    let (stage, elsewhere) = (Stage::set(&pod).await, Stage::set(&pod).await);
    for at in [&stage, &elsewhere] {
        put(at, &PEOPLE).await;
    }
    let first = stage.api.users(&stage.realm, &[("limit", "2"), ("q", "r")]).await.unwrap();
    let token = first.next.unwrap();
    let next = |token: &str, more: &[(&'static str, &'static str)]| {
        let (api, realm, token, more) =
            (stage.api.clone(), stage.realm.clone(), token.to_owned(), more.to_vec());
        async move { api.users(&realm, &[&more[..], &[("page_token", token.as_str())]].concat()).await }
    };
    assert_eq!(
        ids(&next(&token, &[("q", "r"), ("limit", "1")]).await.unwrap().items),
        ["carl"],
        "another limit is no other question"
    );
    let mut altered = token.clone().into_bytes();
    for at in [0, 21, altered.len() - 3] {
        let was = altered[at];
        altered[at] = if was == b'A' { b'B' } else { b'A' };
        let text = String::from_utf8(altered.clone()).unwrap();
        assert_eq!(code(next(&text, &[("q", "r")]).await), "invalid", "altered at {at}");
        altered[at] = was;
    }
    for wrong in ["", "A", "nonsense", "!", &token[..token.len() - 4], &format!("{token}AAAA")] {
        assert_eq!(code(next(wrong, &[("q", "r")]).await), "invalid", "{wrong:?}");
    }
    for other in
        [&[][..], &[("q", "rt")], &[("q", "r"), ("sort", "-user_id")], &[("q", "r"), ("attribute", "a:b")]]
    {
        assert_eq!(code(next(&token, other).await), "invalid", "{other:?}");
    }
    let query = [("q", "r"), ("page_token", token.as_str())];
    assert_eq!(code(elsewhere.api.users(&elsewhere.realm, &query).await), "invalid", "another realm's");
    let query = [("page_token", token.as_str())];
    assert_eq!(code(stage.api.search_accounts(&stage.realm, &query).await), "invalid", "another list's");
    assert_eq!(code(stage.api.enrolments(&stage.realm, &query).await), "invalid", "another list's");
    assert_eq!(code(stage.root.events(&stage.realm, &query).await), "invalid", "another list's");
}

#[tokio::test]
async fn attributes_are_set_removed_and_left_one_by_one_within_their_limits() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    assert_eq!(code(set(&stage, "alice", &[("team", Some("red"))]).await), "not_found");
    assert_eq!(code(stage.api.attributes(&stage.realm, "alice").await), "not_found");
    put(&stage, &[("alice", None)]).await;
    set(&stage, "alice", &[("team", Some("red")), ("floor", Some("1"))]).await.unwrap();
    let after =
        set(&stage, "alice", &[("team", None), ("never", None), ("e-mail.work_2", Some(""))]).await.unwrap();
    let expected = [("e-mail.work_2", ""), ("floor", "1")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!(
        (&after, &stage.api.attributes(&stage.realm, "alice").await.unwrap()),
        (&expected.clone().into(), &expected.clone().into())
    );
    let (name, value) = ("n".repeat(101), "v".repeat(1001));
    for bad in ["", "Team", "1st", "_x", "te am", "té", "a/b", name.as_str()] {
        assert_eq!(
            code(set(&stage, "alice", &[("team", Some("x")), (bad, Some("x"))]).await),
            "invalid",
            "{bad:?}"
        );
    }
    assert_eq!(code(set(&stage, "alice", &[("team", Some(&value))]).await), "invalid");
    set(&stage, "alice", &[("team", Some(&value[1..])), (&name[1..], Some("x"))]).await.unwrap();
    set(&stage, "alice", &[("team", None), (&name[1..], None)]).await.unwrap();
    let many: Vec<String> = (0..49).map(|i| format!("n{i}")).collect();
    let all: Vec<_> = many.iter().map(|n| (n.as_str(), Some("x"))).collect();
    assert_eq!(code(set(&stage, "alice", &all).await), "invalid", "two and 49");
    assert_eq!(stage.api.attributes(&stage.realm, "alice").await.unwrap(), expected.into(), "all or nothing");
    assert_eq!(set(&stage, "alice", &all[1..]).await.unwrap().len(), 50);
    assert_eq!(code(set(&stage, "alice", &[("one-more", Some("x"))]).await), "invalid");
    let full = set(&stage, "alice", &[("one-more", Some("x")), ("n7", None)]).await.unwrap();
    let others: Vec<String> = (0..51).map(|i| format!("other{i}")).collect();
    let gone = full.keys().map(|n| (n.as_str(), None));
    let swap: Vec<_> = gone.chain(others.iter().map(|n| (n.as_str(), Some("x")))).collect();
    assert_eq!(code(set(&stage, "alice", &swap).await), "invalid");
    assert_eq!(set(&stage, "alice", &swap[..100]).await.unwrap().len(), 50, "all of them for others at once");
    stage.api.delete_user(&stage.realm, "alice").await.unwrap();
    put(&stage, &[("alice", None)]).await;
    assert!(
        stage.api.attributes(&stage.realm, "alice").await.unwrap().is_empty(),
        "the next alice is somebody else"
    );
}

#[tokio::test]
async fn accounts_are_found_by_user_state_and_app_page_by_page() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let one = stage.phone("alice").await.account.id;
    let two = stage.phone("alice").await.account.id;
    let bob = stage.phone("bob").await.account.id;
    let waiting = stage.new_enrolment("carol", Confirm::Number).await;
    let (carol, _) = Phone::enrol(waiting.link.as_ref().unwrap()).await.unwrap();
    let gone = stage.phone("bob").await.account.id;
    stage.root.delete_account(&stage.realm, &gone).await.unwrap();
    stage.root.block_account(&stage.realm, &two).await.unwrap();
    let find = async |query: &[(&str, &str)]| -> Vec<String> {
        let (mut found, mut token) = (Vec::new(), None::<String>);
        loop {
            let mut query = [query, &[("limit", "2")]].concat();
            query.extend(token.as_deref().map(|t| ("page_token", t)));
            let page = stage.api.search_accounts(&stage.realm, &query).await.unwrap();
            found.extend(page.items.into_iter().map(|a| a.id));
            token = page.next;
            if token.is_none() {
                found.sort();
                return found;
            }
        }
    };
    let carol = carol.account.id;
    for (query, mut expected) in [
        (&[][..], vec![&one, &two, &bob, &carol]),
        (&[("user_id", "alice")], vec![&one, &two]),
        (&[("user_id", "Alice")], vec![]),
        (&[("state", "active")], vec![&one, &bob]),
        (&[("state", "blocked")], vec![&two]),
        (&[("state", "pending")], vec![&carol]),
        (&[("state", "deleted")], vec![]),
        (&[("user_id", "alice"), ("state", "active")], vec![&one]),
        (&[("app", "countersign-phone")], vec![&one, &two, &bob, &carol]),
        (&[("app", "countersign%")], vec![]),
    ] {
        expected.sort();
        assert_eq!(find(query).await.iter().collect::<Vec<_>>(), expected, "{query:?}");
    }
    assert_eq!(code(stage.api.search_accounts(&stage.realm, &[("state", "lost")]).await), "malformed");
}

#[tokio::test]
async fn a_phone_gets_another_name_and_the_users_other_phones_hear_it() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (phone, other) = (stage.phone("alice").await, stage.phone("alice").await);
    let mut online = other.connect().await;
    let rename = async |device: &str| {
        stage
            .root
            .change_account(&stage.realm, &phone.account.id, &ChangeAccount { device: device.into() })
            .await
    };
    for bad in ["", " ", "a\u{202e}b", "two\nlines", &"x".repeat(101)] {
        assert_eq!(code(rename(bad).await), "invalid", "{bad:?}");
    }
    assert_eq!(stage.api.account(&stage.realm, &phone.account.id).await.unwrap().device, "test phone");
    assert_eq!(rename("Alice's old phone").await.unwrap().device, "Alice's old phone");
    match online.next().await.unwrap() {
        Event::DeviceChanged(device) => {
            assert_eq!(
                (device.account.to_string(), device.name),
                (phone.account.id.clone(), "Alice's old phone".into())
            )
        }
        other => panic!("{other:?}"),
    }
    let told = stage.root.events(&stage.realm, &[("action", "account.renamed")]).await.unwrap().items;
    assert_eq!(
        (told.len(), told[0].user_id.as_deref(), &told[0].object),
        (1, Some("alice"), &phone.account.id)
    );
    stage.root.delete_account(&stage.realm, &phone.account.id).await.unwrap();
    assert_eq!(code(rename("gone").await), "not_found");
}

#[tokio::test]
async fn an_account_says_who_blocked_it_and_a_phone_undoes_only_what_a_phone_did() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (phone, lost) = (stage.phone("alice").await, stage.phone("alice").await.account.id);
    let mut online = phone.connect().await;
    let manage = |action| Command::manage(lost.parse().unwrap(), action, None);
    let look = async || -> Account { stage.api.account(&stage.realm, &lost).await.unwrap() };
    assert_eq!(look().await.blocked_by, None);
    online.do_it(&manage(DeviceAction::Block)).await.unwrap();
    assert_eq!(look().await.blocked_by, Some(format!("account:{}", phone.account.id)));
    online.do_it(&manage(DeviceAction::Unblock)).await.unwrap();
    assert_eq!((look().await.state, look().await.blocked_by), (AccountState::Active, None));
    stage.root.block_account(&stage.realm, &lost).await.unwrap();
    let by = format!("key:{}", stage.root.own_api_key().await.unwrap().id);
    assert_eq!(look().await.blocked_by.as_ref(), Some(&by));
    assert_eq!(online.do_it(&manage(DeviceAction::Unblock)).await.unwrap_err().code(), "not_allowed");
    // Blocking a blocked account does not change who blocked it.
    online.do_it(&manage(DeviceAction::Block)).await.unwrap();
    assert_eq!(look().await.blocked_by.as_ref(), Some(&by));
    stage.root.unblock_account(&stage.realm, &lost).await.unwrap();
    assert_eq!(look().await.state, AccountState::Active);
    // But a block by an administrator replaces one by a phone.
    online.do_it(&manage(DeviceAction::Block)).await.unwrap();
    assert_eq!(stage.root.block_account(&stage.realm, &lost).await.unwrap().state, AccountState::Blocked);
    assert_eq!(look().await.blocked_by.as_ref(), Some(&by));
    assert_eq!(online.do_it(&manage(DeviceAction::Unblock)).await.unwrap_err().code(), "not_allowed");
    stage.root.unblock_account(&stage.realm, &lost).await.unwrap();
    assert_eq!(
        stage.root.unblock_account(&stage.realm, &lost).await.unwrap().state,
        AccountState::Active,
        "twice is once"
    );
}
