//! Changing the settings of a realm.

use countersign_api::{ChangeRealm, Limit, Limits, NumberMatch, Realm, RealmSettings};
use serde_json::{Value, json};

use crate::support::{Pod, Stage};

/// Sends a PATCH of the realm with this body; returns the status and the pointer to the error.
async fn patch(pod: &Pod, stage: &Stage, body: &Value) -> (u16, String) {
    let request = reqwest::Client::new().patch(format!("{}/v1/realms/{}", pod.url("rest"), stage.realm));
    let answer = request.bearer_auth(pod.root_key()).json(body).send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    (status, body["errors"][0]["pointer"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn changes_of_different_settings_at_the_same_time_are_all_kept() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let one = |settings: RealmSettings| {
        let (root, realm) = (stage.root.clone(), stage.realm.clone());
        async move {
            root.change_realm(&realm, &ChangeRealm { settings, ..ChangeRealm::default() }).await.unwrap()
        }
    };
    for n in [100, 200, 300, 400] {
        tokio::join!(
            one(RealmSettings { login_secs: Some(n), ..RealmSettings::default() }),
            one(RealmSettings { redeem_secs: Some(n), ..RealmSettings::default() }),
            one(RealmSettings { session_secs: Some(n), ..RealmSettings::default() }),
            one(RealmSettings { enrolment_secs: Some(n), ..RealmSettings::default() }),
        );
        let now = stage.root.realm(&stage.realm).await.unwrap().settings;
        assert_eq!([now.login_secs, now.redeem_secs, now.session_secs, now.enrolment_secs], [Some(n); 4]);
    }
}

/// A setting, its minimum and its maximum.
const BOUNDS: [(&str, i64, i64); 9] = [
    ("login_secs", 30, 900),
    ("redeem_secs", 10, 900),
    ("session_secs", 60, 2_592_000),
    ("enrolment_secs", 60, 2_592_000),
    ("silence_secs", 15, 86_400),
    ("further_phone_secs", 3600, 2_592_000),
    ("trail_days", 400, 3650),
    ("outcome_days", 1826, 3650),
    ("unclaimed_hours", 1, 8760),
];

async fn what_is_wrong_is_refused(pod: &Pod, stage: &Stage, before: &Realm) {
    for (name, least, most) in BOUNDS {
        for bad in [least - 1, most + 1] {
            // `silence_secs` may also be 0, which switches it off.
            let answer =
                patch(pod, stage, &json!({"display_name": "Changed", "settings": {name: bad}})).await;
            assert_eq!(answer, (422, format!("/settings/{name}")), "{bad}");
        }
    }
    let limits = serde_json::to_value(before.settings.limits.unwrap()).unwrap();
    for (pointer, bad) in [
        ("/user/most", 0),
        ("/client/secs", 86_401),
        ("/address_accounts", 65),
        ("/quarantine_secs", 604_801),
    ] {
        let mut limits = limits.clone();
        *limits.pointer_mut(pointer).unwrap() = json!(bad);
        let answer = patch(pod, stage, &json!({"settings": {"limits": limits}})).await;
        assert_eq!(answer, (422, format!("/settings/limits{pointer}")));
    }
    assert_eq!(
        patch(pod, stage, &json!({"settings": {"enrolment_confirm": []}})).await,
        (422, "/settings/enrolment_confirm".into())
    );
    assert_eq!(patch(pod, stage, &json!({"display_name": ""})).await, (422, "/display_name".into()));
    for bad in [
        json!({"settings": {"more": 1}}),
        json!({"name": "other"}),
        json!({"settings": {"limits": []}}),
        json!({"settings": []}),
    ] {
        assert_eq!(patch(pod, stage, &bad).await.0, 400, "{bad}");
    }
}

#[tokio::test]
async fn settings_that_are_given_change_within_their_bounds_and_the_others_stay() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let before = stage.root.realm(&stage.realm).await.unwrap();
    what_is_wrong_is_refused(&pod, &stage, &before).await;
    assert_eq!(stage.root.realm(&stage.realm).await.unwrap(), before, "nothing of a refused change was done");
    for (name, least, most) in BOUNDS {
        for good in [least, most] {
            assert_eq!(patch(&pod, &stage, &json!({"settings": {name: good}})).await.0, 200);
            let is = serde_json::to_value(stage.root.realm(&stage.realm).await.unwrap().settings).unwrap();
            assert_eq!(is[name], good);
        }
    }
    let after = stage.root.realm(&stage.realm).await.unwrap();
    let bounded = RealmSettings {
        login_secs: Some(900),
        redeem_secs: Some(900),
        silence_secs: Some(86_400),
        ..before.settings.clone()
    };
    let longest = RealmSettings { session_secs: Some(2_592_000), enrolment_secs: Some(2_592_000), ..bounded };
    let kept = RealmSettings {
        unclaimed_hours: Some(8760),
        trail_days: Some(3650),
        outcome_days: Some(3650),
        ..longest
    };
    assert_eq!(after.settings, RealmSettings { further_phone_secs: Some(2_592_000), ..kept });
    let change = ChangeRealm {
        display_name: Some("New".into()),
        settings: RealmSettings { silence_secs: Some(0), ..RealmSettings::default() },
    };
    let changed = stage.root.change_realm(&stage.realm, &change).await.unwrap();
    assert_eq!(
        (changed.display_name.as_str(), changed.settings.silence_secs, changed.created_at),
        ("New", Some(0), before.created_at)
    );
    // Changing one limit and one number setting leaves the others as they are.
    let user = Some(Limit { most: 1, secs: 1 });
    let few = RealmSettings {
        limits: Some(Limits { user, ..Limits::default() }),
        number_match: Some(NumberMatch { qr: Some(true), ..NumberMatch::default() }),
        ..RealmSettings::default()
    };
    let after = stage
        .root
        .change_realm(&stage.realm, &ChangeRealm { settings: few, ..ChangeRealm::default() })
        .await
        .unwrap()
        .settings;
    assert_eq!(after.limits, Some(Limits { user, ..changed.settings.limits.unwrap() }));
    assert_eq!(
        after.number_match,
        Some(NumberMatch { qr: Some(true), ..changed.settings.number_match.unwrap() })
    );
}
