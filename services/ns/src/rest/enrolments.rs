//! Enrolments.

use crate::auth::{InRealm, Standing};
use actix_web::{HttpResponse, web};
use countersign_actors_ns::Enrolments;
use countersign_api::{ConfirmNumber, Enrolment as Dto, EnrolmentState, List, NewEnrolment, Sensitive};
use countersign_domain_ns::{
    enrolment::{self, Enrolment, Event},
    flows::enrolment::Invitation,
    text as rules,
};
use countersign_edge::{
    problem::ApiProblem,
    rest::{
        paging::{PageTokens, limit},
        times::rfc3339,
    },
};
use countersign_ports::time::Time;
use countersign_protocol::ids::EnrolmentId;

use super::{
    Body, LongPoll, Paging,
    settings::{confirm as confirm_from, confirm_dto},
    text,
};
use crate::{PublicUrls, scope};

fn dto(e: Enrolment, link: Option<Sensitive>) -> Dto {
    let state = match e.state {
        enrolment::EnrolmentState::Pending => EnrolmentState::Pending,
        enrolment::EnrolmentState::Redeemed => EnrolmentState::Redeemed,
        enrolment::EnrolmentState::Confirmed => EnrolmentState::Confirmed,
        enrolment::EnrolmentState::Refused => EnrolmentState::Refused,
        enrolment::EnrolmentState::Cancelled => EnrolmentState::Cancelled,
        enrolment::EnrolmentState::Expired => EnrolmentState::Expired,
    };
    let (account_id, device) = e.redeemed.map(|r| (r.account.to_string(), r.device)).unzip();
    Dto {
        id: e.id.to_string(),
        user_id: e.user_id,
        confirm: confirm_dto(e.confirm),
        state,
        v: e.state.version(),
        created_at: rfc3339(e.created_at),
        expires_at: rfc3339(e.expires_at),
        account_id,
        device,
        enrolled_by: e.created_by,
        factor_of: e.factor_of.map(|a| a.to_string()),
        approval: e.approval,
        link,
    }
}

type EnrolmentPath = web::Path<(String, String)>;

/// Returns the id in the path, if the enrolment is the caller's.
async fn mine(
    at: &InRealm,
    enrolments: &Enrolments,
    path: &EnrolmentPath,
) -> Result<EnrolmentId, ApiProblem> {
    let id = scope::id(&path.1)?;
    let enrolment = enrolments.look(&at.realm, id).await?.ok_or_else(ApiProblem::not_found)?;
    at.caller.owns(enrolment.client)?;
    Ok(id)
}

pub(super) async fn create(
    at: InRealm,
    enrolments: web::Data<Enrolments>,
    urls: web::Data<PublicUrls>,
    new: Body<NewEnrolment>,
) -> Result<HttpResponse, ApiProblem> {
    let client = at.caller.client()?;
    text("/user_id", rules::user_id(&new.user_id))?;
    let who = at.caller.who_with(&new.0.0);
    let factor_of = new.factor_of.as_deref().map(str::parse).transpose();
    let invitation = Invitation {
        client,
        user_id: new.user_id.clone(),
        confirm: confirm_from(new.confirm),
        factor_of: factor_of
            .map_err(|_| ApiProblem::invalid("/factor_of", "must be the id of an account"))?,
    };
    let (enrolment, link) = enrolments.create(&at.realm, invitation, &urls.phone, who).await?;
    Ok(HttpResponse::Created().json(dto(enrolment, Some(link.to_url(&urls.app).into()))))
}

pub(super) async fn list(
    at: InRealm,
    enrolments: web::Data<Enrolments>,
    tokens: web::Data<PageTokens>,
    page: web::Query<Paging>,
) -> Result<HttpResponse, ApiProblem> {
    let limit = limit(page.limit)?;
    let tokens =
        tokens.of(&format!("{}/enrolments", at.realm.name()), &at.caller.client.map(|c| c.to_string()));
    let before: Option<(u64, String)> = tokens.read(page.page_token.as_ref())?;
    let before = before.map(|(created, id)| scope::id(&id).map(|id| (Time(created), id))).transpose()?;
    let found = enrolments.list(&at.realm, at.caller.client, before, limit).await?;
    let next = tokens.next(&found, limit, |e| (e.created_at.0, e.id.to_string()));
    Ok(HttpResponse::Ok().json(List { items: found.into_iter().map(|e| dto(e, None)).collect(), next }))
}

pub(super) async fn get(
    at: InRealm,
    standing: Standing,
    enrolments: web::Data<Enrolments>,
    path: EnrolmentPath,
    poll: web::Query<LongPoll>,
) -> Result<HttpResponse, ApiProblem> {
    let wait = poll.wait()?;
    let id = mine(&at, &enrolments, &path).await?;
    let enrolment =
        enrolments.wait(&at.realm, id, poll.after, wait).await?.ok_or_else(ApiProblem::not_found)?;
    if !wait.is_zero() {
        standing.check().await?;
    }
    Ok(HttpResponse::Ok().json(dto(enrolment, None)))
}

async fn act(
    at: &InRealm,
    enrolments: &Enrolments,
    path: &EnrolmentPath,
    event: Event,
) -> Result<HttpResponse, ApiProblem> {
    let id = mine(at, enrolments, path).await?;
    let enrolment = enrolments.act(&at.realm, id, event, at.caller.who()).await?;
    Ok(HttpResponse::Ok().json(dto(enrolment, None)))
}

pub(super) async fn confirm(
    at: InRealm,
    enrolments: web::Data<Enrolments>,
    path: EnrolmentPath,
    body: Body<ConfirmNumber>,
) -> Result<HttpResponse, ApiProblem> {
    let typed = body.into_inner().0.number;
    if !enrolment::is_number(&typed) {
        return Err(ApiProblem::invalid("/number", "must be the four digits that the phone shows"));
    }
    act(&at, &enrolments, &path, Event::TypeNumber(typed)).await
}

pub(super) async fn admit(
    at: InRealm,
    enrolments: web::Data<Enrolments>,
    path: EnrolmentPath,
) -> Result<HttpResponse, ApiProblem> {
    act(&at, &enrolments, &path, Event::Admit).await
}

pub(super) async fn cancel(
    at: InRealm,
    enrolments: web::Data<Enrolments>,
    path: EnrolmentPath,
) -> Result<HttpResponse, ApiProblem> {
    act(&at, &enrolments, &path, Event::Cancel).await
}
