//! Realms, clients, apps, keys, roles, quarantine.

use super::{Answer, ApiClient, segment};
use crate::{
    ApiKey, App, ChangeApiKey, ChangeRealm, Client, ClientCertificate, List, NewApiKey, NewClient,
    NewClientCertificate, NewRealm, PutApp, PutClient, PutRole, Quarantine, Realm, Role, RotateApiKey,
};

impl ApiClient {
    /// `GET /v1/realms`.
    pub async fn realms(&self) -> Answer<List<Realm>> {
        self.get("/v1/realms").await
    }

    /// `POST /v1/realms`.
    pub async fn create_realm(&self, realm: &NewRealm) -> Answer<Realm> {
        self.post("/v1/realms", realm).await
    }

    /// `GET /v1/realms/{realm}`.
    pub async fn realm(&self, realm: &str) -> Answer<Realm> {
        self.get(&format!("/v1/realms/{realm}")).await
    }

    /// `PATCH /v1/realms/{realm}`.
    pub async fn change_realm(&self, realm: &str, change: &ChangeRealm) -> Answer<Realm> {
        self.patch(&format!("/v1/realms/{realm}"), change).await
    }

    /// `GET /v1/realms/{realm}/clients`.
    pub async fn clients(&self, realm: &str) -> Answer<Vec<Client>> {
        Ok(self.get::<List<Client>>(&format!("/v1/realms/{realm}/clients?limit=1000")).await?.items)
    }

    /// `POST /v1/realms/{realm}/clients`.
    pub async fn create_client(&self, realm: &str, client: &NewClient) -> Answer<Client> {
        self.post(&format!("/v1/realms/{realm}/clients"), client).await
    }

    /// `GET /v1/realms/{realm}/clients/{client}`.
    pub async fn client(&self, realm: &str, client: &str) -> Answer<Client> {
        self.get(&format!("/v1/realms/{realm}/clients/{client}")).await
    }

    /// `PUT /v1/realms/{realm}/clients/{client}`.
    pub async fn put_client(&self, realm: &str, client: &str, put: &PutClient) -> Answer<Client> {
        self.put(&format!("/v1/realms/{realm}/clients/{client}"), put).await
    }

    /// `DELETE /v1/realms/{realm}/clients/{client}`.
    pub async fn delete_client(&self, realm: &str, client: &str) -> Answer<()> {
        self.delete(&format!("/v1/realms/{realm}/clients/{client}")).await
    }

    /// `GET /v1/realms/{realm}/apps`.
    pub async fn apps(&self, realm: &str) -> Answer<List<App>> {
        self.get(&format!("/v1/realms/{realm}/apps")).await
    }

    /// `GET /v1/realms/{realm}/apps/{app}`.
    pub async fn app(&self, realm: &str, app: &str) -> Answer<App> {
        self.get(&format!("/v1/realms/{realm}/apps/{}", segment(app))).await
    }

    /// `PUT /v1/realms/{realm}/apps/{app}`.
    pub async fn put_app(&self, realm: &str, app: &str, put: &PutApp) -> Answer<App> {
        self.put(&format!("/v1/realms/{realm}/apps/{}", segment(app)), put).await
    }

    /// `DELETE /v1/realms/{realm}/apps/{app}`.
    pub async fn delete_app(&self, realm: &str, app: &str) -> Answer<()> {
        self.delete(&format!("/v1/realms/{realm}/apps/{}", segment(app))).await
    }

    /// `GET /v1/realms/{realm}/quarantine`.
    pub async fn quarantine(&self, realm: &str) -> Answer<List<Quarantine>> {
        self.get(&format!("/v1/realms/{realm}/quarantine")).await
    }

    /// `DELETE /v1/realms/{realm}/quarantine/{key}`.
    pub async fn release(&self, realm: &str, key: &str) -> Answer<()> {
        self.delete(&format!("/v1/realms/{realm}/quarantine/{key}")).await
    }

    /// `GET /v1/api-keys`.
    pub async fn api_keys(&self) -> Answer<List<ApiKey>> {
        self.get("/v1/api-keys").await
    }

