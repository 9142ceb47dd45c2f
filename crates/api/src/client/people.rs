//! Users, enrolments, accounts.

use super::{Answer, ApiClient, segment};
use crate::{
    Account, Attributes, ChangeAccount, ChangeAttributes, ConfirmNumber, Ended, Enrolment, Erased, Hold,
    List, Login, NewEnrolment, PutHold, PutUser, User, UserExport,
};

impl ApiClient {
    /// `GET /v1/realms/{realm}/users`.
    pub async fn users(&self, realm: &str, query: &[(&str, &str)]) -> Answer<List<User>> {
        self.search(&format!("/v1/realms/{realm}/users"), &query).await
    }

    /// `GET /v1/realms/{realm}/users/{user}`.
    pub async fn user(&self, realm: &str, user: &str) -> Answer<User> {
        self.get(&format!("/v1/realms/{realm}/users/{}", segment(user))).await
    }

    /// `PUT /v1/realms/{realm}/users/{user}`.
    pub async fn put_user(&self, realm: &str, user: &str, put: &PutUser) -> Answer<User> {
        self.put(&format!("/v1/realms/{realm}/users/{}", segment(user)), put).await
    }

    /// `DELETE /v1/realms/{realm}/users/{user}`.
    pub async fn delete_user(&self, realm: &str, user: &str) -> Answer<()> {
        self.delete(&format!("/v1/realms/{realm}/users/{}", segment(user))).await
    }

    /// `GET /v1/realms/{realm}/users/{user}/attributes`.
    pub async fn attributes(&self, realm: &str, user: &str) -> Answer<Attributes> {
        self.get(&format!("/v1/realms/{realm}/users/{}/attributes", segment(user))).await
    }

    /// `PATCH /v1/realms/{realm}/users/{user}/attributes`.
    pub async fn change_attributes(
        &self,
        realm: &str,
        user: &str,
        change: &ChangeAttributes,
    ) -> Answer<Attributes> {
        self.patch(&format!("/v1/realms/{realm}/users/{}/attributes", segment(user)), change).await
    }

    /// `GET /v1/realms/{realm}/users/{user}/logins`.
    pub async fn user_logins(&self, realm: &str, user: &str) -> Answer<List<Login>> {
        self.get(&format!("/v1/realms/{realm}/users/{}/logins", segment(user))).await
    }

    /// `POST /v1/realms/{realm}/users/{user}/logout`.
    pub async fn logout_user(&self, realm: &str, user: &str) -> Answer<Ended> {
        self.act(&format!("/v1/realms/{realm}/users/{}/logout", segment(user))).await
    }

    /// `GET /v1/realms/{realm}/users/{user}/export`.
    pub async fn export_user(&self, realm: &str, user: &str) -> Answer<UserExport> {
        self.get(&format!("/v1/realms/{realm}/users/{}/export", segment(user))).await
    }

    /// `POST /v1/realms/{realm}/users/{user}/erase`.
    pub async fn erase_user(&self, realm: &str, user: &str) -> Answer<Erased> {
        self.act(&format!("/v1/realms/{realm}/users/{}/erase", segment(user))).await
    }

    /// `GET /v1/realms/{realm}/holds`.
    pub async fn holds(&self, realm: &str) -> Answer<List<Hold>> {
        self.get(&format!("/v1/realms/{realm}/holds")).await
    }

    /// `PUT /v1/realms/{realm}/users/{user}/hold`.
    pub async fn put_hold(&self, realm: &str, user: &str, put: &PutHold) -> Answer<Hold> {
        self.put(&format!("/v1/realms/{realm}/users/{}/hold", segment(user)), put).await
    }

    /// `DELETE /v1/realms/{realm}/users/{user}/hold`.
    pub async fn lift_hold(&self, realm: &str, user: &str) -> Answer<()> {
        self.delete(&format!("/v1/realms/{realm}/users/{}/hold", segment(user))).await
    }

