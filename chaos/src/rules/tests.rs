//! Each rule is violated by its own histories, and they violate no other; a correct history
//! violates none.

use super::*;

const SECOND: Micros = 1_000_000;

fn call(what: What, who: &str, (from, till): (Micros, Micros), answer: Answer) -> Call {
    Call { about: "l".into(), who: who.into(), pod: 0, what, from, till, answer }
}

fn state(s: LoginState) -> Answer {
    Answer::State(s)
}

fn is(name: &str) -> Answer {
    Answer::Is(name.into())
}

fn no(code: &str) -> Answer {
    Answer::No(code.into())
}

fn broken(calls: &[Call], disturbances: &[Disturbance]) -> Vec<&'static str> {
    check(calls, disturbances, InTime(5 * SECOND)).into_iter().map(|v| v.rule).collect()
}

fn outage(from: Micros, till: Micros, loses_live_state: bool) -> Disturbance {
    Disturbance { what: "redis killed".into(), from, till, loses_live_state, clocks: 0 }
}

/// A correct login, with everything that may happen to it.
fn good() -> Vec<Call> {
    vec![
        call(What::Create, "rest", (0, 1), is("id")),
        call(What::Create, "rest", (2, 3), is("id")),
        call(What::Wait, "page", (1, 30), state(LoginState::Approved)),
        call(What::Claim, "alice", (3, 4), state(LoginState::Claimed)),
        call(What::Claim, "bob", (3, 5), no("already_claimed")),
        call(What::Approve, "alice", (6, 9), Answer::Lost("cut".into())),
        call(What::Approve, "alice", (10, 20), state(LoginState::Approved)),
        call(What::Cancel, "rest", (21, 22), state(LoginState::Approved)),
        call(What::Redeem, "rest", (23, 24), is("alice")),
        call(What::Redeem, "rest", (23, 25), no("already_redeemed")),
        call(What::Last, "rest", (40, 41), state(LoginState::Ended)),
    ]
}

#[test]
fn a_history_that_is_in_order_breaks_no_rule() {
    assert_eq!(broken(&good(), &[]), [""; 0]);
}

#[test]
fn every_rule_is_broken_by_a_history_of_its_own() {
    let with = |more: &[Call]| [good(), more.to_vec()].concat();
    let histories = [
        ("acknowledged_stays", with(&[call(What::Look, "rest", (30, 31), state(LoginState::Claimed))])),
        ("acknowledged_stays", with(&[call(What::Look, "rest", (30, 31), no("not_found"))])),
        ("one_outcome", with(&[call(What::Cancel, "rest", (5, 22), state(LoginState::Cancelled))])),
        ("one_claimant", with(&[call(What::Claim, "bob", (4, 6), state(LoginState::Claimed))])),
        ("one_redeem", with(&[call(What::Redeem, "rest", (24, 26), is("alice"))])),
        ("one_creation", with(&[call(What::Create, "rest", (4, 5), is("another"))])),
        (
            "one_account_per_code",
            with(&[call(What::Enrol, "a", (4, 5), is("1")), call(What::Enrol, "b", (4, 6), is("2"))]),
        ),
        (
            "everybody_learns",
            with(&[call(What::Wait, "poll", (1, 20 * SECOND), state(LoginState::Approved))]),
        ),
        ("everybody_learns", with(&[call(What::Wait, "poll", (1, 2), Answer::Lost("gave up".into()))])),
        ("everybody_learns", with(&[call(What::Last, "rest", (40, 41), state(LoginState::Approved))])),
    ];
    for (rule, calls) in histories {
        assert_eq!(broken(&calls, &[]), [rule]);
    }
    let wrong_user = [
        call(What::Approve, "alice", (1, 2), state(LoginState::Approved)),
        call(What::Redeem, "rest", (3, 4), is("bob")),
    ];
    assert_eq!(broken(&wrong_user, &[]), ["the_right_user"]);
    let late = [
        call(What::Refuse, "alice", (1, 2), state(LoginState::Refused)),
        call(What::Approve, "alice", (3, 4), state(LoginState::Approved)),
    ];
    assert!(broken(&late, &[]).contains(&"nothing_after_the_end"));
    let waits_in_vain = [
        call(What::Create, "rest", (0, 1), is("id")),
        call(What::Wait, "page", (1, 9), Answer::Lost("gave up".into())),
    ];
    assert_eq!(broken(&waits_in_vain, &[]), ["everybody_learns"]);
}

#[test]
fn what_was_broken_excuses_those_who_wait_and_lost_live_state_excuses_a_second_claim_but_no_second_outcome() {
    let slow =
        [good(), vec![call(What::Wait, "poll", (1, 20 * SECOND), state(LoginState::Approved))]].concat();
    assert_eq!(broken(&slow, &[outage(10, 16 * SECOND, false)]), [""; 0]);
    assert_eq!(broken(&slow, &[outage(10, 14 * SECOND, false)]), ["everybody_learns"]);
    let twice = [good(), vec![call(What::Claim, "bob", (4, 6), state(LoginState::Claimed))]].concat();
    assert_eq!(broken(&twice, &[outage(1, 5, true)]), [""; 0]);
    let two = [good(), vec![call(What::Cancel, "rest", (5, 22), state(LoginState::Cancelled))]].concat();
    assert_eq!(broken(&two, &[outage(1, 5, true)]), ["one_outcome"]);
}
