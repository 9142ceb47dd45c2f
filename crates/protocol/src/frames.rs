//! The sentences inside DATA. Each is one CBOR map; key 0 is the frame type, the other keys are listed here.
//!
//! Times are whole seconds since 1970-01-01T00:00:00Z. Texts are UTF-8. A phone gives each command a fresh `req_id` and
//! uses the same one again only to repeat the same command.

use std::fmt;

use minicbor::Encoder;

use crate::cbor::{CborError, Field, MapReader, Record, record};
use crate::codes::{AccountState, Close, DeviceAction, LoginState, Refusal};
use crate::ids::{AccountId, EnrolmentId, Jkt, LoginId, RealmId, ReqId};

macro_rules! secret {
    ($($(#[$m:meta])* $name:ident($n:literal)),* $(,)?) => {$(
        $(#[$m])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(pub [u8; $n]);
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(concat!(stringify!($name), "(..)")) }
        }
        impl Field for $name {
            fn put(&self, e: &mut Encoder<Vec<u8>>) { self.0.put(e); }
            fn get(d: &mut minicbor::Decoder<'_>) -> Result<Self, CborError> { Field::get(d).map(Self) }
        }
    )*};
}

secret! {
    /// The single-use capability in an enrolment link. No `Display`, and `Debug` hides it.
    EnrolCode(16),
    /// The capability in a login link.
    LinkToken(16),
    /// Handed to the phone at a claim by link; the browser brings it back to the client, which redeems with it.
    ReturnToken(16),
}

record! {
    /// First frame of an enrolled phone. `sig` is [`crate::labels::channel_auth`] signed by the account key, raw r‖s.
    pub struct AuthAccount { 2 => jkt: Jkt, 3 => sig: [u8; 64], 5 => app_version: Option<String> }
    /// First frame of a phone with an enrolment link.
    pub struct AuthEnrol { 4 => code: EnrolCode, 5 => app_version: Option<String> }
    /// Proves a new key. `sig` is [`crate::labels::enrol`] signed by it; `public_key` is the uncompressed point (SEC 1).
    pub struct Enrol { 1 => req_id: ReqId, 2 => public_key: [u8; 65], 3 => sig: [u8; 64], 4 => app: String, 5 => device: String }
    /// "Still here"; answered by Pong with the same number.
    pub struct Ping { 1 => nonce: u64 }
    /// "I want to decide this login." `qr_time` and `qr_mac`, or `link`, or neither for a login that was directed at this account or its user.
    pub struct Claim { 1 => req_id: ReqId, 2 => login: LoginId, 3 => qr_time: Option<u64>, 4 => qr_mac: Option<[u8; 16]>, 5 => link: Option<LinkToken> }
    /// The signed answer; see [`crate::decision`].
    pub struct Decide { 1 => req_id: ReqId, 2 => login: LoginId, 3 => jws: String }
    /// "End this login."
    pub struct Logout { 1 => req_id: ReqId, 2 => login: LoginId }
    /// "What is open, what is running?"
    pub struct ListLogins { 1 => req_id: ReqId }
    /// "Log me in here": a login at this client, started on the phone and claimed by it at once.
    pub struct StartLogin { 1 => req_id: ReqId, 2 => client: String }
    /// "End every login of my user."
    pub struct LogoutAll { 1 => req_id: ReqId }
    /// "Which phones does my user have?"
    pub struct ListDevices { 1 => req_id: ReqId }
    /// "Do this to that account of my user." `name` with [`DeviceAction::Rename`] only.
    pub struct ManageDevice { 1 => req_id: ReqId, 2 => account: AccountId, 3 => action: DeviceAction, 4 => name: Option<String> }
    /// "Which new phones wait for my word?"
    pub struct ListEnrolments { 1 => req_id: ReqId }
    /// The signed word on a new phone; see [`crate::vouch`].
    pub struct DecideEnrolment { 1 => req_id: ReqId, 2 => enrolment: EnrolmentId, 3 => jws: String }

    /// The channel belongs to this account now.
    pub struct AuthOk { 1 => account: AccountId, 2 => state: AccountState, 3 => realm_name: String, 4 => server_epoch: u64 }
    /// The code is good so far: this is who invites, and `challenge` is what the new key signs over.
    pub struct EnrolOffer { 1 => challenge: [u8; 32], 2 => realm_name: String, 3 => client_name: String, 4 => user: String }
    /// The account exists. `number`, when present, is to be typed where the enrolment was created.
    pub struct EnrolOk { 1 => req_id: ReqId, 2 => account: AccountId, 3 => state: AccountState, 4 => number: Option<String> }
    /// A command was refused.
    pub struct Refused { 1 => req_id: ReqId, 2 => code: Refusal, 3 => retry_after: Option<u64> }
    /// Answer to Ping.
    pub struct Pong { 1 => nonce: u64, 2 => time: u64 }
    /// Show `context` (see [`Context`]) exactly, and sign over exactly these bytes. `number` is how many digits the user types from the browser; without it, none.
    pub struct Claimed { 1 => req_id: ReqId, 2 => login: LoginId, 3 => context: Vec<u8>, 4 => expires_at: u64, 5 => return_token: Option<ReturnToken>, 6 => return_url: Option<String>, 7 => number: Option<u64>, 8 => callback_url: Option<String> }
    /// The decision is stored.
    pub struct Decided { 1 => req_id: ReqId, 2 => login: LoginId, 3 => state: LoginState }
    /// A command without a result of its own is done.
    pub struct Done { 1 => req_id: ReqId }
    /// Answer to ListLogins.
    pub struct Logins { 1 => req_id: ReqId, 2 => logins: Vec<LoginEntry> }
    /// One line of [`Logins`].
    pub struct LoginEntry { 1 => login: LoginId, 2 => state: LoginState, 3 => client_name: String, 4 => since: u64 }
    /// Answer to ListDevices.
    pub struct Devices { 1 => req_id: ReqId, 2 => devices: Vec<Device> }
    /// One line of [`Devices`].
    pub struct Device { 1 => account: AccountId, 2 => name: String, 3 => app: String, 4 => state: AccountState, 5 => since: u64 }
    /// Answer to ListEnrolments.
    pub struct Enrolments { 1 => req_id: ReqId, 2 => enrolments: Vec<EnrolmentEntry> }
    /// One line of [`Enrolments`]: a new phone, by the thumbprint of its key.
    pub struct EnrolmentEntry { 1 => enrolment: EnrolmentId, 2 => name: String, 3 => app: String, 4 => since: u64, 5 => jkt: Jkt }
    /// A login waits for this account: claim it.
    pub struct LoginOffered { 1 => login: LoginId, 2 => client_name: String, 3 => expires_at: u64 }
    /// A new phone of this user waits for a word from an old one.
    pub struct EnrolmentWaiting { 1 => enrolment: EnrolmentId, 2 => name: String }
    /// Another phone of this user came, changed or went.
    pub struct DeviceChanged { 1 => account: AccountId, 2 => name: String, 3 => app: String, 4 => state: AccountState, 5 => since: u64 }
    /// A login this account claimed changed; `v` is its version.
    pub struct LoginChanged { 1 => login: LoginId, 2 => state: LoginState, 3 => v: u64 }
    /// The account's own state changed.
    pub struct AccountChanged { 1 => state: AccountState }
    /// The authentic end of the connection.
    pub struct Goodbye { 1 => code: Close }

    /// Payload of HELLO_OK.
    pub struct Welcome { 1 => time: u64, 2 => max_frame: u64, 3 => ping_after: u64 }

    /// What the user is shown before deciding. The client chose `text`; everything else is the server's own word.
    pub struct Context {
        1 => login: LoginId,
        2 => realm: RealmId,
        3 => realm_name: String,
        4 => client_name: String,
        5 => created_at: u64,
        6 => text: Option<String>,
        7 => browser: Option<String>,
        8 => place: Option<String>
    }
}

/// First frame after the handshake (`type` 1; key 1 says which kind).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// Kind 1.
    Account(AuthAccount),
    /// Kind 2.
    Enrol(AuthEnrol),
}

