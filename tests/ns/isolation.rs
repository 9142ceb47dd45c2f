//! No key sees, guesses or disturbs what belongs to another realm or to another client. The
//! operations are read from the API's own description: one that is not in the table fails the test.

mod pages;
mod phones;
mod scene;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use countersign_api::{NewApiKey, Permission, PutRole, roles};

use crate::support::{IN_A_REALM, Key, Pod, Stage};
use scene::{Operation, Victim};
use table::{Comes, Needs, Row, TABLE};

/// Returns each operation with its row of the table.
async fn operations(pod: &Pod) -> Vec<(Operation, &'static Row)> {
    let all = Operation::all(pod).await;
    let (described, judged): (BTreeSet<&str>, BTreeSet<&str>) =
        (all.iter().map(|o| o.id.as_str()).collect(), TABLE.iter().map(|r| r.id).collect());
    assert_eq!(described, judged, "every operation has its line, and every line its operation");
    assert_eq!(judged.len(), TABLE.len(), "one line each");
    all.into_iter()
        .map(|o| {
            let row = TABLE.iter().find(|r| r.id == o.id).unwrap();
            (o, row)
        })
        .collect()
}

/// Checks an answer against the expected one.
fn judge(what: &str, comes: Comes, (status, text): &(u16, String), secrets: &[String]) {
    let problem =
        || serde_json::from_str::<serde_json::Value>(text).unwrap()["code"].as_str().unwrap().to_owned();
    match comes {
        Comes::Nothing => assert_eq!((*status, problem().as_str()), (404, "not_found"), "{what}: {text}"),
        Comes::No => assert_eq!((*status, problem().as_str()), (403, "forbidden"), "{what}: {text}"),
        Comes::Own | Comes::Shared => assert!((200..300).contains(status), "{what}: {status} {text}"),
    }
    if comes != Comes::Shared {
        let told: Vec<_> = secrets.iter().filter(|s| text.contains(s.as_str())).collect();
        assert!(told.is_empty(), "{what} tells {told:?}: {text}");
    }
}

