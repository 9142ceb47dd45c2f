//! Clients of the pods: phones, applications and pages, which retry and record every answer.

use std::{sync::Arc, time::Duration};

use countersign_api::{
    ApiError, Confirm, Identity, Login, LoginState, NewEnrolment, NewLogin, page::PageEvent,
};
use countersign_channel::random;
use countersign_sdk::{Account, AccountServer, Answer as Said, Command, KeyStore, Link, Prompt, ReqId};
use countersign_sim::{MemoryKeys, Online, PhoneError, swarm::Page};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    Stop,
    history::{Answer, Call, Micros, What},
    world::{Addresses, PODS, REALM, World},
};

/// How long to wait for one answer.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Pause between two tries.
pub const REST: Duration = Duration::from_millis(100);
/// Length of one long poll, in seconds.
const POLL_SECS: u64 = 5;

/// Returns the number of a random pod.
#[must_use]
pub fn any() -> usize {
    fastrand::usize(..PODS)
}

fn lost(e: &dyn std::fmt::Display) -> Answer {
    Answer::Lost(e.to_string())
}

/// Awaits a REST call. If it fails, also returns the refusal, or [`Answer::Lost`] if it is unknown
/// whether the call took effect.
async fn rest<T>(asked: impl Future<Output = Result<T, ApiError>>) -> (Result<T, ()>, Option<Answer>) {
    match timeout(PATIENCE, asked).await {
        Ok(Ok(it)) => (Ok(it), None),
        // After a 5xx status, the call may or may not have taken effect.
        Ok(Err(ApiError::Refused(problem))) if problem.status < 500 => {
            (Err(()), Some(Answer::No(problem.code)))
        }
        Ok(Err(e)) => (Err(()), Some(lost(&e))),
        Err(e) => (Err(()), Some(lost(&e))),
    }
}

impl World {
    fn noted(&self, about: &str, who: &str, pod: usize, what: What, from: Micros, answer: Answer) {
        let till = self.history.now();
        self.history.note(Call {
            about: about.to_owned(),
            who: who.to_owned(),
            pod,
            what,
            from,
            till,
            answer,
        });
    }

    /// Tries once to create a login with this idempotency key.
    pub async fn create(&self, key: &str) -> Option<Login> {
        let (pod, from) = (any(), self.history.now());
        let new = NewLogin { text: Some("Log in".into()), ..NewLogin::default() };
        let api = self.api(pod).once(key);
        let (made, why) = rest(api.create_login(REALM, &new)).await;
        let answer = made.as_ref().map_or_else(
            |()| why.unwrap_or(Answer::Lost(String::new())),
            |login| Answer::Is(login.id.clone()),
        );
        self.noted(key, "client", pod, What::Create, from, answer);
        made.ok()
    }

    /// Reads a login or, if `what` is [`What::Cancel`], cancels it; records the answer.
    pub async fn look(&self, login: &str, what: What, pod: usize) -> Answer {
        let (from, api) = (self.history.now(), self.api(pod));
        let (seen, why) = match what {
            What::Cancel => rest(api.cancel_login(REALM, login)).await,
            _ => rest(api.login(REALM, login, 0, 0)).await,
        };
        let answer = seen
            .map_or_else(|()| why.unwrap_or(Answer::Lost(String::new())), |login| Answer::State(login.state));
        self.noted(login, "client", pod, what, from, answer.clone());
        answer
    }

    /// Tries once to redeem a login.
    pub async fn redeem(&self, login: &str, pod: usize) {
        let (from, api) = (self.history.now(), self.api(pod));
        let (identity, why): (Result<Identity, ()>, _) = rest(api.redeem(REALM, login, None)).await;
        let answer = identity.map_or_else(
            |()| why.unwrap_or(Answer::Lost(String::new())),
            |identity| Answer::Is(identity.user_id),
        );
        self.noted(login, "client", pod, What::Redeem, from, answer);
    }

