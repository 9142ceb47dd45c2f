//! Properties of the login state machine, over random sequences of events.

use super::*;
use proptest::prelude::*;

const RIGHT: [u8; 16] = [7; 16];

fn login(expected: Option<&str>) -> Login {
    Login {
        id: LoginId([1; 16]),
        realm: RealmId([2; 16]),
        client: ClientId([3; 16]),
        realm_name: "Example".into(),
        client_name: "Shop".into(),
        created_at: Time(0),
        expires_at: Time(120_000),
        expected_user: expected.map(str::to_owned),
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
    }
}

fn account() -> impl Strategy<Value = AccountId> {
    (0u8..3).prop_map(|n| AccountId([n; 16]))
}

fn event() -> impl Strategy<Value = (Event, u64)> {
    let number = || proptest::option::of(prop_oneof![Just("42".to_owned()), Just("24".to_owned())]);
    let via = proptest::sample::select(Via::ALL.to_vec());
    let claim = (account(), prop_oneof![Just("alice"), Just("mallory")], via, number()).prop_map(
        |(account, user, via, number)| {
            Event::Claim(Claim { account, user_id: user.into(), via, number, at: Time(0), factor: None })
        },
    );
    let reason = proptest::option::of(Just(RefuseReason::NotMe));
    let decide = (account(), any::<bool>(), reason, number()).prop_map(|(account, yes, reason, number)| {
        Event::Decide {
            account,
            verdict: if yes { Verdict::Approve } else { Verdict::Refuse },
            reason,
            number,
        }
    });
    let redeem = proptest::option::of(prop_oneof![Just(RIGHT), Just([8; 16])])
        .prop_map(|return_token| Event::Redeem { return_token, expected: RIGHT });
    let end = prop_oneof![Just(EndedBy::Phone), Just(EndedBy::Client), Just(EndedBy::Lifetime)]
        .prop_map(Event::End);
    let disown = account().prop_map(|a| Event::Disown(a, EndedBy::AccountBlocked));
    let kind = prop_oneof![4 => claim, 4 => decide, 1 => disown, 1 => Just(Event::Cancel),
        1 => Just(Event::Expire), 3 => redeem, 1 => end];
    (kind, prop_oneof![5 => 0u64..2_000, 1 => 0u64..130_000])
}

