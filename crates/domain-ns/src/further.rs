//! Further phones: in which ways a user may get another phone, and who may let it in.
//!
//! A first phone is trusted on first use: the client that invites it states who the person is. A
//! later phone could take the place of the first, so by default it takes more: approval by one of
//! the user's own phones or by an administrator. The same holds for a user whose phones are
//! blocked, deleted or erased, because taking a phone away must not open a way to a new one.

use countersign_protocol::ids::RealmId;

use crate::{
    Refused,
    account::Account,
    audit::Who,
    authority::{Authority, Lineage},
    enrolment::Confirm,
    realm::{FurtherPhones, RealmSettings},
};
use countersign_ports::{time::Time, vault::Vault};

/// Keyed hash of a user's name. It stays when the name is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UserHash(pub [u8; 16]);

impl UserHash {
    #[must_use]
    pub fn of(vault: &Vault, realm: RealmId, user_id: &str) -> Self {
        Self(vault.mac("user-hash/v1", &[&realm.0[..], user_id.as_bytes()].concat()))
    }
}

/// An actor that has taken a phone of the user away with a key since the last phone was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Closer {
    pub lineage: Option<Lineage>,
    pub authority: Authority,
}

/// The phones a user has and has had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Whether one was active at some time, perhaps under a name that has been erased.
    pub had: bool,
    /// Sorted, without duplicates.
    pub closers: Vec<Closer>,
}

/// The conditions under which an account is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The past that was judged. The store lets the phone in only if it is still the same.
    pub past: Past,
    pub recovered: bool,
    /// Whether the record of who took phones away is kept. It is when the phone that let this one
    /// in was itself let in by none of the user's own phones.
    pub unsettled: bool,
    /// When the account begins to work; `None` means at once.
    pub active_from: Option<Time>,
    /// When the account may begin to manage and vouch for its user's other phones; `None` means at
    /// once.
    pub rules_from: Option<Time>,
}

/// Whether a user with this past may get a phone in this way.
///
/// # Errors
/// [`Refused::FurtherPhone`]; [`Refused::ConfirmNotAllowed`] for a first phone in a way that the
/// realm does not allow (any more).
pub fn may_come(settings: &RealmSettings, past: &Past, way: Confirm) -> Result<(), Refused> {
    if !past.had {
        return if settings.enrolment_confirm.contains(&way) {
            Ok(())
        } else {
            Err(Refused::ConfirmNotAllowed)
        };
    }
    let open = match way {
        // An administrator can always let in a phone of a user who has lost all others.
        Confirm::Admin => true,
        Confirm::Phone => settings.further_phones != FurtherPhones::Admin,
        Confirm::Number => settings.further_phones == FurtherPhones::Number,
        Confirm::None => false,
    };
    if open { Ok(()) } else { Err(Refused::FurtherPhone) }
}

/// Lets a phone in: `who` approves it, in this way, now. A phone that is vouched for by one which
/// none of the user's own phones let in counts as recovered, like that one.
///
/// # Errors
/// Those of [`may_come`]; [`Refused::SameHands`] when a key of the same lineage took a phone away
/// before, [`Refused::MoreAuthority`] when an actor with more authority did;
/// [`Refused::NotAllowed`] when the vouching phone may not vouch yet.
pub fn admit(
    settings: &RealmSettings,
    past: Past,
    way: Confirm,
    (who, voucher): (&Who, Option<&Account>),
    now: Time,
) -> Result<Admission, Refused> {
    may_come(settings, &past, way)?;
    if let Some(voucher) = voucher {
        voucher.may_rule_phones(now)?;
    }
    let mine = who.authority();
    // A phone of the user acts for the user, and root could use a key of any lineage, so neither is
    // compared with the closers.
    if way != Confirm::Phone && mine != Authority::Root {
        for closer in &past.closers {
            if closer.lineage == who.lineage {
                return Err(Refused::SameHands);
            }
            if closer.authority > mine {
                return Err(Refused::MoreAuthority);
            }
        }
    }
    let unsettled = voucher.is_some_and(|v| v.origin.recovered_at.is_some());
    let recovered = past.had && (way != Confirm::Phone || unsettled);
    let later = now.plus_secs(settings.further_phone_secs);
    let (active_from, rules_from) =
        ((past.had && way == Confirm::Number).then_some(later), recovered.then_some(later));
    Ok(Admission { past, recovered, unsettled, active_from, rules_from })
}

