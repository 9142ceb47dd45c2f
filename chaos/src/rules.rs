//! The rules that every history must keep, whatever was broken. The check is pure: it maps a
//! history to violations.

use std::collections::{BTreeMap, BTreeSet};

use countersign_api::LoginState;
use serde::Serialize;

use crate::history::{Answer, Call, Disturbance, Micros, What};

/// The rules: the name in reports, and what each one requires.
pub const RULES: [(&str, &str); 9] = [
    ("acknowledged_stays", "an approval that was acknowledged is approved for everybody who looks later"),
    ("one_outcome", "a login is never said to be two of approved, refused, cancelled and expired"),
    (
        "nothing_after_the_end",
        "nobody approves what was acknowledged as refused, cancelled or expired before",
    ),
    ("one_claimant", "a login is claimed by one phone, unless live state was lost meanwhile"),
    ("one_redeem", "an identity is given out once"),
    ("the_right_user", "it is the identity of the phone that approved"),
    ("one_account_per_code", "an enrolment code makes one account"),
    ("one_creation", "a repeated request makes one login"),
    ("everybody_learns", "who waits learns the outcome in time, and all pods agree in the end"),
];

/// One violation of a rule.
#[derive(Clone, Debug, Serialize)]
pub struct Violation {
    pub rule: &'static str,
    pub about: String,
    pub why: String,
}

/// How long a waiter may take when nothing is broken: somewhat longer than the safety poll.
#[derive(Clone, Copy, Debug)]
pub struct InTime(pub Micros);

const fn is_outcome(state: LoginState) -> bool {
    matches!(
        state,
        LoginState::Approved
            | LoginState::Refused
            | LoginState::Cancelled
            | LoginState::Expired
            | LoginState::Ended
    )
}

/// Maps `Ended` to `Approved`, because only approved logins end.
const fn outcome(state: LoginState) -> LoginState {
    match state {
        LoginState::Ended => LoginState::Approved,
        other => other,
    }
}

/// Returns the outcome that this answer reports, if any.
fn told(call: &Call) -> Option<LoginState> {
    match call.answer {
        Answer::State(state) if is_outcome(state) => Some(outcome(state)),
        _ => None,
    }
}

struct Check<'a> {
    about: &'a str,
    calls: Vec<&'a Call>,
    disturbances: &'a [Disturbance],
    found: Vec<Violation>,
}

