//! Enrolments.

use actix_web::{HttpResponse, web};
use countersign_actors::{Enrolments, Realms};
use countersign_api::{Confirm as ConfirmDto, ConfirmNumber, Enrolment as Dto, EnrolmentState, NewEnrolment, Object, Sensitive};
use countersign_domain::{
    enrolment::{Confirm, Enrolment, State},
    realm::OpenRealm,
    text as rules,
};
use countersign_edge::{auth::Caller, problem::Oops};
use countersign_protocol::ids::EnrolmentId;

use super::{LongPoll, text};
use crate::{PublicUrls, scope, times::rfc3339};

fn dto(e: Enrolment, link: Option<Sensitive>) -> Dto {
    let state = match e.state {
        State::Pending => EnrolmentState::Pending,
        State::Redeemed => EnrolmentState::Redeemed,
        State::Confirmed => EnrolmentState::Confirmed,
        State::Refused => EnrolmentState::Refused,
        State::Cancelled => EnrolmentState::Cancelled,
        State::Expired => EnrolmentState::Expired,
    };
    let (account_id, device) = e.redeemed.map(|r| (r.account.to_string(), r.device)).unzip();
    Dto {
        id: e.id.to_string(),
        user_id: e.user_id,
        state,
        v: e.state.version(),
        created_at: rfc3339(e.created_at),
        expires_at: rfc3339(e.expires_at),
        account_id,
        device,
        link,
    }
}

type EnrolmentPath = web::Path<(String, String)>;

/// The realm and the id of the path, if the enrolment is the caller's.
async fn mine(
    caller: &Caller,
    realms: &Realms,
    enrolments: &Enrolments,
    path: &(String, String),
) -> Result<(std::sync::Arc<OpenRealm>, EnrolmentId), Oops> {
    let realm = scope::realm(realms, &path.0, caller).await?;
    let id = scope::id(&path.1)?;
    let enrolment = enrolments.look(&realm, id).await?.ok_or_else(Oops::not_found)?;
    caller.owns(enrolment.client)?;
    Ok((realm, id))
}

pub(super) async fn create(
    caller: Caller,
    realms: web::Data<Realms>,
    enrolments: web::Data<Enrolments>,
    urls: web::Data<PublicUrls>,
    path: web::Path<String>,
    new: web::Json<Object<NewEnrolment>>,
) -> Result<HttpResponse, Oops> {
    let realm = scope::realm(&realms, &path, &caller).await?;
    let client = caller.client()?;
    text("/user_id", rules::user_id(&new.user_id))?;
    let confirm = match new.confirm {
        ConfirmDto::Number => Confirm::Number,
        ConfirmDto::None => Confirm::None,
    };
    let (enrolment, link) = enrolments.create(&realm, client, new.user_id.clone(), confirm, &urls.phone, caller.actor()).await?;
    Ok(HttpResponse::Created().json(dto(enrolment, Some(link.to_url(&urls.app).into()))))
}

pub(super) async fn get(
    caller: Caller,
    realms: web::Data<Realms>,
    enrolments: web::Data<Enrolments>,
    path: EnrolmentPath,
    poll: web::Query<LongPoll>,
) -> Result<HttpResponse, Oops> {
    let wait = poll.wait()?;
    let (realm, id) = mine(&caller, &realms, &enrolments, &path).await?;
    let enrolment = enrolments.wait(&realm, id, poll.after, wait).await?.ok_or_else(Oops::not_found)?;
    Ok(HttpResponse::Ok().json(dto(enrolment, None)))
}

pub(super) async fn confirm(
    caller: Caller,
    realms: web::Data<Realms>,
    enrolments: web::Data<Enrolments>,
    path: EnrolmentPath,
    body: web::Json<Object<ConfirmNumber>>,
) -> Result<HttpResponse, Oops> {
    let (realm, id) = mine(&caller, &realms, &enrolments, &path).await?;
    let enrolment = enrolments.confirm(&realm, id, body.into_inner().0.number, caller.actor()).await?;
    Ok(HttpResponse::Ok().json(dto(enrolment, None)))
}

pub(super) async fn cancel(
    caller: Caller,
    realms: web::Data<Realms>,
    enrolments: web::Data<Enrolments>,
    path: EnrolmentPath,
) -> Result<HttpResponse, Oops> {
    let (realm, id) = mine(&caller, &realms, &enrolments, &path).await?;
    let enrolment = enrolments.cancel(&realm, id, caller.actor()).await?;
    Ok(HttpResponse::Ok().json(dto(enrolment, None)))
}
