//! A user's running logins, the timeline of a login, the export of stored data, and erasure.

use countersign_api::{Confirm, LoginState, NewLogin, PutUser, Via};
use countersign_sdk::Command;
use futures_util::{StreamExt, stream};

use crate::support::{IN_A_REALM, Page, Pod, Stage, claim, code};

#[tokio::test]
async fn a_client_sees_what_of_its_own_runs_and_an_administrator_what_runs() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let neighbour = Stage::client_in(&stage.root, &stage.realm, "neighbour").await;
    let mut online = stage.phone("alice").await.connect().await;
    let (mine, theirs) = (stage.approved(&mut online).await, neighbour.approved(&mut online).await);
    stage.claimed(&mut online).await;
    let bobs = stage.approved(&mut stage.phone("bob").await.connect().await).await;
    let running = async |api: &countersign_api::ApiClient, user: &str| {
        let mut ids: Vec<String> =
            api.user_logins(&stage.realm, user).await.unwrap().items.into_iter().map(|l| l.id).collect();
        ids.sort();
        ids
    };
    let mut both = [mine.id.clone(), theirs.id.clone()];
    both.sort();
    assert_eq!(running(&stage.root, "alice").await, both);
    assert_eq!(running(&stage.api, "alice").await, [mine.id.as_str()]);
    assert_eq!(running(&neighbour.api, "alice").await, [theirs.id.as_str()]);
    assert_eq!(running(&neighbour.api, "bob").await, [""; 0]);
    stage.api.logout(&stage.realm, &mine.id).await.unwrap();
    assert_eq!(running(&stage.api, "alice").await, [""; 0]);
    assert_eq!(running(&stage.root, "bob").await, [bobs.id]);
}

#[tokio::test]
async fn logging_a_user_out_everywhere_ends_every_login_and_tells_phone_and_page() {
    let pod = Pod::with(&[], &[("COUNTERSIGN_WAIT_SAFETY_POLL_MS", "60000")]);
    let stage = Stage::set(&pod).await;
    let neighbour = Stage::client_in(&stage.root, &stage.realm, "neighbour").await;
    let (one, two) = (stage.phone("alice").await, stage.phone("alice").await);
    let (mut one, mut two) = (one.connect().await, two.connect().await);
    let logins = [stage.approved(&mut one).await, stage.approved(&mut two).await];
    let theirs = neighbour.approved(&mut one).await;
    let bobs = stage.approved(&mut stage.phone("bob").await.connect().await).await;
    let mut page = Page::open(&logins[0]).await;
    page.until(LoginState::Approved).await;
    assert_eq!(stage.root.logout_user(&stage.realm, "alice").await.unwrap().ended, 3);
    assert_eq!(page.until(LoginState::Ended).await["reason"], "everywhere");
    // One event for each login, visible to its client.
    let told = stage
        .root
        .events(&stage.realm, &[("action", "login.ended"), ("user_id", "alice")])
        .await
        .unwrap()
        .items;
    let mut clients: Vec<_> = told.iter().map(|e| (e.client.clone(), e.detail.as_deref())).collect();
    clients.sort();
    let mut wanted = [
        (Some(stage.client().await), Some("everywhere")),
        (Some(stage.client().await), Some("everywhere")),
        (Some(neighbour.client().await), Some("everywhere")),
    ];
    wanted.sort();
    assert_eq!(clients, wanted);
    two.until(countersign_sdk::LoginState::Ended).await.unwrap();
    for login in &logins {
        assert_eq!(stage.look(login).await.reason.as_deref(), Some("everywhere"));
    }
    assert_eq!(neighbour.look(&theirs).await.state, LoginState::Ended);
    assert_eq!(stage.look(&bobs).await.state, LoginState::Approved);
    for user in ["alice", "nobody"] {
        assert_eq!(stage.api.logout_user(&stage.realm, user).await.unwrap().ended, 0);
    }
}

