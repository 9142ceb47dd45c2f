//! A user's attributes.

use actix_web::{HttpResponse, web};
use countersign_api::{ChangeAttributes, limits};
use countersign_domain_ns::handles::Users;
use countersign_edge::problem::ApiProblem;

use super::{Body, users::UserPath};
use crate::auth::InRealm;

fn check(change: &ChangeAttributes) -> Result<(), ApiProblem> {
    // One change may remove all attributes and add as many others.
    if change.len() > 2 * limits::ATTRIBUTES {
        return Err(ApiProblem::invalid("", format!("at most {} attributes", limits::ATTRIBUTES)));
    }
    for (name, value) in change {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b);
        if !name.starts_with(|c: char| c.is_ascii_lowercase())
            || !name.bytes().all(plain)
            || name.len() > limits::NAME
        {
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            return Err(ApiProblem::invalid(
                &pointer,
                "names are lower-case letters, digits, _ . and -, beginning with a letter",
            ));
        }
        if value.as_ref().is_some_and(|v| v.len() > limits::VALUE) {
            return Err(ApiProblem::invalid(&format!("/{name}"), format!("at most {} bytes", limits::VALUE)));
        }
    }
    Ok(())
}

pub(super) async fn get(
    at: InRealm,
    users: web::Data<Users>,
    path: UserPath,
) -> Result<HttpResponse, ApiProblem> {
    users.find(at.id(), &path.1).await?.ok_or_else(ApiProblem::not_found)?;
    Ok(HttpResponse::Ok().json(users.attributes(at.id(), &path.1).await?))
}

pub(super) async fn change(
    at: InRealm,
    users: web::Data<Users>,
    path: UserPath,
    change: Body<ChangeAttributes>,
) -> Result<HttpResponse, ApiProblem> {
    let there = users.attributes(at.id(), &path.1).await?;
    check(&change)?;
    let mut after = there;
    for (name, value) in &change.0.0 {
        match value {
            Some(value) => after.insert(name.clone(), value.clone()),
            None => after.remove(name),
        };
    }
    if after.len() > limits::ATTRIBUTES {
        return Err(ApiProblem::invalid("", format!("at most {} attributes", limits::ATTRIBUTES)));
    }
    users.set_attributes(at.id(), &path.1, &change, at.caller.who()).await?;
    Ok(HttpResponse::Ok().json(after))
}