#[tokio::test]
async fn without_a_key_no_operation_answers_and_nothing_happens() {
    let pod = Pod::start();
    let victim = Victim::set(&pod).await;
    let (before, events) = (victim.snapshot().await, victim.events().await);
    for (operation, row) in operations(&pod).await {
        let (status, text) = operation.ask(&pod, row, &victim, &victim.stage.realm, None).await;
        assert!(status == 401 && text.contains(r#""code":"unauthorized""#), "{}: {status} {text}", row.id);
    }
    assert_eq!((victim.snapshot().await, victim.events().await), (before, events));
}

/// Creates keys that have all permissions except those of one endpoint.
async fn lacking(stage: &Stage) -> BTreeMap<String, Key> {
    let mut keys = BTreeMap::new();
    for needs in TABLE.iter().map(|r| r.needs) {
        let name = format!("{needs:?}");
        let role: String = name
            .chars()
            .map(|c| if c.is_ascii_alphabetic() { c.to_ascii_lowercase() } else { '-' })
            .collect();
        let others = |all: Vec<Permission>| {
            all.into_iter().filter(|p| !needs.lacking().contains(p)).collect::<Vec<_>>()
        };
        match needs {
            Needs::In(_) | Needs::OneOf(_) | Needs::Feed if !keys.contains_key(&name) => {
                keys.insert(name, stage.key(&role, &others(IN_A_REALM.to_vec())).await);
            }
            Needs::Everywhere(_) if !keys.contains_key(&name) => {
                let permissions = others([&IN_A_REALM[..], &[Permission::Realms]].concat());
                stage.root.put_global_role(&role, &PutRole { permissions }).await.unwrap();
                keys.insert(name, Key::made(&stage.root, &NewApiKey { role, ..NewApiKey::default() }).await);
            }
            _ => {}
        }
    }
    keys
}

#[tokio::test]
async fn without_its_permission_no_operation_does_anything_though_the_key_has_all_the_others() {
    let pod = Pod::start();
    let victim = Victim::set(&pod).await;
    let keys = lacking(&victim.stage).await;
    let (before, events) = (victim.snapshot().await, victim.events().await);
    for (operation, row) in operations(&pod).await {
        let Some(key) = keys.get(&format!("{:?}", row.needs)) else {
            assert!(matches!(row.needs, Needs::Key | Needs::Member), "{}", row.id);
            continue;
        };
        let answer = operation.ask(&pod, row, &victim, &victim.stage.realm, Some(key)).await;
        judge(row.id, Comes::No, &answer, &victim.of_the_realm());
        assert!(answer.1.contains("the API key's role does not allow this"), "{}: {}", row.id, answer.1);
    }
    assert_eq!((victim.snapshot().await, victim.events().await), (before, events));
}

#[tokio::test]
async fn a_key_of_another_realm_finds_nothing_here_and_nothing_of_here_at_home() {
    let pod = Pod::start();
    let victim = Victim::set(&pod).await;
    let stranger = Stage::set(&pod).await;
    let everything = stranger.key("everything", &IN_A_REALM).await;
    let client = stranger.client_key("everything", &IN_A_REALM).await;
    let (before, events) = (victim.snapshot().await, victim.events().await);
    let (secrets, mut operations) = (victim.of_the_realm(), operations(&pod).await);
    for (operation, row) in &operations {
        let answer = operation.ask(&pod, row, &victim, &victim.stage.realm, Some(&everything)).await;
        judge(&format!("{} abroad", row.id), row.abroad, &answer, &secrets);
        if operation.path.contains("{realm}") {
            let answer = operation.ask(&pod, row, &victim, &victim.stage.realm, Some(&client)).await;
            judge(&format!("{} abroad with a client's key", row.id), row.abroad, &answer, &secrets);
        }
    }
    // Operations that create objects at home come last, so that the others find none. These objects
    // have the names of the victim's, so such names are no secrets here.
    operations.sort_by_key(|(_, row)| row.home == Comes::Own);
    let home: Vec<String> =
        secrets.into_iter().filter(|s| ![&victim.places["app"], "victims"].contains(&s.as_str())).collect();
    for (operation, row) in operations.iter().filter(|(o, _)| o.path.contains("{realm}")) {
        let answer = operation.ask(&pod, row, &victim, &stranger.realm, Some(&everything)).await;
        judge(&format!("{} at home", row.id), row.home, &answer, &home);
    }
    assert_eq!((victim.snapshot().await, victim.events().await), (before, events));
}

/// Whether an ordinary key, of the role `client`, meets the requirement.
fn clients_may(needs: Needs) -> bool {
    use Permission as P;
    match needs {
        Needs::Key | Needs::Member | Needs::Feed => true,
        Needs::In(p) => [P::Logins, P::Signings, P::Messages, P::Webhooks].contains(&p),
        Needs::OneOf(_) | Needs::Everywhere(_) => false,
    }
}

#[tokio::test]
async fn another_client_of_the_realm_finds_its_own_and_the_realms_whatever_its_role() {
    let pod = Pod::start();
    let victim = Victim::set(&pod).await;
    let neighbour = Stage::client_in(&victim.stage.root, &victim.stage.realm, "neighbour").await;
    let everything = neighbour.client_key("everything", &IN_A_REALM).await;
    let id = neighbour.client().await;
    let ordinary = NewApiKey {
        role: roles::CLIENT.into(),
        realm: Some(neighbour.realm.clone()),
        client: Some(id.clone()),
        ..NewApiKey::default()
    };
    let ordinary = Key::made(&neighbour.root, &ordinary).await;
    let (before, events) = (victim.snapshot().await, victim.events().await);
    let secrets = victim.of_the_client();
    for (operation, row) in operations(&pod).await {
        if row.neighbour == Comes::Shared && !["list", "get"].iter().any(|read| row.id.starts_with(read)) {
            // A key with the permission may change what belongs to the realm, since that belongs to
            // no client.
            assert!(row.needs != Needs::In(Permission::Logins), "{}", row.id);
            continue;
        }
        let answer = operation.ask(&pod, row, &victim, &victim.stage.realm, Some(&everything)).await;
        // The export of a user names the client and the key that enrolled each phone.
        let inviter = ["client", "key"].map(|place| &victim.places[place]);
        let secrets: Vec<String> =
            secrets.iter().filter(|s| row.id != "exportUser" || !inviter.contains(s)).cloned().collect();
        judge(&format!("{} next door", row.id), row.neighbour, &answer, &secrets);
        let comes = if clients_may(row.needs) { row.neighbour } else { Comes::No };
        let answer = operation.ask(&pod, row, &victim, &victim.stage.realm, Some(&ordinary)).await;
        judge(&format!("{} next door with an ordinary key", row.id), comes, &answer, &secrets);
    }
    assert_eq!(victim.snapshot().await, before);
    let (actors, after) =
        ([&everything.id, &ordinary.id].map(|id| format!("key:{id}")), victim.events().await);
    assert_eq!(after[..events.len()], events);
    for event in &after[events.len()..] {
        assert!(actors.contains(&event.actor) && event.client.as_ref() == Some(&id), "{event:?}");
    }
    assert!(after.len() > events.len(), "what it did at its own is told");
}

/// Returns, for each operation, the roles that may use it by the documentation.
fn documented() -> BTreeMap<String, BTreeSet<&'static str>> {
    const PAGE: &str = include_str!("../../docs/API.md");
    let (_, rest) =
        PAGE.split_once("<!-- made from the table of endpoints; a test keeps it so -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- end of what is made -->").unwrap();
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    let mut lines = table.lines();
    let roles = cells(lines.next().unwrap())[1..].to_vec();
    let row = |line: &'static str| {
        let cells = cells(line);
        let may =
            roles.iter().zip(&cells[1..]).filter(|(_, cell)| **cell == "✓").map(|(role, _)| *role).collect();
        (cells[0].split('`').nth(1).unwrap().to_owned(), may)
    };
    lines.skip(1).map(row).collect()
}