#[tokio::test]
async fn a_timeline_tells_each_step_of_a_login_and_names_nobody() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let mut online = phone.connect().await;
    let steps = async |id: &str| {
        let timeline = stage.api.timeline(&stage.realm, id).await.unwrap();
        let text = serde_json::to_string(&timeline).unwrap();
        assert!(
            timeline.login == id && !text.contains("alice") && !text.contains(&phone.account.id),
            "{text}"
        );
        assert!(timeline.steps.windows(2).all(|w| w[0].at <= w[1].at), "{text}");
        timeline
            .steps
            .into_iter()
            .map(|s| s.detail.map_or(s.step.clone(), |d| format!("{} {d}", s.step)))
            .collect::<Vec<_>>()
    };
    let login = stage
        .api
        .create_login(&stage.realm, &NewLogin { to_user: Some("alice".into()), ..NewLogin::default() })
        .await
        .unwrap();
    assert_eq!(steps(&login.id).await, ["created"]);
    let prompt = claim(&mut online, &Page::open(&login).await.qr().await).await.unwrap();
    assert_eq!(steps(&login.id).await, ["created", "claimed qr"]);
    online.do_it(&Command::approve(&prompt)).await.unwrap();
    assert_eq!(steps(&login.id).await, ["created", "claimed qr", "approved"]);
    assert_eq!(stage.api.redeem(&stage.realm, &login.id, None).await.unwrap().via, Via::Qr);
    stage.api.logout(&stage.realm, &login.id).await.unwrap();
    assert_eq!(steps(&login.id).await, ["created", "claimed qr", "approved", "redeemed", "ended client"]);

    let refused = stage.new_login().await;
    let prompt = claim(&mut online, &Page::open(&refused).await.link().await).await.unwrap();
    online.do_it(&Command::refuse(&prompt, countersign_sdk::RefuseReason::NotMe)).await.unwrap();
    assert_eq!(steps(&refused.id).await, ["created", "claimed link", "refused not_me"]);
    let cancelled = stage.new_login().await;
    stage.api.cancel_login(&stage.realm, &cancelled.id).await.unwrap();
    assert_eq!(steps(&cancelled.id).await, ["created", "cancelled"]);
    assert_eq!(
        code(stage.api.timeline(&stage.realm, "00000000-0000-0000-0000-000000000000").await),
        "not_found"
    );
}

/// The export is written piece by piece, each of five hundred rows.
#[tokio::test]
async fn an_export_of_several_pieces_is_one_object_with_every_row() {
    const MANY: usize = 1_100;
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let put = async |n: usize| {
        let user = PutUser { display_name: Some(format!("Alice {n}")) };
        stage.root.put_user(&stage.realm, "alice", &user).await.unwrap()
    };
    put(0).await;
    stream::iter(1..MANY).map(put).buffer_unordered(16).collect::<Vec<_>>().await;
    let export = stage.root.export_user(&stage.realm, "alice").await.unwrap();
    let changes = export.events.iter().filter(|e| e.action == "user.changed").count();
    assert_eq!((changes, export.events.len()), (MANY - 1, MANY + 1), "and created, and exported");
    assert!(export.events.is_sorted_by(|a, b| a.seq < b.seq));
}

#[tokio::test]
async fn an_export_holds_all_that_is_kept_of_one_user_and_of_no_other() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let neighbour = Stage::client_in(&stage.root, &stage.realm, "neighbour").await;
    let phone = stage.phone("alice").await;
    let mut online = phone.connect().await;
    let attributes = [("team".to_owned(), Some("red".to_owned()))].into_iter().collect();
    stage.api.change_attributes(&stage.realm, "alice", &attributes).await.unwrap();
    let (ended, theirs) = (stage.approved(&mut online).await, neighbour.approved(&mut online).await);
    online.do_it(&Command::logout(ended.id.parse().unwrap())).await.unwrap();
    stage.approved(&mut stage.phone("bob").await.connect().await).await;
    let export = stage.root.export_user(&stage.realm, "alice").await.unwrap();
    assert_eq!(
        (export.user.user_id.as_str(), export.attributes["team"].as_str(), export.accounts.len()),
        ("alice", "red", 1)
    );
    let mut found: Vec<_> =
        export.logins.iter().map(|l| (l.login.id.clone(), l.login.state, l.account_id.clone())).collect();
    found.sort_by_key(|l| l.0 != ended.id);
    let account = Some(phone.account.id.clone());
    let expected = [
        (ended.id.clone(), LoginState::Ended, account.clone()),
        (theirs.id.clone(), LoginState::Approved, account),
    ];
    assert_eq!(found, expected);
    assert!(export.logins.iter().all(|l| l.decision.is_some()));
    assert!(export.events.iter().all(|e| e.user_id.as_deref() == Some("alice")));
    let actions: Vec<&str> = export.events.iter().map(|e| e.action.as_str()).collect();
    let told = [
        "enrolment.created",
        "enrolment.confirmed",
        "user.attributes",
        "login.approved",
        "login.approved",
        "login.ended",
        "user.exported",
    ];
    assert_eq!(actions, told, "that it was exported, too");
    assert!(!serde_json::to_string(&export).unwrap().contains("bob"));
    // A client with the permission exports only what is its own.
    let key = neighbour.client_key("reader", &IN_A_REALM).await;
    let export = key.api.export_user(&stage.realm, "alice").await.unwrap();
    assert_eq!(export.logins.iter().map(|l| l.login.id.as_str()).collect::<Vec<_>>(), [theirs.id.as_str()]);
    assert_eq!(
        export.events.iter().map(|e| e.object.as_str()).collect::<Vec<_>>(),
        [theirs.id.as_str(), "alice"]
    );
    assert_eq!(code(stage.root.export_user(&stage.realm, "nobody").await), "not_found");
}