    /// `GET /v1/realms/{realm}/enrolments`.
    pub async fn enrolments(&self, realm: &str, query: &[(&str, &str)]) -> Answer<List<Enrolment>> {
        self.search(&format!("/v1/realms/{realm}/enrolments"), &query).await
    }

    /// `POST /v1/realms/{realm}/enrolments`.
    pub async fn create_enrolment(&self, realm: &str, enrolment: &NewEnrolment) -> Answer<Enrolment> {
        self.post(&format!("/v1/realms/{realm}/enrolments"), enrolment).await
    }

    /// `GET /v1/realms/{realm}/enrolments/{enrolment}`.
    pub async fn enrolment(&self, realm: &str, id: &str, wait: u64, after: u64) -> Answer<Enrolment> {
        self.get(&format!("/v1/realms/{realm}/enrolments/{id}?wait={wait}&after={after}")).await
    }

    /// `POST /v1/realms/{realm}/enrolments/{enrolment}/confirm`.
    pub async fn confirm_enrolment(&self, realm: &str, id: &str, number: &str) -> Answer<Enrolment> {
        self.post(
            &format!("/v1/realms/{realm}/enrolments/{id}/confirm"),
            &ConfirmNumber { number: number.to_owned() },
        )
        .await
    }

    /// `POST /v1/realms/{realm}/enrolments/{enrolment}/admit`.
    pub async fn admit_enrolment(&self, realm: &str, id: &str) -> Answer<Enrolment> {
        self.act(&format!("/v1/realms/{realm}/enrolments/{id}/admit")).await
    }

    /// `POST /v1/realms/{realm}/enrolments/{enrolment}/cancel`.
    pub async fn cancel_enrolment(&self, realm: &str, id: &str) -> Answer<Enrolment> {
        self.act(&format!("/v1/realms/{realm}/enrolments/{id}/cancel")).await
    }

    /// `GET /v1/realms/{realm}/accounts`.
    pub async fn search_accounts(&self, realm: &str, query: &[(&str, &str)]) -> Answer<List<Account>> {
        self.search(&format!("/v1/realms/{realm}/accounts"), &query).await
    }

    /// `GET /v1/realms/{realm}/accounts/{account}`.
    pub async fn account(&self, realm: &str, id: &str) -> Answer<Account> {
        self.get(&format!("/v1/realms/{realm}/accounts/{id}")).await
    }

    /// `PATCH /v1/realms/{realm}/accounts/{account}`.
    pub async fn change_account(&self, realm: &str, id: &str, change: &ChangeAccount) -> Answer<Account> {
        self.patch(&format!("/v1/realms/{realm}/accounts/{id}"), change).await
    }

    /// `DELETE /v1/realms/{realm}/accounts/{account}`.
    pub async fn delete_account(&self, realm: &str, id: &str) -> Answer<()> {
        self.delete(&format!("/v1/realms/{realm}/accounts/{id}")).await
    }

    /// `POST /v1/realms/{realm}/accounts/{account}/block`.
    pub async fn block_account(&self, realm: &str, id: &str) -> Answer<Account> {
        self.act(&format!("/v1/realms/{realm}/accounts/{id}/block")).await
    }

    /// `POST /v1/realms/{realm}/accounts/{account}/unblock`.
    pub async fn unblock_account(&self, realm: &str, id: &str) -> Answer<Account> {
        self.act(&format!("/v1/realms/{realm}/accounts/{id}/unblock")).await
    }

    /// The accounts of one user: the first page of the list.
    pub async fn accounts(&self, realm: &str, user_id: &str) -> Answer<Vec<Account>> {
        Ok(self.search_accounts(realm, &[("user_id", user_id)]).await?.items)
    }

    /// Blocks or unblocks an account.
    pub async fn set_blocked(&self, realm: &str, id: &str, blocked: bool) -> Answer<Account> {
        if blocked { self.block_account(realm, id).await } else { self.unblock_account(realm, id).await }
    }
}