    /// Long-polls a login at random pods until it has an outcome or the run gives up.
    pub async fn poll(self: Arc<Self>, login: String) {
        let (from, mut end) = (self.history.now(), self.end.subscribe());
        let polling = async {
            let mut v = 0;
            loop {
                let pod = any();
                match rest(self.api(pod).login(REALM, &login, POLL_SECS, v)).await {
                    (Ok(seen), _) if seen.v >= 3 => return (pod, seen.state),
                    (Ok(seen), _) => v = seen.v,
                    (Err(()), _) => sleep(REST).await,
                }
            }
        };
        let (pod, answer) = tokio::select! {
            (pod, state) = polling => (pod, Answer::State(state)),
            _ = end.wait_for(|end| *end) => (0, Answer::Lost("gave up".into())),
        };
        self.noted(&login, "poll", pod, What::Wait, from, answer);
    }

    /// Watches a login as a page does, over as many connections to random pods as it takes, and
    /// sends each QR code to `shown`.
    pub async fn watch(self: Arc<Self>, login: Login, shown: watch::Sender<String>) {
        let (from, mut end) = (self.history.now(), self.end.subscribe());
        let token = login.page_token.as_deref().unwrap_or_default();
        let watching = async {
            loop {
                let pod = any();
                if let Ok(state) = page(&self.addresses(pod), token, &shown).await {
                    return (pod, state);
                }
                sleep(REST).await;
            }
        };
        let (pod, answer) = tokio::select! {
            (pod, state) = watching => (pod, Answer::State(state)),
            _ = end.wait_for(|end| *end) => (0, Answer::Lost("gave up".into())),
        };
        self.noted(&login.id, "page", pod, What::Wait, from, answer);
    }
}

/// Runs one connection of a page, until it receives an outcome or is cut.
async fn page(at: &Addresses, token: &str, shown: &watch::Sender<String>) -> Result<LoginState, Stop> {
    let mut page = timeout(PATIENCE, Page::open(&at.page, token)).await??;
    loop {
        match page.event().await? {
            PageEvent::Qr { text } => {
                let _nobody_looks = shown.send_replace(text);
            }
            PageEvent::State { v: 3.., state, .. } => return Ok(state),
            PageEvent::State { .. } | PageEvent::Link { .. } => {}
            PageEvent::Error { code } => return Err(code.into()),
        }
    }
}

/// A phone that connects to a random pod, and reconnects when it is cut.
pub struct Phone {
    pub user: String,
    account: Account,
    keys: MemoryKeys,
    online: Option<(usize, Online)>,
}

/// Result of a command.
pub enum Came {
    /// The login is claimed; the prompt is what the phone shows.
    Prompt(Box<Prompt>),
    Decided(LoginState),
    No(String),
    Lost,
}

fn state(of: countersign_sdk::LoginState) -> Option<LoginState> {
    serde_json::from_value(of.as_str().into()).ok()
}

impl Phone {
    /// Enrols a phone, before anything is broken.
    ///
    /// # Errors
    /// When a pod refuses or cannot be reached.
    pub async fn enrol(world: &World, user: &str) -> Result<Self, Stop> {
        let enrolment =
            world.api(0).create_enrolment(REALM, &NewEnrolment::new(user.into(), Confirm::None)).await?;
        let Link::Enrol(link) = Link::parse(enrolment.link.as_deref().unwrap_or_default())? else {
            return Err("a link".into());
        };
        let keys = MemoryKeys::default();
        let key = keys.generate()?;
        let enrolled = Online::enrol(&link, Arc::new(keys.clone()), key, ReqId(random()), "chaos").await?;
        Ok(Self { user: user.to_owned(), account: enrolled.account, keys, online: None })
    }