    /// Every key of one role, fetched page by page.
    pub async fn api_keys_of_role(&self, role: &str) -> Answer<Vec<ApiKey>> {
        let (mut all, mut next) = (Vec::new(), None::<String>);
        loop {
            let mut query = vec![("role", role), ("limit", "1000")];
            query.extend(next.as_deref().map(|token| ("page_token", token)));
            let page: List<ApiKey> = self.search("/v1/api-keys", &query).await?;
            all.extend(page.items);
            next = page.next;
            if next.is_none() {
                return Ok(all);
            }
        }
    }

    /// `POST /v1/api-keys`.
    pub async fn create_api_key(&self, key: &NewApiKey) -> Answer<ApiKey> {
        self.post("/v1/api-keys", key).await
    }

    /// `GET /v1/api-keys/self`.
    pub async fn own_api_key(&self) -> Answer<ApiKey> {
        self.get("/v1/api-keys/self").await
    }

    /// `POST /v1/api-keys/self/rotate`.
    pub async fn rotate_own_api_key(&self, rotate: &RotateApiKey) -> Answer<ApiKey> {
        self.post("/v1/api-keys/self/rotate", rotate).await
    }

    /// `GET /v1/api-keys/{key}`.
    pub async fn api_key(&self, key: &str) -> Answer<ApiKey> {
        self.get(&format!("/v1/api-keys/{key}")).await
    }

    /// `PATCH /v1/api-keys/{key}`.
    pub async fn change_api_key(&self, key: &str, change: &ChangeApiKey) -> Answer<ApiKey> {
        self.patch(&format!("/v1/api-keys/{key}"), change).await
    }

    /// `DELETE /v1/api-keys/{key}`.
    pub async fn delete_api_key(&self, key: &str) -> Answer<()> {
        self.delete(&format!("/v1/api-keys/{key}")).await
    }

    /// `POST /v1/api-keys/{key}/rotate`.
    pub async fn rotate_api_key(&self, key: &str, rotate: &RotateApiKey) -> Answer<ApiKey> {
        self.post(&format!("/v1/api-keys/{key}/rotate"), rotate).await
    }

    /// `GET /v1/client-certificates`.
    pub async fn client_certificates(&self) -> Answer<List<ClientCertificate>> {
        self.get("/v1/client-certificates").await
    }

    /// `POST /v1/client-certificates`.
    pub async fn list_client_certificate(
        &self,
        certificate: &NewClientCertificate,
    ) -> Answer<ClientCertificate> {
        self.post("/v1/client-certificates", certificate).await
    }

    /// `GET /v1/client-certificates/{certificate}`.
    pub async fn client_certificate(&self, id: &str) -> Answer<ClientCertificate> {
        self.get(&format!("/v1/client-certificates/{id}")).await
    }

    /// `DELETE /v1/client-certificates/{certificate}`.
    pub async fn delete_client_certificate(&self, id: &str) -> Answer<()> {
        self.delete(&format!("/v1/client-certificates/{id}")).await
    }

    /// `GET /v1/roles`.
    pub async fn global_roles(&self) -> Answer<List<Role>> {
        self.get("/v1/roles").await
    }

    /// `PUT /v1/roles/{role}`.
    pub async fn put_global_role(&self, role: &str, put: &PutRole) -> Answer<Role> {
        self.put(&format!("/v1/roles/{role}"), put).await
    }

    /// `DELETE /v1/roles/{role}`.
    pub async fn delete_global_role(&self, role: &str) -> Answer<()> {
        self.delete(&format!("/v1/roles/{role}")).await
    }

    /// `GET /v1/realms/{realm}/roles`.
    pub async fn roles(&self, realm: &str) -> Answer<List<Role>> {
        self.get(&format!("/v1/realms/{realm}/roles")).await
    }

    /// `PUT /v1/realms/{realm}/roles/{role}`.
    pub async fn put_role(&self, realm: &str, role: &str, put: &PutRole) -> Answer<Role> {
        self.put(&format!("/v1/realms/{realm}/roles/{role}"), put).await
    }

    /// `DELETE /v1/realms/{realm}/roles/{role}`.
    pub async fn delete_role(&self, realm: &str, role: &str) -> Answer<()> {
        self.delete(&format!("/v1/realms/{realm}/roles/{role}")).await
    }
}