const KIND_ACCOUNT: u64 = 1;
const KIND_ENROL: u64 = 2;

impl Record for ClientAuth {
    fn entries(&self) -> u64 {
        1 + match self {
            Self::Account(a) => a.entries(),
            Self::Enrol(a) => a.entries(),
        }
    }
    fn put_entries(&self, e: &mut Encoder<Vec<u8>>) {
        1u64.put(e);
        match self {
            Self::Account(a) => {
                KIND_ACCOUNT.put(e);
                a.put_entries(e);
            }
            Self::Enrol(a) => {
                KIND_ENROL.put(e);
                a.put_entries(e);
            }
        }
    }
    fn get_entries(m: &mut MapReader<'_>) -> Result<Self, CborError> {
        match m.take::<u64>(1)? {
            KIND_ACCOUNT => AuthAccount::get_entries(m).map(Self::Account),
            KIND_ENROL => AuthEnrol::get_entries(m).map(Self::Enrol),
            _ => Err(CborError::WrongType),
        }
    }
}

macro_rules! frames {
    ($($(#[$m:meta])* pub enum $name:ident { $($n:literal $variant:ident($body:ty)),* $(,)? })*) => {$(
        $(#[$m])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name { $($variant($body)),* }

        impl $name {
            /// Writes the frame as deterministic CBOR, without length or padding.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                let mut e = Encoder::new(Vec::with_capacity(128));
                match self { $(Self::$variant(body) => {
                    e.map(1 + body.entries()).expect("writing CBOR into memory cannot fail");
                    0u64.put(&mut e);
                    ($n as u64).put(&mut e);
                    body.put_entries(&mut e);
                })* }
                e.into_writer()
            }
            /// Reads a frame that fills `bytes`.
            ///
            /// # Errors
            /// Anything that is not exactly one known frame in deterministic CBOR.
            pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
                let mut m = MapReader::open(bytes)?;
                let frame = match m.take::<u64>(0)? {
                    $($n => Self::$variant(<$body>::get_entries(&mut m)?),)*
                    _ => return Err(CborError::WrongType),
                };
                m.finish()?;
                Ok(frame)
            }
            /// Every [`Self::name`].
            pub const NAMES: &'static [&'static str] = &[$(stringify!($variant)),*];
            /// A name for logs and metrics.
            #[must_use]
            pub fn name(&self) -> &'static str { match self { $(Self::$variant(_) => stringify!($variant)),* } }
        }
        $(impl From<$body> for $name { fn from(body: $body) -> Self { Self::$variant(body) } })*
    )*};
}

