//! What people do while faults strike.

use std::sync::Arc;

use countersign_api::Login;
use countersign_channel::random;
use countersign_sdk::RefuseReason;
use countersign_sdk::{Command, Link, Prompt};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    clients::{Came, PATIENCE, Phone, REST, any, race_for_a_code},
    history::What,
    world::World,
};

/// Tries of one action before a person gives up.
const TRIES: usize = 40;

/// How a story ends, if nothing breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Approved,
    /// Two phones claim it at once; the faster approves.
    Contested,
    Refused,
    /// Approved and cancelled at the same time.
    Cancelled,
    /// The login is never claimed or decided.
    Abandoned,
    /// Two phones enrol with one code.
    Enrolled,
}

fn fate() -> Fate {
    match fastrand::u8(..20) {
        0..7 => Fate::Approved,
        7..10 => Fate::Contested,
        10..12 => Fate::Refused,
        12..16 => Fate::Cancelled,
        16..18 => Fate::Abandoned,
        _ => Fate::Enrolled,
    }
}

/// A person with two phones, each of a different user.
pub struct Person {
    world: Arc<World>,
    phones: [Phone; 2],
    /// Pages and polls that are still waiting, while the person goes on.
    pub waiting: JoinSet<()>,
    /// Ids of the logins that were created.
    pub logins: Vec<String>,
}

impl Person {
    #[must_use]
    pub fn new(world: Arc<World>, phones: [Phone; 2]) -> Self {
        Self { world, phones, waiting: JoinSet::new(), logins: Vec::new() }
    }

    /// Plays one story.
    pub async fn live(&mut self) {
        while self.waiting.try_join_next().is_some() {}
        let fate = fate();
        if fate == Fate::Enrolled {
            let user = format!("new-{}", fastrand::u32(..));
            return race_for_a_code(&self.world, &user, TRIES).await;
        }
        let Some((login, mut codes)) = self.begin().await else { return };
        if fate == Fate::Abandoned {
            return;
        }
        let world = self.world.clone();
        let [first, second] = &mut self.phones;
        let prompt = if fate == Fate::Contested {
            let mut others = codes.clone();
            let claimed = tokio::join!(
                claim(&world, first, &login.id, &mut codes),
                claim(&world, second, &login.id, &mut others)
            );
            match claimed {
                (Some(prompt), _) => Some((prompt, first)),
                (None, Some(prompt)) => Some((prompt, second)),
                (None, None) => None,
            }
        } else {
            claim(&world, first, &login.id, &mut codes).await.map(|prompt| (prompt, first))
        };
        let Some((prompt, phone)) = prompt else { return };
        decide(&world, phone, &login.id, &prompt, fate).await;
        afterwards(&world, &login.id).await;
    }

    /// Creates a login, lets a page and a poll wait for it, and returns the codes that the page
    /// shows.
    async fn begin(&mut self) -> Option<(Login, watch::Receiver<String>)> {
        let (world, key) = (self.world.clone(), format!("{:032x}", u128::from_be_bytes(random())));
        let mut made = None;
        for _ in 0..TRIES {
            made = world.create(&key).await;
            if made.is_some() {
                break;
            }
            sleep(REST).await;
        }
        let login = made?;
        if fastrand::u8(..4) == 0 {
            let _the_same = world.create(&key).await;
        }
        let (shown, codes) = watch::channel(String::new());
        self.logins.push(login.id.clone());
        self.waiting.spawn(world.clone().watch(login.clone(), shown));
        self.waiting.spawn(world.poll(login.id.clone()));
        Some((login, codes))
    }
}

/// Claims with the code that the page shows. Retries while answers are lost or codes are stale, and
/// returns `None` on a refusal or after [`TRIES`].
async fn claim(
    world: &World,
    phone: &mut Phone,
    login: &str,
    codes: &mut watch::Receiver<String>,
) -> Option<Box<Prompt>> {
    let mut command = None;
    for _ in 0..TRIES {
        if command.is_none() {
            if codes.borrow().is_empty() {
                timeout(PATIENCE, codes.changed()).await.ok()?.ok()?;
            }
            command =
                Link::parse(&codes.borrow_and_update().clone()).ok().and_then(|link| Command::scanned(&link));
        }
        match phone.ask(world, login, What::Claim, command.as_ref()?).await {
            Came::Prompt(prompt) => return Some(prompt),
            Came::No(code) if code == "stale_qr" => {
                command = None;
                // The page shows a new code each second, or none any more.
                timeout(PATIENCE, codes.changed()).await.ok()?.ok()?;
            }
            Came::No(_) | Came::Decided(_) => return None,
            Came::Lost => sleep(REST).await,
        }
    }
    None
}

/// Repeats a command, at any pod, until there is an answer.
async fn say(world: &World, phone: &mut Phone, login: &str, what: What, command: &Command) {
    for _ in 0..TRIES {
        match phone.ask(world, login, what, command).await {
            Came::Lost => sleep(REST).await,
            _ => return,
        }
    }
}

async fn decide(world: &Arc<World>, phone: &mut Phone, login: &str, prompt: &Prompt, fate: Fate) {
    match fate {
        Fate::Refused => {
            say(world, phone, login, What::Refuse, &Command::refuse(prompt, RefuseReason::Declined)).await
        }
        Fate::Cancelled => {
            let approve = Command::approve(prompt);
            tokio::join!(say(world, phone, login, What::Approve, &approve), async {
                world.look(login, What::Cancel, any()).await;
            });
            // The login is decided already: approving again must not change the outcome.
            say(world, phone, login, What::Approve, &Command::approve(prompt)).await;
        }
        _ => say(world, phone, login, What::Approve, &Command::approve(prompt)).await,
    }
}

/// Redeems the login twice at the same time; sometimes tries to cancel it afterwards.
async fn afterwards(world: &Arc<World>, login: &str) {
    let (one, other) = (any(), any());
    world.look(login, What::Look, any()).await;
    tokio::join!(world.redeem(login, one), world.redeem(login, other));
    if fastrand::u8(..4) == 0 {
        world.look(login, What::Cancel, any()).await;
    }
}