/// Sets the realm's lifetimes, as the flow does after [`step`] approves.
fn with_lifetimes(state: LoginProgress, now: Time) -> LoginProgress {
    match state {
        LoginProgress::Approved { claim, redeemed: false, .. } => LoginProgress::Approved {
            claim,
            redeem_by: now.plus_secs(120),
            ends_at: now.plus_secs(3600),
            redeemed: false,
        },
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// No sequence of events leaves a terminal state, approves twice, approves expired or refused,
    /// approves with another account, redeems twice or without its return token, or lets another
    /// user than the expected one in.
    #[test]
    fn no_sequence_of_events_breaks_a_login(expected in any::<bool>(),
        events in proptest::collection::vec(event(), 1..40)) {
        let login = login(expected.then_some("alice"));
        let (mut state, mut now) = (LoginProgress::Pending, Time(0));
        let (mut approvals, mut redemptions, mut claimed_by) = (0, 0, None::<Claim>);
        for (event, later) in events {
            now = Time(now.0 + later);
            let before = state.clone();
            let Ok(next) = step(&login, &state, &event, now) else { continue };
            let approved_now = matches!(event, Event::Decide { .. }) && matches!(next,
                LoginProgress::Approved { .. });
            let next = if approved_now { with_lifetimes(next, now) } else { next };

            prop_assert!(next.public().version() >= before.public().version(), "the version ran backwards");
            let terminal = matches!(before,
                LoginProgress::Refused {
                    .. } | LoginProgress::Cancelled | LoginProgress::Expired | LoginProgress::Ended { .. });
            prop_assert!(!terminal, "{before:?} was left by {event:?}");
            if matches!(before, LoginProgress::Approved { .. }) {
                prop_assert!(matches!(next, LoginProgress::Approved { .. } | LoginProgress::Ended { .. }),
                    "an approval was taken back");
            }
            match &event {
                Event::Claim(claim) => {
                    prop_assert!(now < login.expires_at);
                    prop_assert!(!expected || claim.user_id == "alice" || claimed_by.is_some());
                    if let Some(first) = &claimed_by {
                        prop_assert_eq!(first.account, claim.account, "claimed by two accounts");
                    } else {
                        claimed_by = Some(claim.clone());
                    }
                }
                Event::Decide { account, number, .. } => {
                    let wanted = claimed_by.as_ref().and_then(|c| c.number.clone());
                    prop_assert!(!approved_now || wanted.is_none() || wanted == *number, "approved with a \
                        wrong number");
                    prop_assert_eq!(claimed_by.as_ref().map(|c| c.account), Some(*account), "decided by \
                        another account");
                    prop_assert!(now < login.expires_at, "decided after expiry");
                    approvals += u32::from(approved_now);
                }
                Event::Redeem { return_token, .. } => {
                    redemptions += 1;
                    let returns = claimed_by.as_ref().is_some_and(|c| c.via.returns());
                    prop_assert!(!returns || *return_token == Some(RIGHT), "redeemed without its return \
                        token");
                }
                Event::Expire => prop_assert!(now >= login.expires_at),
                Event::Disown(..) | Event::Cancel | Event::End(_) => {}
            }
            prop_assert!(approvals <= 1 && redemptions <= approvals, "approved or redeemed twice");
            if let (LoginProgress::Approved { claim, .. }, Some(first)) = (&next, &claimed_by) {
                prop_assert_eq!(&claim.user_id, &first.user_id);
                prop_assert!(!expected || claim.user_id == "alice", "another user than the expected one");
            }
            state = next;
        }
    }
}

#[test]
fn claiming_again_gives_the_first_claim_back_even_when_the_way_differs() {
    let first = Claim {
        account: AccountId([1; 16]),
        user_id: "alice".into(),
        via: Via::Link,
        number: Some("42".into()),
        at: Time(0),
        factor: None,
    };
    let again = Claim { via: Via::Qr, number: None, ..first.clone() };
    let state = LoginProgress::Claimed(first);
    assert_eq!(step(&login(None), &state, &Event::Claim(again), Time(1)), Ok(state));
}

#[test]
fn the_time_to_redeem_ends() {
    let claim = Claim {
        account: AccountId([1; 16]),
        user_id: "alice".into(),
        via: Via::Qr,
        number: None,
        at: Time(0),
        factor: None,
    };
    let state = LoginProgress::Approved { claim, redeem_by: Time(10), ends_at: Time(99), redeemed: false };
    let event = Event::Redeem { return_token: None, expected: RIGHT };
    assert_eq!(step(&login(None), &state, &event, Time(10)), Err(Refused::TooLate));
}

#[test]
fn there_is_one_try_for_the_number_and_none_is_a_wrong_one() {
    let account = AccountId([1; 16]);
    let claim = Claim {
        account,
        user_id: "alice".into(),
        via: Via::Link,
        number: Some("42".into()),
        at: Time(0),
        factor: None,
    };
    for (typed, right) in [(Some("42"), true), (Some("24"), false), (None, false), (Some("042"), false)] {
        let event = Event::Decide {
            account,
            verdict: Verdict::Approve,
            reason: None,
            number: typed.map(str::to_owned),
        };
        let next =
            step(&login(None), &LoginProgress::Claimed(claim.clone()), &event, Time(1)).expect("decided");
        assert_eq!(matches!(next, LoginProgress::Approved { .. }), right, "{typed:?}");
        assert_eq!(next == LoginProgress::Refused { reason: WRONG_NUMBER.into() }, !right, "{typed:?}");
    }
}