    async fn connected(&mut self, world: &World) -> Result<(usize, &mut Online), PhoneError> {
        if fastrand::u8(..4) == 0 {
            self.online = None;
        }
        if self.online.is_none() {
            let pod = any();
            let server = AccountServer { url: world.addresses(pod).phone, ..self.account.server.clone() };
            let account = Account { server, ..self.account.clone() };
            let connecting = Online::connect(&account, Arc::new(self.keys.clone()));
            let online =
                timeout(PATIENCE, connecting).await.map_err(|e| PhoneError::Unreachable(e.to_string()))??;
            self.online = Some((pod, online));
        }
        let (pod, online) = self.online.as_mut().ok_or_else(|| PhoneError::Unreachable(String::new()))?;
        Ok((*pod, online))
    }

    /// Sends a command once and records the answer.
    pub async fn ask(&mut self, world: &World, login: &str, what: What, command: &Command) -> Came {
        let from = world.history.now();
        let (pod, said) = match self.connected(world).await {
            Err(e) => (0, Err(e)),
            Ok((pod, online)) => (
                pod,
                timeout(PATIENCE, online.ask(command))
                    .await
                    .unwrap_or_else(|e| Err(PhoneError::Unreachable(e.to_string()))),
            ),
        };
        let (came, answer) = match said {
            Ok(Said::Prompt(prompt)) => (Came::Prompt(prompt), Answer::State(LoginState::Claimed)),
            Ok(Said::Decided { state: decided, .. }) => match state(decided) {
                Some(decided) => (Came::Decided(decided), Answer::State(decided)),
                None => (Came::Lost, lost(&"an unknown state")),
            },
            // The command was not stored, or that is unknown: the caller asks again.
            Ok(Said::Refused { code: countersign_sdk::Refusal::Unavailable, .. }) => {
                (Came::Lost, lost(&"unavailable"))
            }
            Ok(Said::Refused { code, .. }) => {
                (Came::No(code.as_str().to_owned()), Answer::No(code.as_str().to_owned()))
            }
            Ok(_) => (Came::Lost, lost(&"another answer")),
            Err(e) => {
                self.online = None;
                (Came::Lost, lost(&e))
            }
        };
        world.noted(login, &self.user, pod, what, from, answer);
        came
    }
}

/// Two phones present one enrolment code at the same time. Each retries with its own key and
/// request id until it gets an answer.
pub async fn race_for_a_code(world: &Arc<World>, user: &str, tries: usize) {
    let new = NewEnrolment::new(user.into(), Confirm::None);
    let Ok(Ok(enrolment)) = timeout(PATIENCE, world.api(any()).create_enrolment(REALM, &new)).await else {
        return;
    };
    let Ok(Link::Enrol(link)) = Link::parse(enrolment.link.as_deref().unwrap_or_default()) else { return };
    let one = async |who: &str| {
        let keys = MemoryKeys::default();
        let Ok(key) = keys.generate() else { return };
        let req_id = ReqId(random());
        for _ in 0..tries {
            let (pod, from) = (any(), world.history.now());
            let mut link = link.clone();
            link.url = world.addresses(pod).phone;
            let enrolling = Online::enrol(&link, Arc::new(keys.clone()), key.clone(), req_id, who);
            let answer = match timeout(PATIENCE, enrolling).await {
                Ok(Ok(enrolled)) => Answer::Is(enrolled.account.id),
                Ok(Err(PhoneError::Refused(countersign_sdk::Refusal::Unavailable))) => lost(&"unavailable"),
                Ok(Err(
                    e @ (PhoneError::Refused(_) | PhoneError::Closed(countersign_sdk::Close::AuthFailed)),
                )) => Answer::No(e.code().to_owned()),
                Ok(Err(e)) => lost(&e),
                Err(e) => lost(&e),
            };
            let known = !matches!(answer, Answer::Lost(_));
            world.noted(&enrolment.id, who, pod, What::Enrol, from, answer);
            if known {
                return;
            }
            sleep(REST).await;
        }
    };
    tokio::join!(one("first"), one("second"));
}