frames! {
    /// Phone → server.
    pub enum PhoneFrame {
        1 Auth(ClientAuth),
        2 Enrol(Enrol),
        3 Ping(Ping),
        4 Claim(Claim),
        5 Decide(Decide),
        6 Logout(Logout),
        7 ListLogins(ListLogins),
        8 StartLogin(StartLogin),
        9 LogoutAll(LogoutAll),
        10 ListDevices(ListDevices),
        11 ManageDevice(ManageDevice),
        12 ListEnrolments(ListEnrolments),
        13 DecideEnrolment(DecideEnrolment),
    }

    /// Server → phone.
    pub enum ServerFrame {
        64 AuthOk(AuthOk),
        65 EnrolOffer(EnrolOffer),
        66 EnrolOk(EnrolOk),
        67 Refused(Refused),
        68 Pong(Pong),
        69 Claimed(Claimed),
        70 Decided(Decided),
        71 Done(Done),
        72 Logins(Logins),
        73 Devices(Devices),
        74 Enrolments(Enrolments),
        80 LoginChanged(LoginChanged),
        81 AccountChanged(AccountChanged),
        82 Goodbye(Goodbye),
        83 LoginOffered(LoginOffered),
        84 EnrolmentWaiting(EnrolmentWaiting),
        85 DeviceChanged(DeviceChanged),
    }
}

frames! {
    /// Phone → SFS. Numbers mean what they mean towards NS.
    pub enum SfsPhoneFrame {
        1 Auth(ClientAuth),
        3 Ping(Ping),
    }

    /// SFS → phone.
    pub enum SfsServerFrame {
        68 Pong(Pong),
        82 Goodbye(Goodbye),
    }
}

