//! The clients of a realm.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{object::object_option, schema};

/// The new configuration of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutClient {
    /// Name shown on phones.
    #[schemars(schema_with = "schema::shown")]
    pub display_name: String,
    /// An https URL of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::url_option")]
    pub logo: Option<String>,
    /// Exact origins whose pages may open the page socket, like `https://shop.example`. When empty,
    /// no browser may open it.
    #[serde(default)]
    #[schemars(schema_with = "schema::urls")]
    pub origins: Vec<String>,
    /// Exact URLs to which a phone may send the browser back.
    #[serde(default)]
    #[schemars(schema_with = "schema::urls")]
    pub return_urls: Vec<String>,
    /// Where an app hands over a login that it started itself; only the first one is used. Without
    /// one, apps cannot start logins here.
    #[serde(default)]
    #[schemars(schema_with = "schema::urls")]
    pub callback_urls: Vec<String>,
    /// Texts for the phone by name, with `{placeholders}` for values. A client that has templates
    /// cannot send texts of its own.
    #[serde(default)]
    pub templates: BTreeMap<String, String>,
    /// Clients, by id or name, whose enrolments this one accepts: only phones that they invited log
    /// in here. When empty, all phones may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub accepts_enrolments_of: Vec<String>,
    /// The second factor that logins of this client need, beside what the realm asks for.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub second_factor: Option<super::SecondFactor>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// Name in the realm's configuration: lower-case letters, digits and `-`.
    #[schemars(schema_with = "schema::name")]
    pub name: String,
    /// Name shown on phones.
    #[schemars(schema_with = "schema::shown")]
    pub display_name: String,
    /// This and the members below are as in `PutClient`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::url_option")]
    pub logo: Option<String>,
    #[serde(default)]
    #[schemars(schema_with = "schema::urls")]
    pub origins: Vec<String>,
    #[serde(default)]
    #[schemars(schema_with = "schema::urls")]
    pub return_urls: Vec<String>,
    #[serde(default)]
    #[schemars(schema_with = "schema::urls")]
    pub callback_urls: Vec<String>,
    #[serde(default)]
    pub templates: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub accepts_enrolments_of: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "object_option")]
    pub second_factor: Option<super::SecondFactor>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Client {
    #[schemars(schema_with = "schema::id")]
    pub id: String,
    pub name: String,
    pub display_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    pub origins: Vec<String>,
    pub return_urls: Vec<String>,
    #[serde(default)]
    pub callback_urls: Vec<String>,
    #[serde(default)]
    pub templates: BTreeMap<String, String>,
    /// Ids of the clients whose enrolments it accepts; when empty, it accepts all.
    #[serde(default)]
    pub accepts_enrolments_of: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<super::SecondFactor>,
    #[schemars(schema_with = "schema::time")]
    pub created_at: String,
}

impl From<NewClient> for PutClient {
    /// The configuration of a new client, without its name.
    fn from(new: NewClient) -> Self {
        let NewClient {
            name: _,
            display_name,
            logo,
            origins,
            return_urls,
            callback_urls,
            templates,
            accepts_enrolments_of,
            second_factor,
        } = new;
        Self {
            display_name,
            logo,
            origins,
            return_urls,
            callback_urls,
            templates,
            accepts_enrolments_of,
            second_factor,
        }
    }
}

impl From<&Client> for PutClient {
    /// The configuration that a client has.
    fn from(c: &Client) -> Self {
        Self {
            display_name: c.display_name.clone(),
            logo: c.logo.clone(),
            origins: c.origins.clone(),
            return_urls: c.return_urls.clone(),
            callback_urls: c.callback_urls.clone(),
            templates: c.templates.clone(),
            accepts_enrolments_of: c.accepts_enrolments_of.clone(),
            second_factor: c.second_factor.clone(),
        }
    }
}
