//! A realm: a virtual server with its own name, keys and policies.

use countersign_protocol::ids::{Jkt, KeyId, RealmId};
use serde::{Deserialize, Serialize};

use crate::{
    app::{App, TrustedSfs},
    authority::Authority,
    enrolment::Confirm,
    factor::{EnrolmentFactor, FactorNeed},
    limits::Limits,
};
use countersign_ports::{
    identity::{Part, SealedKey},
    secret::Secret,
    time::Time,
};

/// The least days that the trail is kept, unless root lowers the floor.
pub const TRAIL_FLOOR_DAYS: u64 = 400;
/// The least days that outcomes and their evidence are kept, unless root lowers the floor: five
/// years.
pub const OUTCOME_FLOOR_DAYS: u64 = 1826;

/// The settings of a realm. Members that are absent from stored settings take the default, so that
/// new ones can be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RealmSettings {
    /// Seconds a login may be pending or claimed.
    pub login_secs: u64,
    /// Seconds an approved login waits to be redeemed.
    pub redeem_secs: u64,
    /// Seconds an approved login lives.
    pub session_secs: u64,
    /// Seconds an enrolment may take.
    pub enrolment_secs: u64,
    /// Continuous authentication: an approved login ends when its phone has been silent for this
    /// many seconds. 0 turns this off.
    pub silence_secs: u64,
    /// Which ways of claiming a login require that the number shown by the browser is typed on the
    /// phone.
    pub number_match: NumberMatch,
    /// How a new phone may become active.
    pub enrolment_confirm: Vec<Confirm>,
    /// Only listed apps may enrol and connect.
    pub listed_apps_only: bool,
    /// The second factor that every login needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<FactorNeed>,
    /// Whether new phones bring a second factor.
    pub enrolment_factor: EnrolmentFactor,
    pub limits: Limits,
    /// How a user who has or had a phone gets the next one.
    pub further_phones: FurtherPhones,
    /// Seconds until a further phone that was confirmed by number works, and until one that none of
    /// the user's own phones let in may manage the others.
    pub further_phone_secs: u64,
    /// Days the trail is kept.
    pub trail_days: u64,
    /// Days outcomes and their evidence are kept, from the end of their login.
    pub outcome_days: u64,
    /// Hours for which logins that no phone claimed are kept.
    pub unclaimed_hours: u64,
    /// The least `trail_days`; only root may lower it.
    pub trail_floor_days: u64,
    /// The least `outcome_days`; only root may lower it.
    pub outcome_floor_days: u64,
}

/// How a user who has or ever had a phone gets the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FurtherPhones {
    /// One of the user's phones or an administrator approves it.
    #[default]
    PhoneOrAdmin,
    /// An administrator approves it; no phone can.
    Admin,
    /// As [`Self::PhoneOrAdmin`], or by number; a phone confirmed by number works only after
    /// `further_phone_secs`.
    Number,
}

/// Why a change of settings is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Only root may lower this floor.
    Floor(&'static str),
    /// This setting would be below its floor, which is this many days.
    Below(&'static str, u64),
}

/// Settings from before there were floors may lie below them; then the floor applies.
impl RealmSettings {
    /// Days the trail is kept.
    #[must_use]
    pub fn kept_trail_days(&self) -> u64 {
        self.trail_days.max(self.trail_floor_days)
    }

    /// Days outcomes and their evidence are kept.
    #[must_use]
    pub fn kept_outcome_days(&self) -> u64 {
        self.outcome_days.max(self.outcome_floor_days)
    }

    /// Whether an actor with authority `who` may change these settings to `after`: only root lowers
    /// a floor, and no setting is changed to less than its floor.
    ///
    /// # Errors
    /// What is not allowed.
    pub fn may_become(&self, after: &Self, who: Authority) -> Result<(), Kept> {
        let floors = [
            ("trail_floor_days", self.trail_floor_days, after.trail_floor_days),
            ("outcome_floor_days", self.outcome_floor_days, after.outcome_floor_days),
        ];
        if let Some((name, ..)) =
            floors.into_iter().find(|(_, before, after)| after < before && who < Authority::Root)
        {
            return Err(Kept::Floor(name));
        }
        let days = [
            ("trail_days", self.trail_days, after.trail_days, after.trail_floor_days),
            ("outcome_days", self.outcome_days, after.outcome_days, after.outcome_floor_days),
        ];
        match days.into_iter().find(|(_, before, after, floor)| after != before && after < floor) {
            Some((name, _, _, floor)) => Err(Kept::Below(name, floor)),
            None => Ok(()),
        }
    }

    /// Whether these settings keep more than `after`. The row in the trail for such a change is
    /// kept for ever.
    #[must_use]
    pub fn keeps_more_than(&self, after: &Self) -> bool {
        after.kept_trail_days() < self.kept_trail_days()
            || after.kept_outcome_days() < self.kept_outcome_days()
            || after.unclaimed_hours < self.unclaimed_hours
            || after.trail_floor_days < self.trail_floor_days
            || after.outcome_floor_days < self.outcome_floor_days
    }
}

/// Which ways of claiming a login require a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NumberMatch {
    pub qr: bool,
    pub link: bool,
    pub directed: bool,
}

