//! Everything that is stored about a user, as one JSON object that is produced as it is read: a user
//! may have any number of logins and events.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use countersign_actors_ns::{Accounts, Logins};
use countersign_api::{LoginRecord, UserExport};
use countersign_domain_ns::{
    audit::{About, Filter},
    flows::login::Seen,
    handles::{Events, Users},
    login::Record,
    ports::AccountQuery,
    realm::OpenRealm,
};
use countersign_edge::problem::ApiProblem;
use countersign_ports::{Fault, time::Time};
use countersign_protocol::ids::{ClientId, LoginId};
use futures_util::stream::unfold;
use serde::Serialize;

use super::{
    accounts, events, factors, logins,
    stream::{self, Piece},
    users::{self, UserPath},
};
use crate::auth::{InRealm, Standing};

/// Rows per read.
const PIECE: u32 = 500;

/// What is read next.
enum Next {
    /// The object up to its list of logins.
    Head(Box<UserExport>),
    Logins {
        after: Option<(Time, LoginId)>,
        first: bool,
    },
    Events {
        filter: Filter,
        first: bool,
    },
    End,
}

struct Export {
    realm: Arc<OpenRealm>,
    user_id: String,
    /// The client whose key asks, if it is a client's.
    client: Option<ClientId>,
    standing: Standing,
    logins: Logins,
    trail: Events,
}

/// Reads all of a user's accounts, piece by piece.
async fn all_accounts(
    at: &InRealm,
    accounts: &Accounts,
    user_id: &str,
) -> Result<Vec<countersign_api::Account>, ApiProblem> {
    let mut query =
        AccountQuery { user_id: Some(user_id.to_owned()), limit: PIECE, ..AccountQuery::default() };
    let mut all = Vec::new();
    loop {
        let piece = accounts.list(&at.realm, &query).await?;
        all.extend(piece.items.into_iter().map(|a| accounts::dto(a, false)));
        query.after = piece.more;
        if query.after.is_none() {
            return Ok(all);
        }
    }
}

pub(super) async fn export(
    at: InRealm,
    standing: Standing,
    people: web::Data<Users>,
    trail: web::Data<Events>,
    logins: web::Data<Logins>,
    accounts: web::Data<Accounts>,
    path: UserPath,
) -> Result<HttpResponse, ApiProblem> {
    let user_id = path.1.clone();
    let user = people.find(at.id(), &user_id).await?.ok_or_else(ApiProblem::not_found)?;
    // Recorded first, so that no export happens without a row in the trail.
    let about = About::of(at.id(), &user_id).user(&user_id);
    trail.exported("user.exported", &about, at.caller.who()).await?;
    let head = UserExport {
        user: users::dto(user),
        attributes: people.attributes(at.id(), &user_id).await?,
        accounts: all_accounts(&at, &accounts, &user_id).await?,
        logins: Vec::new(),
        events: Vec::new(),
    };
    let export = Export {
        realm: at.realm,
        user_id,
        client: at.caller.client,
        standing,
        logins: (**logins).clone(),
        trail: (**trail).clone(),
    };
    let body = unfold((export, Next::Head(Box::new(head))), |(export, next)| async move {
        match export.piece(next).await {
            Ok((text, next)) => Some((Piece::Ok(text.into()), (export, next))),
            Err(Some(fault)) => Some((Err(fault), (export, Next::End))),
            Err(None) => None,
        }
    });
    Ok(stream::answer("application/json", body))
}

impl Export {
    /// The next piece of the object, which is never empty, and what follows it; `Err(None)` after
    /// the last.
    async fn piece(&self, next: Next) -> Result<(String, Next), Option<Fault>> {
        // The body is produced as it is read, which may be slow, so the caller is checked each time.
        if !matches!(next, Next::End) && self.standing.check().await.is_err() {
            return Err(Some(Fault::Unreachable("the API key has lost this permission".to_owned())));
        }
        match next {
            Next::Head(head) => {
                let (user, attributes) = (json(&head.user)?, json(&head.attributes)?);
                let accounts = json(&head.accounts)?;
                let text =
                    format!(r#"{{"user":{user},"attributes":{attributes},"accounts":{accounts},"logins":["#);
                Ok((text, Next::Logins { after: None, first: true }))
            }
            Next::Logins { after, first } => self.some_logins(after, first).await,
            Next::Events { filter, first } => self.some_events(filter, first).await,
            Next::End => Err(None),
        }
    }

    async fn some_logins(
        &self,
        mut after: Option<(Time, LoginId)>,
        mut first: bool,
    ) -> Result<(String, Next), Option<Fault>> {
        loop {
            let page = self.logins.records_of_user(&self.realm, &self.user_id, after, PIECE).await?;
            let mine = |r: &&Record| self.client.is_none_or(|client| r.outcome.login.client == client);
            let text = listed(page.items.iter().filter(mine).map(record), &mut first)?;
            after = page.more;
            if after.is_none() {
                let filter = Filter {
                    realm: Some(self.realm.id()),
                    client: self.client,
                    user_id: Some(self.user_id.clone()),
                    limit: PIECE,
                    ..Filter::default()
                };
                return Ok((text + r#"],"events":["#, Next::Events { filter, first: true }));
            }
            if !text.is_empty() {
                return Ok((text, Next::Logins { after, first }));
            }
        }
    }

    async fn some_events(
        &self,
        mut filter: Filter,
        mut first: bool,
    ) -> Result<(String, Next), Option<Fault>> {
        loop {
            let page = self.trail.list(&filter).await?;
            let dto = |e| events::dto(e, events::Sight::Whole);
            let text = listed(page.items.into_iter().map(dto), &mut first)?;
            let Some(after) = page.more else { return Ok((text + "]}", Next::End)) };
            filter.after = after;
            if !text.is_empty() {
                return Ok((text, Next::Events { filter, first }));
            }
        }
    }
}

fn record(r: &Record) -> LoginRecord {
    LoginRecord {
        login: logins::dto(&Seen { login: r.outcome.login.clone(), state: r.state() }),
        client: r.outcome.login.client.to_string(),
        account_id: r.outcome.claim.as_ref().map(|c| c.account.to_string()),
        decision: r.outcome.decision.clone(),
        second_factor: r.outcome.evidence.as_ref().and_then(factors::used),
    }
}

fn json(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|e| Fault::Inconsistent(e.to_string()))
}

/// Members of a JSON list, with a comma before each but the first of the whole list.
fn listed<T: Serialize>(items: impl Iterator<Item = T>, first: &mut bool) -> Result<String, Fault> {
    let mut text = String::new();
    for item in items {
        if !std::mem::take(first) {
            text.push(',');
        }
        text.push_str(&json(&item)?);
    }
    Ok(text)
}
