//! A typed client of the REST API.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Account, ApiKey, Client, ConfirmNumber, Enrolment, Identity, List, Login, NewApiKey, NewClient, NewEnrolment, NewLogin, NewRealm,
    Problem, Realm, Redeem, limits,
};

/// Why a call did not give what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The server said no, and why.
    #[error("{} ({})", .0.detail.as_deref().unwrap_or(&.0.title), .0.code)]
    Refused(Box<Problem>),
    /// The server could not be reached, or spoke something else.
    #[error("the REST API did not answer: {0}")]
    Unreachable(#[from] reqwest::Error),
    /// An error status without a problem body.
    #[error("the REST API answered {0}")]
    Status(StatusCode),
}

impl ApiError {
    /// The stable problem code, when the server gave one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(problem) => Some(&problem.code),
            _ => None,
        }
    }
}

/// One base URL, one API key.
#[derive(Clone)]
pub struct ApiClient {
    http: reqwest::Client,
    base: String,
    key: String,
}

type Answer<T> = Result<T, ApiError>;

impl ApiClient {
    /// `base` like `http://127.0.0.1:8080`, `key` like `cs_…`.
    ///
    /// # Errors
    /// When the HTTP client cannot start.
    pub fn new(base: &str, key: &str) -> Answer<Self> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(limits::WAIT + 15)).no_proxy().build()?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), key: key.to_owned() })
    }

    /// The same server with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key)
    }

    async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> Answer<T> {
        Ok(Self::accepted(request).await?.json().await?)
    }

    async fn accepted(request: RequestBuilder) -> Answer<reqwest::Response> {
        let response = request.send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        match response.json::<Problem>().await {
            Ok(problem) => Err(ApiError::Refused(Box::new(problem))),
            Err(_) => Err(ApiError::Status(status)),
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Answer<T> {
        Self::answer(self.request(Method::GET, path)).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Answer<T> {
        Self::answer(self.request(Method::POST, path).json(body)).await
    }

    async fn act<T: DeserializeOwned>(&self, path: &str) -> Answer<T> {
        Self::answer(self.request(Method::POST, path)).await
    }

    /// `POST /v1/realms`.
    pub async fn create_realm(&self, realm: &NewRealm) -> Answer<Realm> {
        self.post("/v1/realms", realm).await
    }

    /// `GET /v1/realms/{realm}`.
    pub async fn realm(&self, realm: &str) -> Answer<Realm> {
        self.get(&format!("/v1/realms/{realm}")).await
    }

    /// `POST /v1/realms/{realm}/clients`.
    pub async fn create_client(&self, realm: &str, client: &NewClient) -> Answer<Client> {
        self.post(&format!("/v1/realms/{realm}/clients"), client).await
    }

    /// `GET /v1/realms/{realm}/clients`.
    pub async fn clients(&self, realm: &str) -> Answer<Vec<Client>> {
        Ok(self.get::<List<Client>>(&format!("/v1/realms/{realm}/clients?limit=1000")).await?.items)
    }

    /// `POST /v1/api-keys`.
    pub async fn create_api_key(&self, key: &NewApiKey) -> Answer<ApiKey> {
        self.post("/v1/api-keys", key).await
    }

    /// `POST /v1/realms/{realm}/enrolments`.
    pub async fn create_enrolment(&self, realm: &str, enrolment: &NewEnrolment) -> Answer<Enrolment> {
        self.post(&format!("/v1/realms/{realm}/enrolments"), enrolment).await
    }

    /// `GET /v1/realms/{realm}/enrolments/{id}?wait=&after=`: waits up to `wait` seconds for a version above `after`.
    pub async fn enrolment(&self, realm: &str, id: &str, wait: u64, after: u64) -> Answer<Enrolment> {
        self.get(&format!("/v1/realms/{realm}/enrolments/{id}?wait={wait}&after={after}")).await
    }

    /// `POST /v1/realms/{realm}/enrolments/{id}/confirm`.
    pub async fn confirm_enrolment(&self, realm: &str, id: &str, number: &str) -> Answer<Enrolment> {
        self.post(&format!("/v1/realms/{realm}/enrolments/{id}/confirm"), &ConfirmNumber { number: number.to_owned() }).await
    }

    /// `DELETE /v1/realms/{realm}/users/{user}`: with its accounts.
    pub async fn delete_user(&self, realm: &str, user: &str) -> Answer<()> {
        Self::accepted(self.request(Method::DELETE, &format!("/v1/realms/{realm}/users/{}", segment(user)))).await.map(drop)
    }

    /// `GET /v1/realms/{realm}/accounts/{id}`.
    pub async fn account(&self, realm: &str, id: &str) -> Answer<Account> {
        self.get(&format!("/v1/realms/{realm}/accounts/{id}")).await
    }

    /// `GET /v1/realms/{realm}/accounts?user_id=`.
    pub async fn accounts(&self, realm: &str, user_id: &str) -> Answer<Vec<Account>> {
        let path = format!("/v1/realms/{realm}/accounts");
        Ok(Self::answer::<List<Account>>(self.request(Method::GET, &path).query(&[("user_id", user_id)])).await?.items)
    }

    /// `POST /v1/realms/{realm}/accounts/{id}/block` or `/unblock`.
    pub async fn set_blocked(&self, realm: &str, id: &str, blocked: bool) -> Answer<Account> {
        let verb = if blocked { "block" } else { "unblock" };
        self.act(&format!("/v1/realms/{realm}/accounts/{id}/{verb}")).await
    }

    /// `DELETE /v1/realms/{realm}/accounts/{id}`.
    pub async fn delete_account(&self, realm: &str, id: &str) -> Answer<()> {
        Self::accepted(self.request(Method::DELETE, &format!("/v1/realms/{realm}/accounts/{id}"))).await.map(drop)
    }

    /// `POST /v1/realms/{realm}/logins`.
    pub async fn create_login(&self, realm: &str, login: &NewLogin) -> Answer<Login> {
        self.post(&format!("/v1/realms/{realm}/logins"), login).await
    }

    /// `GET /v1/realms/{realm}/logins/{id}?wait=&after=`: waits up to `wait` seconds for a version above `after`.
    pub async fn login(&self, realm: &str, id: &str, wait: u64, after: u64) -> Answer<Login> {
        self.get(&format!("/v1/realms/{realm}/logins/{id}?wait={wait}&after={after}")).await
    }

    /// `POST /v1/realms/{realm}/logins/{id}/redeem`: who logged in, once.
    pub async fn redeem(&self, realm: &str, id: &str, return_token: Option<&str>) -> Answer<Identity> {
        self.post(&format!("/v1/realms/{realm}/logins/{id}/redeem"), &Redeem { return_token: return_token.map(|t| t.to_owned().into()) })
            .await
    }

    /// `POST /v1/realms/{realm}/logins/{id}/cancel`.
    pub async fn cancel_login(&self, realm: &str, id: &str) -> Answer<Login> {
        self.act(&format!("/v1/realms/{realm}/logins/{id}/cancel")).await
    }

    /// `POST /v1/realms/{realm}/logins/{id}/logout`.
    pub async fn logout(&self, realm: &str, id: &str) -> Answer<Login> {
        self.act(&format!("/v1/realms/{realm}/logins/{id}/logout")).await
    }
}

/// A text as one segment of a path (RFC 3986 §2.1).
fn segment(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
