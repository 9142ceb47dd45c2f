//! The demo's own browser sessions: a random id in a cookie, everything else in memory, bounded.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::error::DemoError;

const COOKIE: &str = "demo_session";
/// Enrolments one browser can follow at once; the oldest is dropped first.
const ENROLMENTS: usize = 8;

/// A session id of 256 random bits. It authenticates the browser, so it is never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct SessionId([u8; 32]);

impl SessionId {
    fn random() -> Result<Self, DemoError> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| DemoError::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// Returns the id in this request's cookie, whether or not there is such a session.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        let cookie = request.cookie(COOKIE)?;
        let bytes = URL_SAFE_NO_PAD.decode(cookie.value()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// Creates the cookie. It is `Lax`, not `Strict`: the phone sends the browser back by a link
    /// from another site, and the browser must then be logged in.
    pub(crate) fn cookie(&self, secure: bool) -> Cookie<'static> {
        Cookie::build(COOKIE, URL_SAFE_NO_PAD.encode(self.0))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(secure)
            .finish()
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}

/// Returns the cookie that makes a browser delete its session cookie.
pub(crate) fn no_cookie() -> Cookie<'static> {
    let mut cookie = Cookie::build(COOKIE, "").path("/").http_only(true).same_site(SameSite::Lax).finish();
    cookie.make_removal();
    cookie
}

/// The user who is logged in, and the login it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoggedIn {
    pub(crate) user_id: String,
    pub(crate) login_id: String,
}

/// What the demo stores about one browser.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// Ids of the enrolments that this browser began.
    enrolments: Vec<String>,
    /// Id of the login that this browser began and has not redeemed.
    pub(crate) login: Option<String>,
    pub(crate) user: Option<LoggedIn>,
    /// Id of the payment that waits for its confirmation.
    pub(crate) paying: Option<String>,
}

impl Session {
    pub(crate) fn add_enrolment(&mut self, id: String) {
        if self.enrolments.len() == ENROLMENTS {
            self.enrolments.remove(0);
        }
        self.enrolments.push(id);
    }

    pub(crate) fn has_enrolment(&self, id: &str) -> bool {
        self.enrolments.iter().any(|own| own == id)
    }

    /// Returns the session with a login in progress.
    pub(crate) fn asking(self, login: String) -> Self {
        Self { login: Some(login), ..self }
    }

    /// Returns the session after a login: its enrolments are kept, its user is replaced.
    pub(crate) fn logged_in(self, user: LoggedIn) -> Self {
        Self { enrolments: self.enrolments, login: None, user: Some(user), paying: None }
    }
}

/// All sessions. The lock is held for short table operations only.
pub(crate) struct Sessions(Mutex<Table>);

impl Sessions {
    pub(crate) fn new(limit: usize, lifetime: Duration) -> Self {
        Self(Mutex::new(Table { limit, lifetime, next: 0, by_id: HashMap::new(), by_age: BTreeMap::new() }))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A panic cannot leave the table in a state that matters.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `f` on a session. `None` when there is none.
    pub(crate) fn with<T>(&self, id: &SessionId, f: impl FnOnce(&mut Session) -> T) -> Option<T> {
        self.table().get(id, Instant::now()).map(f)
    }

    /// Runs `f` on the session of this id if there is one, and otherwise on a new session; returns
    /// the id of the session used.
    pub(crate) fn with_or_new(
        &self,
        id: Option<SessionId>,
        f: impl FnOnce(&mut Session),
    ) -> Result<SessionId, DemoError> {
        let mut table = self.table();
        let now = Instant::now();
        if let Some(id) = id
            && let Some(session) = table.get(&id, now)
        {
            f(session);
            return Ok(id);
        }
        // Never the id from the cookie: another party may have put it there.
        let id = SessionId::random()?;
        let mut session = Session::default();
        f(&mut session);
        table.insert(id.clone(), session, now);
        Ok(id)
    }

    /// Stores the session under a new id.
    pub(crate) fn insert(&self, session: Session) -> Result<SessionId, DemoError> {
        let id = SessionId::random()?;
        self.table().insert(id.clone(), session, Instant::now());
        Ok(id)
    }

    /// Removes a session and returns it.
    pub(crate) fn take(&self, id: &SessionId) -> Option<Session> {
        self.table().take(id)
    }
}

struct TableEntry {
    age: u64,
    since: Instant,
    session: Session,
}

/// A map, with the order in which its entries were added.
struct Table {
    limit: usize,
    lifetime: Duration,
    next: u64,
    by_id: HashMap<SessionId, TableEntry>,
    by_age: BTreeMap<u64, SessionId>,
}

impl Table {
    fn get(&mut self, id: &SessionId, now: Instant) -> Option<&mut Session> {
        let held = self.by_id.get_mut(id)?;
        (now.duration_since(held.since) < self.lifetime).then_some(&mut held.session)
    }