impl PhoneFrame {
    /// The command's `req_id`, where the frame is a command.
    #[must_use]
    pub fn req_id(&self) -> Option<ReqId> {
        match self {
            Self::Enrol(f) => Some(f.req_id),
            Self::Claim(f) => Some(f.req_id),
            Self::Decide(f) => Some(f.req_id),
            Self::Logout(f) => Some(f.req_id),
            Self::ListLogins(f) => Some(f.req_id),
            Self::StartLogin(f) => Some(f.req_id),
            Self::LogoutAll(f) => Some(f.req_id),
            Self::ListDevices(f) => Some(f.req_id),
            Self::ManageDevice(f) => Some(f.req_id),
            Self::ListEnrolments(f) => Some(f.req_id),
            Self::DecideEnrolment(f) => Some(f.req_id),
            Self::Auth(_) | Self::Ping(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claim() -> PhoneFrame {
        Claim { req_id: ReqId([1; 16]), login: LoginId([2; 16]), qr_time: Some(1_790_000_000), qr_mac: Some([3; 16]), link: None }.into()
    }

    #[test]
    fn frames_survive_their_bytes() {
        let frames: Vec<PhoneFrame> = vec![
            ClientAuth::Account(AuthAccount { jkt: Jkt([1; 32]), sig: [2; 64], app_version: None }).into(),
            ClientAuth::Enrol(AuthEnrol { code: EnrolCode([3; 16]), app_version: Some("1.2".into()) }).into(),
            claim(),
            Ping { nonce: 7 }.into(),
        ];
        for frame in frames {
            assert_eq!(PhoneFrame::decode(&frame.encode()), Ok(frame));
        }
        let list = ServerFrame::from(Logins {
            req_id: ReqId([1; 16]),
            logins: vec![LoginEntry { login: LoginId([9; 16]), state: LoginState::Approved, client_name: "Shop".into(), since: 5 }; 2],
        });
        assert_eq!(ServerFrame::decode(&list.encode()), Ok(list));
    }

    #[test]
    fn unknown_critical_keys_are_refused_and_unknown_optional_keys_skipped() {
        let ping = |extra: &[u8], n: u8| [&[0xa0 | n, 0x00, 0x03, 0x01, 0x07][..], extra].concat();
        assert_eq!(PhoneFrame::decode(&ping(&[], 2)), Ok(Ping { nonce: 7 }.into()));
        assert_eq!(PhoneFrame::decode(&ping(&[0x02, 0x00], 3)), Err(CborError::UnknownField));
        assert_eq!(PhoneFrame::decode(&ping(&[0x18, 0x7f, 0x00], 3)), Err(CborError::UnknownField));
        assert_eq!(PhoneFrame::decode(&ping(&[0x18, 0x80, 0x81, 0x00], 3)), Ok(Ping { nonce: 7 }.into()));
        assert_eq!(PhoneFrame::decode(&ping(&[0x61, b'x', 0x00], 3)), Err(CborError::WrongType));
    }

    #[test]
    fn a_missing_or_mistyped_field_is_refused() {
        assert_eq!(PhoneFrame::decode(&[0xa1, 0x00, 0x03]), Err(CborError::Missing));
        assert_eq!(PhoneFrame::decode(&[0xa2, 0x00, 0x03, 0x01, 0x61, b'7']), Err(CborError::WrongType));
        assert_eq!(PhoneFrame::decode(&[0xa1, 0x00, 0x18, 0x63]), Err(CborError::WrongType));
        assert_eq!(PhoneFrame::decode(&[0x80]), Err(CborError::WrongType));
    }

    #[test]
    fn capabilities_do_not_show_in_debug() {
        let text = format!("{:?}", PhoneFrame::from(ClientAuth::Enrol(AuthEnrol { code: EnrolCode([0xab; 16]), app_version: None })));
        assert!(!text.contains("171") && text.contains("EnrolCode(..)"), "{text}");
    }

    proptest! {
        #[test]
        fn a_flipped_byte_never_panics_and_never_reads_as_the_same_frame(at in 0usize..60, bit in 0u8..8) {
            let good = claim().encode();
            let mut bad = good.clone();
            let at = at % bad.len();
            bad[at] ^= 1 << bit;
            prop_assert_ne!(PhoneFrame::decode(&bad), Ok(claim()));
        }
    }
}
