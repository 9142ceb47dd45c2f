//! All errors of the demo: a status and `{"code", "detail"}`, with the codes of the REST API where
//! the error came from there.

use std::fmt;

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use countersign_api::ApiError;
use serde_json::json;

/// Why the demo refused a request or failed.
#[derive(Debug)]
pub(crate) enum DemoError {
    /// The REST API refused the request, or did not answer.
    Api(ApiError),
    /// A page of another origin sent a POST.
    ForeignOrigin { own: String },
    /// A POST that is not JSON, as an HTML form of another site would send.
    NotJson,
    /// A body or query of the wrong shape.
    Malformed,
    /// The page or enrolment does not exist, or does not belong to this browser.
    NotFound,
    /// This browser has not begun a login.
    NoLogin,
    /// A payment was not confirmed as it had to be.
    NotConfirmed,
    /// No user is logged in here.
    NotLoggedIn,
    /// The operating system provided no randomness.
    NoRandomness,
}

impl DemoError {
    fn code(&self) -> &str {
        match self {
            Self::Api(error) => error.code().unwrap_or("unreachable"),
            Self::ForeignOrigin { .. } => "foreign_origin",
            Self::NotJson => "unsupported_media_type",
            Self::Malformed => "malformed",
            Self::NotFound => "not_found",
            Self::NoLogin => "no_login",
            Self::NotConfirmed => "not_confirmed",
            Self::NotLoggedIn => "not_logged_in",
            Self::NoRandomness => "internal",
        }
    }
}

impl From<ApiError> for DemoError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(ApiError::Refused(problem)) => {
                f.write_str(problem.detail.as_deref().unwrap_or(&problem.title))?;
                problem.errors.iter().try_for_each(|error| {
                    write!(f, " ({}: {})", error.pointer.trim_start_matches('/'), error.detail)
                })
            }
            Self::Api(_) => f.write_str("Countersign does not answer. Is it running?"),
            Self::ForeignOrigin { own } => write!(f, "This page is not the demo's own. Open {own}/ instead."),
            Self::NotJson => f.write_str("The body must be JSON, with Content-Type: application/json."),
            Self::Malformed => f.write_str("The request does not have the expected shape."),
            Self::NotFound => f.write_str("There is no such page."),
            Self::NoLogin => f.write_str("This browser has not begun a login."),
            Self::NotConfirmed => f.write_str("The payment was not confirmed with a PIN by you."),
            Self::NotLoggedIn => f.write_str("Nobody is logged in here."),
            Self::NoRandomness => f.write_str("The demo could not make a session."),
        }
    }
}

impl std::error::Error for DemoError {}

impl ResponseError for DemoError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Api(ApiError::Refused(problem)) => {
                StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_GATEWAY)
            }
            Self::Api(_) => StatusCode::BAD_GATEWAY,
            Self::ForeignOrigin { .. } => StatusCode::FORBIDDEN,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::NoLogin => StatusCode::CONFLICT,
            Self::NotConfirmed => StatusCode::FORBIDDEN,
            Self::NotLoggedIn => StatusCode::UNAUTHORIZED,
            Self::NoRandomness => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        if let Self::Api(error @ (ApiError::Unreachable(_) | ApiError::Status(_))) = self {
            tracing::warn!(%error, "no usable answer from the REST API");
        }
        HttpResponse::build(self.status_code())
            .json(json!({ "code": self.code(), "detail": self.to_string() }))
    }
}
