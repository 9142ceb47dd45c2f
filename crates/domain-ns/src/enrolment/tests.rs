use super::*;
use proptest::prelude::*;

fn enrolment() -> Enrolment {
    Enrolment {
        id: EnrolmentId([1; 16]),
        realm: RealmId([2; 16]),
        client: ClientId([3; 16]),
        user_id: "alice".into(),
        code_hash: [4; 32],
        confirm: Confirm::Number,
        created_at: Time(0),
        expires_at: Time(600_000),
        state: EnrolmentState::Pending,
        tries_left: NUMBER_TRIES,
        redeemed: None,
        approval: None,
        created_by: None,
        factor_of: None,
    }
}

fn event() -> impl Strategy<Value = (Event, u64)> {
    let kind = prop_oneof![
        (0u8..3, 0u8..2).prop_map(|(k, r)| Event::Redeem(Jkt([k; 32]), ReqId([r; 16]))),
        prop_oneof![Just("1234"), Just("0000"), Just("")].prop_map(|n| Event::TypeNumber(n.to_owned())),
        Just(Event::Admit),
        Just(Event::Vouch("1234".to_owned())),
        Just(Event::Turn),
        Just(Event::Cancel),
        Just(Event::Expire),
    ];
    (kind, 0u64..300_000)
}

proptest! {
    /// No sequence of events redeems a code twice, confirms without the number, or leaves a
    /// final state.
    #[test]
    fn no_sequence_of_events_breaks_an_enrolment(events in proptest::collection::vec(event(), 1..25)) {
        let (mut e, mut now, mut wrong) = (enrolment(), 0, 0);
        for (event, later) in events {
            now += later;
            let before = e.clone();
            let Ok(Step::To(state, tries)) = step(&e, &event, Time(now)) else { continue };
            prop_assert!(before.state.version() < 3, "left a final state");
            prop_assert!(state.version() >= before.state.version());
            match &event {
                Event::Redeem(jkt, req) => {
                    prop_assert!(before.redeemed.is_none(), "redeemed twice");
                    prop_assert!(Time(now) < e.expires_at, "redeemed after expiry");
                    e.redeemed = Some(Redeemed { account: AccountId([9; 16]), jkt: *jkt, req_id: *req,
                        device: "x".into(), number: Some("1234".into()) });
                }
                Event::TypeNumber(n) => {
                    prop_assert!(Time(now) < e.expires_at);
                    if n != "1234" { wrong += 1; prop_assert_ne!(state, EnrolmentState::Confirmed); }
                    prop_assert!(wrong <= NUMBER_TRIES);
                }
                Event::Expire => prop_assert!(Time(now) >= e.expires_at),
                Event::Admit | Event::Vouch(_) | Event::Turn => {
                    prop_assert!(false, "confirmed in another way than its own");
                }
                Event::Cancel => {}
            }
            let typed = before.state == EnrolmentState::Redeemed && matches!(event, Event::TypeNumber(_));
            prop_assert!(state != EnrolmentState::Confirmed || typed);
            e.state = state;
            e.tries_left = tries;
        }
    }
}

#[test]
fn each_way_of_confirming_is_for_enrolments_that_asked_for_it() {
    let mut e = enrolment();
    e.state = EnrolmentState::Redeemed;
    e.redeemed = Some(Redeemed {
        account: AccountId([9; 16]),
        jkt: Jkt([1; 32]),
        req_id: ReqId([1; 16]),
        device: "x".into(),
        number: Some("1234".into()),
    });
    let ways = [
        (Confirm::Number, Event::TypeNumber("1234".into())),
        (Confirm::Admin, Event::Admit),
        (Confirm::Phone, Event::Vouch("1234".into())),
    ];
    for confirm in Confirm::ALL {
        e.confirm = confirm;
        for (way, event) in &ways {
            let expected = if *way == confirm {
                Ok(Step::To(EnrolmentState::Confirmed, NUMBER_TRIES))
            } else {
                Err(Refused::NotAllowed)
            };
            assert_eq!(step(&e, event, Time(1)), expected, "{confirm:?} {event:?}");
        }
    }
}

#[test]
fn a_repeated_answer_is_only_for_the_phone_that_redeemed() {
    let mut e = enrolment();
    e.state = EnrolmentState::Redeemed;
    e.redeemed = Some(Redeemed {
        account: AccountId([9; 16]),
        jkt: Jkt([1; 32]),
        req_id: ReqId([1; 16]),
        device: "x".into(),
        number: Some("1234".into()),
    });
    assert_eq!(step(&e, &Event::Redeem(Jkt([1; 32]), ReqId([1; 16])), Time(1)), Ok(Step::SameAgain));
    assert_eq!(step(&e, &Event::Redeem(Jkt([1; 32]), ReqId([2; 16])), Time(1)), Err(Refused::BadEnrolment));
    assert_eq!(step(&e, &Event::Redeem(Jkt([2; 32]), ReqId([1; 16])), Time(1)), Err(Refused::BadEnrolment));
}