    fn take(&mut self, id: &SessionId) -> Option<Session> {
        let held = self.by_id.remove(id)?;
        self.by_age.remove(&held.age);
        Some(held.session)
    }

    fn insert(&mut self, id: SessionId, session: Session, now: Instant) {
        while let Some(oldest) = self.by_age.values().next().cloned()
            && (self.by_id.len() >= self.limit || self.get(&oldest, now).is_none())
        {
            self.take(&oldest);
        }
        let age = self.next;
        self.next += 1;
        self.by_age.insert(age, id.clone());
        self.by_id.insert(id, TableEntry { age, since: now, session });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn table(limit: usize) -> Table {
        Table { limit, lifetime: HOUR, next: 0, by_id: HashMap::new(), by_age: BTreeMap::new() }
    }

    fn id(n: u8) -> SessionId {
        SessionId([n; 32])
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let (mut table, now) = (table(2), Instant::now());
        for n in 1..=3 {
            table.insert(id(n), Session::default(), now);
        }
        assert!(table.get(&id(1), now).is_none());
        assert!(table.get(&id(2), now).is_some() && table.get(&id(3), now).is_some());
        assert_eq!((table.by_id.len(), table.by_age.len()), (2, 2));
    }

    #[test]
    fn a_session_ends_by_itself_and_its_place_is_freed() {
        let (mut table, now) = (table(10), Instant::now());
        table.insert(id(1), Session::default(), now);
        assert!(table.get(&id(1), now + HOUR - Duration::from_secs(1)).is_some());
        assert!(table.get(&id(1), now + HOUR).is_none());
        table.insert(id(2), Session::default(), now + HOUR);
        assert_eq!((table.by_id.len(), table.by_age.len()), (1, 1));
    }

    #[test]
    fn taking_leaves_nothing_behind() {
        let (mut table, now) = (table(10), Instant::now());
        table.insert(id(1), Session::default(), now);
        assert!(table.take(&id(1)).is_some());
        assert!(table.take(&id(1)).is_none());
        assert!(table.by_age.is_empty());
    }

    #[test]
    fn an_unknown_id_is_never_adopted() {
        let sessions = Sessions::new(10, HOUR);
        let planted = id(7);
        let given = sessions
            .with_or_new(Some(planted.clone()), |session| session.login = Some("l".into()))
            .expect("a session");
        assert_ne!(given, planted);
        assert!(sessions.with(&planted, |_| ()).is_none());
        let same = sessions
            .with_or_new(Some(given.clone()), |session| assert_eq!(session.login.as_deref(), Some("l")))
            .expect("a session");
        assert_eq!(same, given);
    }

    #[test]
    fn a_browser_follows_only_its_last_enrolments() {
        let mut session = Session::default();
        (0..=ENROLMENTS).for_each(|n| session.add_enrolment(n.to_string()));
        assert!(!session.has_enrolment("0"));
        assert!(session.has_enrolment("1") && session.has_enrolment(&ENROLMENTS.to_string()));
    }

    #[test]
    fn ids_are_not_printed() {
        assert_eq!(format!("{:?}", id(255)), "SessionId(…)");
    }
}
