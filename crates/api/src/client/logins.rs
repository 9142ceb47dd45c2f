//! Logins and events.

use reqwest::Method;

use super::{Answer, ApiClient};
use crate::{Event, Identity, List, Login, NewLogin, Redeem, Timeline};

impl ApiClient {
    /// `POST /v1/realms/{realm}/logins`.
    pub async fn create_login(&self, realm: &str, login: &NewLogin) -> Answer<Login> {
        self.post(&format!("/v1/realms/{realm}/logins"), login).await
    }

    /// `GET /v1/realms/{realm}/logins/{login}`.
    pub async fn login(&self, realm: &str, id: &str, wait: u64, after: u64) -> Answer<Login> {
        self.get(&format!("/v1/realms/{realm}/logins/{id}?wait={wait}&after={after}")).await
    }

    /// `GET /v1/realms/{realm}/logins/{login}/events`.
    pub async fn stream_login(&self, realm: &str, id: &str, after: u64) -> Answer<reqwest::Response> {
        Self::accepted(
            self.request(Method::GET, &format!("/v1/realms/{realm}/logins/{id}/events?after={after}")),
        )
        .await
    }

    /// `GET /v1/realms/{realm}/logins/{login}/timeline`.
    pub async fn timeline(&self, realm: &str, id: &str) -> Answer<Timeline> {
        self.get(&format!("/v1/realms/{realm}/logins/{id}/timeline")).await
    }

    /// `POST /v1/realms/{realm}/logins/{login}/cancel`.
    pub async fn cancel_login(&self, realm: &str, id: &str) -> Answer<Login> {
        self.act(&format!("/v1/realms/{realm}/logins/{id}/cancel")).await
    }

    /// `POST /v1/realms/{realm}/logins/{login}/redeem`.
    pub async fn redeem(&self, realm: &str, id: &str, return_token: Option<&str>) -> Answer<Identity> {
        self.post(
            &format!("/v1/realms/{realm}/logins/{id}/redeem"),
            &Redeem { return_token: return_token.map(|t| t.to_owned().into()) },
        )
        .await
    }

    /// `POST /v1/realms/{realm}/logins/{login}/logout`.
    pub async fn logout(&self, realm: &str, id: &str) -> Answer<Login> {
        self.act(&format!("/v1/realms/{realm}/logins/{id}/logout")).await
    }

    /// `GET /v1/realms/{realm}/events`.
    pub async fn events(&self, realm: &str, query: &[(&str, &str)]) -> Answer<List<Event>> {
        self.search(&format!("/v1/realms/{realm}/events"), &query).await
    }

    /// `GET /v1/realms/{realm}/events/stream`.
    pub async fn stream_events(&self, realm: &str, after: u64) -> Answer<reqwest::Response> {
        Self::accepted(self.request(Method::GET, &format!("/v1/realms/{realm}/events/stream?after={after}")))
            .await
    }

    /// `GET /v1/realms/{realm}/events/export`.
    pub async fn export_events(&self, realm: &str) -> Answer<reqwest::Response> {
        Self::accepted(self.request(Method::GET, &format!("/v1/realms/{realm}/events/export"))).await
    }

    /// `GET /v1/events`.
    pub async fn global_events(&self, query: &[(&str, &str)]) -> Answer<List<Event>> {
        self.search("/v1/events", &query).await
    }
}
