//! API keys with roles that are made for them.

use countersign_api::{ApiClient, NewApiKey, Permission, PutRole};

use super::Stage;

/// All permissions that apply inside a realm.
pub const IN_A_REALM: [Permission; 13] = {
    use Permission as P;
    [
        P::Logins,
        P::Signings,
        P::Users,
        P::Accounts,
        P::Messages,
        P::Webhooks,
        P::Audit,
        P::Clients,
        P::Realm,
        P::ActForClient,
        P::Enrolments,
        P::EnrolmentsConfirm,
        P::NumberOff,
    ]
};

/// A key with its secret, and the API with it.
pub struct Key {
    pub id: String,
    pub secret: String,
    pub api: ApiClient,
}

impl Key {
    /// Creates this key.
    pub async fn made(by: &ApiClient, new: &NewApiKey) -> Self {
        let key = by.create_api_key(new).await.unwrap();
        let secret = key.secret.as_deref().unwrap().to_owned();
        Self { id: key.id, api: by.with_key(&secret), secret }
    }
}

impl Stage {
    /// Returns the id of its client.
    pub async fn client(&self) -> String {
        self.api.own_api_key().await.unwrap().client.unwrap()
    }

    /// Creates a key of the realm, of a role with this name and these permissions.
    pub async fn key(&self, role: &str, permissions: &[Permission]) -> Key {
        self.root.put_role(&self.realm, role, &PutRole { permissions: permissions.to_vec() }).await.unwrap();
        Key::made(
            &self.root,
            &NewApiKey { role: role.into(), realm: Some(self.realm.clone()), ..NewApiKey::default() },
        )
        .await
    }

    /// As [`Self::key`], bound to the client.
    pub async fn client_key(&self, role: &str, permissions: &[Permission]) -> Key {
        self.root.put_role(&self.realm, role, &PutRole { permissions: permissions.to_vec() }).await.unwrap();
        let client = Some(self.client().await);
        Key::made(
            &self.root,
            &NewApiKey { role: role.into(), realm: Some(self.realm.clone()), client, ..NewApiKey::default() },
        )
        .await
    }
}
