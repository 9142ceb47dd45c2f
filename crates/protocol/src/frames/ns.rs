//! The frames of NS: logins, phones of a user, enrolment.

use std::fmt;

use minicbor::Encoder;

use super::{ClientAuth, Done, Goodbye, Ping, Pong, Refused};
use crate::{
    cbor::{CborError, Field, MapReader, Record, record},
    codes::{AccountState, DeviceAction, FactorWish, LoginState},
    ids::{AccountId, EnrolmentId, FactorId, Jkt, LoginId, RealmId, ReqId},
};

secret! {
    /// The capability that a login link carries.
    LinkToken(16),
    /// Given to the phone that claims a login by link or starts one. The browser or the app returns
    /// it to the client, which needs it to redeem the login.
    ReturnToken(16),
}

record! {
    /// Proves possession of a new key. `sig` is that key's signature over [`crate::labels::enrol`];
    /// `public_key` is the uncompressed point (SEC 1).
    pub struct Enrol {
        1 => req_id: ReqId,
        2 => public_key: [u8; 65],
        3 => sig: [u8; 64],
        4 => app: String,
        5 => device: String,
        /// With a second factor: the attestation, the key list of its SFS, and the random bytes of
        /// its context.
        6 => attestation: Option<String>,
        7 => sfs_keys: Option<String>,
        8 => factor_r: Option<[u8; 32]>
    }
    /// Claims a login, in order to decide it. It carries `qr_time` and `qr_mac`, or `link`, or
    /// neither for a login that was directed at this account or its user.
    pub struct Claim {
        1 => req_id: ReqId,
        2 => login: LoginId,
        3 => qr_time: Option<u64>,
        4 => qr_mac: Option<[u8; 16]>,
        5 => link: Option<LinkToken>
    }
    /// The signed decision on a login; see [`crate::decision`].
    pub struct Decide {
        1 => req_id: ReqId,
        2 => login: LoginId,
        3 => jws: String,
        /// As in [`Enrol`], when [`Claimed`] asked for a second factor.
        4 => attestation: Option<String>,
        5 => sfs_keys: Option<String>,
        6 => factor_r: Option<[u8; 32]>
    }
    /// Ends a login.
    pub struct Logout { 1 => req_id: ReqId, 2 => login: LoginId }
    /// Asks for the logins that are open or running.
    pub struct ListLogins { 1 => req_id: ReqId }
    /// Starts a login at this client from inside the app; the account claims it at once.
    pub struct StartLogin { 1 => req_id: ReqId, 2 => client: String }
    /// Ends every login of the user.
    pub struct LogoutAll { 1 => req_id: ReqId }
    /// Asks for the user's phones.
    pub struct ListDevices { 1 => req_id: ReqId }
    /// Applies an action to an account of the user. `name` comes with [`DeviceAction::Rename`]
    /// only.
    pub struct ManageDevice {
        1 => req_id: ReqId,
        2 => account: AccountId,
        3 => action: DeviceAction,
        4 => name: Option<String>
    }
    /// Asks for the user's new phones that wait for another phone to vouch for them.
    pub struct ListEnrolments { 1 => req_id: ReqId }
    /// The signed decision on a new phone; see [`crate::vouch`].
    pub struct DecideEnrolment { 1 => req_id: ReqId, 2 => enrolment: EnrolmentId, 3 => jws: String }
    /// The channel is now authenticated as this account.
    pub struct AuthOk {
        1 => account: AccountId,
        2 => state: AccountState,
        3 => realm_name: String,
        4 => server_epoch: u64
    }
    /// The enrolment code is valid so far. Names the inviting realm and client, and the user;
    /// `challenge` is what the new key signs over.
    pub struct EnrolOffer {
        1 => challenge: [u8; 32],
        2 => realm_name: String,
        3 => client_name: String,
        4 => user: String,
        /// Whether the phone may or must bring a second factor, with an attestation over
        /// `challenge` and this channel.
        5 => factor: Option<FactorWish>,
        /// The enrolment gives this account of the user a second factor; its phone accepts with the
        /// key of the account. Absent, a new account is made with a new key.
        6 => account: Option<AccountId>
    }
    /// The account has been created. `number`, when present, must be typed where the enrolment was
    /// created, or on another phone of the user.
    pub struct EnrolOk {
        1 => req_id: ReqId,
        2 => account: AccountId,
        3 => state: AccountState,
        4 => number: Option<String>
    }
    /// The login is claimed. The phone shows `context` (see [`Context`]) exactly and signs over
    /// exactly these bytes. `number` is how many digits the user types from the browser; when
    /// absent, none.
    pub struct Claimed {
        1 => req_id: ReqId,
        2 => login: LoginId,
        3 => context: Vec<u8>,
        4 => expires_at: u64,
        5 => return_token: Option<ReturnToken>,
        6 => return_url: Option<String>,
        7 => number: Option<u64>,
        8 => callback_url: Option<String>,
        /// When the login needs a second factor: the challenge of its context, the binding of the
        /// channel that the challenge was issued on, and the greatest age of the proof in seconds
        /// (0: proven after the claim).
        9 => factor_challenge: Option<[u8; 32]>,
        10 => factor_cb: Option<[u8; 32]>,
        11 => factor_max_age: Option<u64>,
        /// The factor of the account, which is to be proven.
        12 => factor: Option<FactorId>
    }
    /// The decision is stored.
    pub struct Decided { 1 => req_id: ReqId, 2 => login: LoginId, 3 => state: LoginState }
    /// Answer to [`ListLogins`].
    pub struct Logins { 1 => req_id: ReqId, 2 => logins: Vec<LoginEntry> }
    /// One entry of [`Logins`].
    pub struct LoginEntry {
        1 => login: LoginId,
        2 => state: LoginState,
        3 => client_name: String,
        4 => since: u64
    }
    /// Answer to [`ListDevices`].
    pub struct Devices { 1 => req_id: ReqId, 2 => devices: Vec<Device> }
    /// One entry of [`Devices`].
    pub struct Device {
        1 => account: AccountId,
        2 => name: String,
        3 => app: String,
        4 => state: AccountState,
        5 => since: u64
    }
    /// Answer to [`ListEnrolments`].
    pub struct Enrolments { 1 => req_id: ReqId, 2 => enrolments: Vec<EnrolmentEntry> }
    /// One entry of [`Enrolments`]: a new phone, identified by the thumbprint of its key.
    pub struct EnrolmentEntry {
        1 => enrolment: EnrolmentId,
        2 => name: String,
        3 => app: String,
        4 => since: u64,
        5 => jkt: Jkt
    }
    /// A login waits for this account to claim it.
    pub struct LoginOffered { 1 => login: LoginId, 2 => client_name: String, 3 => expires_at: u64 }
    /// A new phone of this user waits for another phone to vouch for it.
    pub struct EnrolmentWaiting { 1 => enrolment: EnrolmentId, 2 => name: String }
    /// Another phone of this user was added, changed or deleted.
    pub struct DeviceChanged {
        1 => account: AccountId,
        2 => name: String,
        3 => app: String,
        4 => state: AccountState,
        5 => since: u64
    }
    /// A login that was claimed on this connection changed; `v` is its version.
    pub struct LoginChanged { 1 => login: LoginId, 2 => state: LoginState, 3 => v: u64 }
    /// The account's own state changed.
    pub struct AccountChanged { 1 => state: AccountState }
    /// What the user is shown before deciding. The client supplied `text`, `browser` and `place`;
    /// everything else is the server's.
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

impl PhoneFrame {
    /// The command's `req_id`, when the frame is a command.
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