impl Check<'_> {
    fn violated(&mut self, rule: &'static str, why: String) {
        self.found.push(Violation { rule, about: self.about.to_owned(), why });
    }

    fn of(&self, what: What) -> impl Iterator<Item = &Call> {
        self.calls.iter().copied().filter(move |c| c.what == what)
    }

    fn names(&self, what: What) -> BTreeSet<String> {
        self.of(what)
            .filter_map(|c| if let Answer::Is(name) = &c.answer { Some(name.clone()) } else { None })
            .collect()
    }

    /// Whether live state may have been lost since the first request about this object.
    fn forgotten(&self) -> bool {
        let from = self.calls.iter().map(|c| c.from).min().unwrap_or(0);
        self.disturbances.iter().any(|d| d.loses_live_state && d.till >= from)
    }

    fn outcomes(&mut self) {
        let all: BTreeMap<String, &Call> =
            self.calls.iter().filter_map(|c| told(c).map(|s| (format!("{s:?}"), *c))).collect();
        if all.len() > 1 {
            let why = all
                .iter()
                .map(|(s, c)| format!("{s} by {:?} of {} at pod {}", c.what, c.who, c.pod))
                .collect::<Vec<_>>()
                .join(", ");
            self.violated("one_outcome", why);
        }
        let approved =
            self.of(What::Approve).filter(|c| told(c) == Some(LoginState::Approved)).map(|c| c.till).min();
        let ends = self
            .calls
            .iter()
            .filter(|c| told(c).is_some_and(|s| s != LoginState::Approved))
            .map(|c| c.till)
            .min();
        let mut broken = Vec::new();
        if let Some(at) = approved {
            let later = self.calls.iter().filter(|c| {
                c.from > at && matches!(c.what, What::Look | What::Last | What::Wait | What::Cancel)
            });
            for call in later {
                let other = match &call.answer {
                    Answer::State(state) => outcome(*state) != LoginState::Approved,
                    Answer::No(code) => code == "not_found",
                    _ => false,
                };
                if other {
                    broken.push((
                        "acknowledged_stays",
                        format!("{:?} of {} at pod {}: {:?}", call.what, call.who, call.pod, call.answer),
                    ));
                }
            }
        }
        if let Some(end) = ends {
            let late = self.of(What::Approve).find(|c| c.from > end && told(c) == Some(LoginState::Approved));
            broken.extend(
                late.map(|c| ("nothing_after_the_end", format!("{} approved at pod {}", c.who, c.pod))),
            );
        }
        broken.into_iter().for_each(|(rule, why)| self.violated(rule, why));
    }

    fn claims_and_redeems(&mut self) {
        let claimants: BTreeSet<String> = self
            .of(What::Claim)
            .filter(|c| matches!(c.answer, Answer::State(_)))
            .map(|c| c.who.clone())
            .collect();
        if claimants.len() > 1 && !self.forgotten() {
            self.violated("one_claimant", format!("{claimants:?}"));
        }
        let redeemed: Vec<(String, usize)> = self
            .of(What::Redeem)
            .filter_map(|c| if let Answer::Is(user) = &c.answer { Some((user.clone(), c.pod)) } else { None })
            .collect();
        if redeemed.len() > 1 {
            self.violated("one_redeem", format!("{redeemed:?}"));
        }
        for (user, pod) in &redeemed {
            if !self.of(What::Approve).any(|c| c.who == *user && !matches!(c.answer, Answer::No(_))) {
                self.violated("the_right_user", format!("{user} at pod {pod}, who did not approve"));
            }
        }
    }

    fn made_once(&mut self) {
        for (what, rule) in [(What::Enrol, "one_account_per_code"), (What::Create, "one_creation")] {
            let names = self.names(what);
            if names.len() > 1 {
                self.violated(rule, format!("{names:?}"));
            }
        }
    }

    fn learning(&mut self, in_time: InTime) {
        let decided = self.calls.iter().filter(|c| told(c).is_some()).map(|c| c.till).min();
        let mut late = Vec::new();
        for wait in self.of(What::Wait) {
            let Some(decided) = decided else {
                if !self.forgotten() {
                    let last: Vec<&Answer> = self.of(What::Last).map(|c| &c.answer).collect();
                    late.push(format!(
                        "{} never learned that its time was over: {:?}; in the end pods said {last:?}",
                        wait.who, wait.answer
                    ));
                }
                continue;
            };
            // Delays by a disturbance during the wait, until all pods are ready again, are not the
            // pods' fault.
            let begin = decided.max(wait.from);
            let excused = self
                .disturbances
                .iter()
                .filter(|d| d.from <= wait.till && d.till >= begin)
                .map(|d| d.till)
                .max()
                .unwrap_or(0);
            let due = begin.max(excused) + in_time.0;
            if told(wait).is_none() || wait.till > due {
                late.push(format!(
                    "{}: {:?}, {} ms after it was due",
                    wait.who,
                    wait.answer,
                    wait.till.saturating_sub(due) / 1000
                ));
            }
        }
        let last: BTreeMap<String, usize> =
            self.of(What::Last).map(|c| (format!("{:?}", c.answer), c.pod)).collect();
        if last.len() > 1 {
            late.push(format!("pods disagree in the end: {last:?}"));
        }
        late.into_iter().for_each(|why| self.violated("everybody_learns", why));
    }
}

/// Returns all violations in a history.
#[must_use]
pub fn check(calls: &[Call], disturbances: &[Disturbance], in_time: InTime) -> Vec<Violation> {
    let mut by_object: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        by_object.entry(&call.about).or_default().push(call);
    }
    let each = by_object.into_iter().flat_map(|(about, calls)| {
        let mut check = Check { about, calls, disturbances, found: Vec::new() };
        check.outcomes();
        check.claims_and_redeems();
        check.made_once();
        check.learning(in_time);
        check.found
    });
    each.collect()
}

#[cfg(test)]
mod tests;