impl Default for NumberMatch {
    fn default() -> Self {
        Self { qr: false, link: true, directed: true }
    }
}

impl Default for RealmSettings {
    fn default() -> Self {
        Self {
            login_secs: 120,
            redeem_secs: 120,
            session_secs: 8 * 3600,
            enrolment_secs: 600,
            silence_secs: 0,
            number_match: NumberMatch::default(),
            enrolment_confirm: vec![Confirm::Number, Confirm::Phone, Confirm::Admin],
            listed_apps_only: false,
            second_factor: None,
            enrolment_factor: EnrolmentFactor::None,
            limits: Limits::default(),
            further_phones: FurtherPhones::default(),
            further_phone_secs: 86_400,
            trail_days: TRAIL_FLOOR_DAYS,
            outcome_days: OUTCOME_FLOOR_DAYS,
            unclaimed_hours: 24,
            trail_floor_days: TRAIL_FLOOR_DAYS,
            outcome_floor_days: OUTCOME_FLOOR_DAYS,
        }
    }
}

/// The part of a realm that is not secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm {
    pub id: RealmId,
    pub name: String,
    pub display_name: String,
    pub created_at: Time,
    pub settings: RealmSettings,
}

/// A realm as it is stored, with its secrets sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRealm {
    pub realm: Realm,
    /// SHA-256 of the root's public key, which phones pin.
    pub root_pin: [u8; 32],
    /// Envelope of the root's private key. It is not needed at run time; absent when an operator
    /// has taken it offline.
    pub sealed_root: Option<Vec<u8>>,
    /// Envelope of the key that QR codes and link tokens are derived from.
    pub sealed_qr: Vec<u8>,
    pub keys: Vec<SealedKey>,
    pub apps: Vec<App>,
}

/// A realm in use, with the key for its codes opened.
#[derive(Clone, Debug)]
pub struct OpenRealm {
    pub realm: Realm,
    pub root_pin: [u8; 32],
    pub qr_key: Secret<32>,
    /// Newest epoch first.
    pub keys: Vec<PublicKey>,
    pub apps: Vec<App>,
}

impl OpenRealm {
    #[must_use]
    pub fn id(&self) -> RealmId {
        self.realm.id
    }

    /// The name in URLs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.realm.name
    }

    /// The name that people see.
    #[must_use]
    pub fn display_name(&self) -> &str {
        &self.realm.display_name
    }

    #[must_use]
    pub fn settings(&self) -> &RealmSettings {
        &self.realm.settings
    }

    /// The second factor server with this root, if the realm trusts it for this app.
    #[must_use]
    pub fn trusted_sfs(&self, app: &str, root: &Jkt) -> Option<&TrustedSfs> {
        let app = self.apps.iter().find(|listed| listed.id == app)?;
        app.sfs.iter().find(|sfs| sfs.thumbprint() == *root)
    }
}

/// The public half of a static key of the phone channel. Only the realms' book has the private
/// halves.
#[derive(Clone, Copy, Debug)]
pub struct PublicKey {
    pub key_id: KeyId,
    pub epoch: u64,
    /// X25519.
    pub public: [u8; 32],
}

/// The name of the place that a secret of a realm's identity is sealed for. An envelope opens only
/// under the name it was sealed for.
#[must_use]
pub fn place(realm: RealmId, part: Part) -> String {
    match part {
        Part::Root => format!("ns/realms/{realm}/root"),
        Part::Channel(key) => format!("ns/realms/{realm}/keys/{key:?}"),
    }
}

/// The name of the place that the key of a realm's QR codes and link tokens is sealed for.
#[must_use]
pub fn qr_place(realm: RealmId) -> String {
    format!("ns/realms/{realm}/qr")
}