#[cfg(test)]
mod tests {
    use countersign_protocol::ids::{AccountId, ApiKeyId};

    use super::*;
    use crate::{
        audit::Actor,
        permission::{builtin, role},
    };

    const NOW: Time = Time(1_000);

    fn key(role: &str, lineage: u8) -> Who {
        let permissions = builtin(role).expect("there");
        Who {
            permissions,
            lineage: Some(Lineage([lineage; 16])),
            ..Actor::Key(ApiKeyId([lineage; 16])).into()
        }
    }

    fn settings(further_phones: FurtherPhones) -> RealmSettings {
        RealmSettings { further_phones, ..RealmSettings::default() }
    }

    #[test]
    fn a_first_phone_comes_every_way_and_a_further_one_only_as_the_realm_says() {
        use FurtherPhones as F;
        let had = Past { had: true, closers: Vec::new() };
        for (further, ways) in [
            (F::PhoneOrAdmin, &[Confirm::Phone, Confirm::Admin][..]),
            (F::Admin, &[Confirm::Admin]),
            (F::Number, &[Confirm::Number, Confirm::Phone, Confirm::Admin]),
        ] {
            for way in Confirm::ALL {
                let first = may_come(&settings(further), &Past::default(), way);
                assert_eq!(
                    first,
                    if way == Confirm::None { Err(Refused::ConfirmNotAllowed) } else { Ok(()) },
                    "as the realm allows"
                );
                assert_eq!(
                    may_come(&settings(further), &had, way).is_ok(),
                    ways.contains(&way),
                    "{further:?} {way:?}"
                );
            }
        }
    }

    #[test]
    fn whoever_took_a_phone_away_and_every_key_in_the_same_hands_does_not_let_in_the_next() {
        let closer = |authority, lineage| Closer { authority, lineage };
        let by = |closers: Vec<Closer>, who: Who, way| {
            admit(&settings(FurtherPhones::PhoneOrAdmin), Past { had: true, closers }, way, (&who, None), NOW)
                .map(|a| a.recovered)
        };
        let blocked = vec![closer(Authority::Block, Some(Lineage([1; 16])))];
        assert_eq!(by(blocked.clone(), key(role::REALM_ADMIN, 1), Confirm::Admin), Err(Refused::SameHands));
        assert_eq!(by(blocked.clone(), key(role::REALM_ADMIN, 2), Confirm::Admin), Ok(true));
        assert_eq!(by(blocked.clone(), key(role::ROOT, 1), Confirm::Admin), Ok(true), "root aside");
        let phone: Who = Actor::Account(AccountId([3; 16])).into();
        assert_eq!(by(blocked, phone, Confirm::Phone), Ok(false));
        let by_root = vec![closer(Authority::Root, Some(Lineage([9; 16])))];
        assert_eq!(by(by_root, key(role::REALM_ADMIN, 2), Confirm::Admin), Err(Refused::MoreAuthority));
        let unknown = vec![closer(Authority::Realm, None)];
        let old = Who { lineage: None, ..key(role::REALM_ADMIN, 2) };
        assert_eq!(
            by(unknown, old, Confirm::Admin),
            Err(Refused::SameHands),
            "keys of unknown makers are relatives"
        );
    }

    #[test]
    fn a_number_lets_a_further_phone_in_later_only() {
        let realm = settings(FurtherPhones::Number);
        let registrar = key(role::REGISTRAR, 1);
        let had = Past { had: true, closers: Vec::new() };
        let let_in = admit(&realm, had, Confirm::Number, (&registrar, None), NOW).expect("the realm says so");
        assert_eq!((let_in.active_from, let_in.recovered), (Some(NOW.plus_secs(86_400)), true));
        let first =
            admit(&realm, Past::default(), Confirm::Number, (&registrar, None), NOW).expect("a first phone");
        assert_eq!((first.active_from, first.recovered), (None, false));
        let blocked = Past {
            had: true,
            closers: vec![Closer { lineage: Some(Lineage([7; 16])), authority: Authority::Block }],
        };
        assert_eq!(
            admit(&realm, blocked, Confirm::Number, (&registrar, None), NOW),
            Err(Refused::MoreAuthority)
        );
    }
}