#[tokio::test]
async fn erasing_a_user_leaves_what_is_merely_called_the_same() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    stage.key("ops", &IN_A_REALM).await;
    stage.api.put_user(&stage.realm, "ops", &PutUser::default()).await.unwrap();
    let told = async || stage.root.events(&stage.realm, &[("object", "ops")]).await.unwrap().items;
    let (before, erased) = (told().await, stage.root.erase_user(&stage.realm, "ops").await.unwrap());
    assert_eq!(
        before.iter().map(|e| e.action.as_str()).collect::<Vec<_>>(),
        ["role.created", "user.created"]
    );
    assert_eq!(told().await, before[..1], "the role is nobody");
    let theirs = stage.root.events(&stage.realm, &[("object", &erased.pseudonym)]).await.unwrap().items;
    assert_eq!(
        theirs.iter().map(|e| e.action.as_str()).collect::<Vec<_>>(),
        ["user.created", "user.deleted", "user.erased"]
    );
}

/// Returns everything that the realm's API answers, as one text.
async fn all_answers(stage: &Stage) -> String {
    let (root, realm) = (&stage.root, stage.realm.as_str());
    let most = [("limit", "1000")];
    let mut all = vec![
        serde_json::to_string(&root.users(realm, &most).await.unwrap()).unwrap(),
        serde_json::to_string(&root.search_accounts(realm, &most).await.unwrap()).unwrap(),
        serde_json::to_string(&root.enrolments(realm, &most).await.unwrap()).unwrap(),
        serde_json::to_string(&root.events(realm, &most).await.unwrap()).unwrap(),
        serde_json::to_string(&root.global_events(&most).await.unwrap()).unwrap(),
        root.export_events(realm).await.unwrap().text().await.unwrap(),
    ];
    for event in root.events(realm, &[("action", "login"), ("limit", "1000")]).await.unwrap().items {
        all.push(serde_json::to_string(&root.login(realm, &event.object, 0, 0).await.unwrap()).unwrap());
        all.push(serde_json::to_string(&root.timeline(realm, &event.object).await.unwrap()).unwrap());
    }
    all.concat()
}

#[tokio::test]
async fn who_is_erased_is_named_nowhere_and_what_happened_can_still_be_counted() {
    const NAME: &str = "erika.mustermann";
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone(NAME).await;
    let mut online = phone.connect().await;
    let attributes = [("name".to_owned(), Some("Erika".to_owned()))].into_iter().collect();
    stage.api.change_attributes(&stage.realm, NAME, &attributes).await.unwrap();
    let login = stage.approved(&mut online).await;
    stage.api.redeem(&stage.realm, &login.id, None).await.unwrap();
    let new =
        NewLogin { to_user: Some(NAME.into()), text: Some(format!("{NAME} logs in")), ..NewLogin::default() };
    let directed = stage.api.create_login(&stage.realm, &new).await.unwrap();
    online.do_it(&Command::directed(directed.id.parse().unwrap())).await.unwrap();
    stage.new_enrolment(NAME, Confirm::Admin).await;
    stage.approved(&mut stage.phone("bob").await.connect().await).await;
    let before = stage.root.events(&stage.realm, &[("limit", "1000")]).await.unwrap().items;
    assert!(all_answers(&stage).await.contains(NAME));
    let key = stage.client_key("reader", &IN_A_REALM).await;
    assert_eq!(code(key.api.erase_user(&stage.realm, NAME).await), "forbidden", "it concerns every client");

    let erased = stage.root.erase_user(&stage.realm, NAME).await.unwrap();
    let answers = all_answers(&stage).await;
    assert!(!answers.contains(NAME) && !answers.contains("Erika"), "{answers}");
    let after = stage.root.events(&stage.realm, &[("limit", "1000")]).await.unwrap().items;
    for (was, is) in before.iter().zip(&after) {
        assert_eq!((was.seq, &was.at, &was.actor, &was.action), (is.seq, &is.at, &is.actor, &is.action));
        let named = was.user_id.as_deref().map(|u| if u == NAME { erased.pseudonym.as_str() } else { u });
        assert_eq!(is.user_id.as_deref(), named);
    }
    let told = after.iter().filter(|e| e.action == "user.erased").map(|e| &e.object).collect::<Vec<_>>();
    assert_eq!(told, [&erased.pseudonym]);
    let counted = stage
        .root
        .events(&stage.realm, &[("user_id", &erased.pseudonym), ("action", "login")])
        .await
        .unwrap()
        .items;
    let actions: Vec<_> = counted.iter().map(|e| e.action.as_str()).collect();
    assert_eq!(
        actions,
        ["login.approved", "login.redeemed", "login.ended", "login.refused"],
        "what was claimed is refused, what ran has ended"
    );
    assert_eq!(stage.look(&login).await.state, LoginState::Ended);
    let gone = phone.try_connect().await.map(drop).unwrap_err();
    assert_eq!(gone.code(), "deleted");
    for asked in [
        stage.root.user(&stage.realm, NAME).await.map(drop),
        stage.root.erase_user(&stage.realm, NAME).await.map(drop),
    ] {
        assert_eq!(code(asked), "not_found");
    }
    stage.root.user(&stage.realm, "bob").await.unwrap();
}