/// Each role calls every operation for objects that do not exist. In its own realm, it is refused
/// for its role exactly where the documentation says so; in another realm, it finds nothing.
#[tokio::test]
async fn every_role_may_use_exactly_what_the_documents_say() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let elsewhere = Stage::set(&pod).await;
    let (documented, all) = (documented(), operations(&pod).await);
    assert_eq!(documented.len(), all.len());
    let client = Some(stage.client().await);
    for role in [
        roles::CLIENT,
        roles::REGISTRAR,
        roles::HELP_DESK,
        roles::VIEWER,
        roles::AUDITOR,
        roles::REALM_ADMIN,
        roles::ROOT,
    ] {
        let bound = [roles::CLIENT, roles::REGISTRAR, roles::HELP_DESK].contains(&role);
        let new = NewApiKey {
            role: role.into(),
            realm: (role != roles::ROOT).then(|| stage.realm.clone()),
            client: client.clone().filter(|_| bound && role != roles::HELP_DESK),
            ..NewApiKey::default()
        };
        let key = Key::made(&stage.root, &new).await;
        for (operation, row) in all.iter().filter(|(o, _)| o.id != "rotateOwnApiKey") {
            let may = documented[&operation.id].contains(role);
            let (status, text) = operation.ask_for_nothing(&pod, row, &stage.realm, &key).await;
            let refused = status == 403 && text.contains("the API key's role does not allow this");
            assert!(refused != may && status != 401, "{role} {}: {status} {text}", operation.id);
            if operation.path.contains("{realm}") && role != roles::ROOT {
                let (status, text) = operation.ask_for_nothing(&pod, row, &elsewhere.realm, &key).await;
                assert!(
                    status == 404 && text.contains("not_found"),
                    "{role} abroad {}: {status} {text}",
                    operation.id
                );
            }
        }
    }
}
