//! Every frame in every phase of a connection, where it is allowed and where it is not.

use std::collections::BTreeSet;

use countersign_api::Confirm;
use countersign_channel::{Greeting, p256};
use countersign_protocol::{
    cbor::CborError,
    codes::{Close, DeviceAction},
    frames::{
        AuthAccount, AuthEnrol, Claim, ClientAuth, Decide, DecideEnrolment, Enrol, EnrolCode, Goodbye,
        ListDevices, ListEnrolments, ListLogins, Logout, LogoutAll, ManageDevice, PhoneFrame, Ping,
        ServerFrame, StartLogin,
    },
    ids::{AccountId, EnrolmentId, Jkt, LoginId, ReqId},
    link::{EnrolLink, Link},
    outer::{NOISE_MSG1, NOISE_MSG2_OVERHEAD, Outer},
};
use countersign_sdk::{AccountServer, KeyStore};

use crate::support::{Heard, Phone, Pod, RawPhone, Stage};

const REQ: ReqId = ReqId([1; 16]);
const LOGIN: LoginId = LoginId([2; 16]);

/// The phase of a connection when a frame arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Upgraded; HELLO is awaited.
    Connected,
    /// HELLO_OK was sent; ClientAuth is awaited.
    Greeting,
    /// The code was valid; the new key is awaited.
    Enrolling,
    /// Possession of the account key is proven.
    Account,
}

const PHASES: [Phase; 4] = [Phase::Connected, Phase::Greeting, Phase::Enrolling, Phase::Account];

/// Result of a frame.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// An answer to it, and the connection continues.
    Answer,
    /// An answer, then a goodbye: the connection has served its purpose.
    Last,
    /// CLOSE 1, WebSocket 1002, and nothing more.
    End,
}

/// Returns the frame that follows this one, in a chain with one frame of each kind: a new kind does
/// not compile until it has its place in the chain.
fn after(frame: Option<&PhoneFrame>) -> Option<PhoneFrame> {
    Some(match frame {
        None => {
            ClientAuth::Account(AuthAccount { jkt: Jkt([3; 32]), sig: [4; 64], app_version: None }).into()
        }
        Some(PhoneFrame::Auth(ClientAuth::Account(_))) => {
            ClientAuth::Enrol(AuthEnrol { code: EnrolCode([5; 16]), app_version: None }).into()
        }
        Some(PhoneFrame::Auth(ClientAuth::Enrol(_))) => Enrol {
            req_id: REQ,
            public_key: [4; 65],
            sig: [4; 64],
            app: "app".into(),
            device: "device".into(),
            attestation: None,
            sfs_keys: None,
            factor_r: None,
        }
        .into(),
        Some(PhoneFrame::Enrol(_)) => Ping { nonce: 7 }.into(),
        Some(PhoneFrame::Ping(_)) => {
            Claim { req_id: REQ, login: LOGIN, qr_time: Some(1), qr_mac: Some([6; 16]), link: None }.into()
        }
        Some(PhoneFrame::Claim(_)) => Decide {
            req_id: REQ,
            login: LOGIN,
            jws: "a.b.c".into(),
            attestation: None,
            sfs_keys: None,
            factor_r: None,
        }
        .into(),
        Some(PhoneFrame::Decide(_)) => Logout { req_id: REQ, login: LOGIN }.into(),
        Some(PhoneFrame::Logout(_)) => ListLogins { req_id: REQ }.into(),
        Some(PhoneFrame::ListLogins(_)) => StartLogin { req_id: REQ, client: "nobody".into() }.into(),
        Some(PhoneFrame::StartLogin(_)) => LogoutAll { req_id: REQ }.into(),
        Some(PhoneFrame::LogoutAll(_)) => ListDevices { req_id: REQ }.into(),
        Some(PhoneFrame::ListDevices(_)) => {
            ManageDevice { req_id: REQ, account: AccountId([8; 16]), action: DeviceAction::Block, name: None }
                .into()
        }
        Some(PhoneFrame::ManageDevice(_)) => ListEnrolments { req_id: REQ }.into(),
        Some(PhoneFrame::ListEnrolments(_)) => {
            DecideEnrolment { req_id: REQ, enrolment: EnrolmentId([8; 16]), jws: "a.b.c".into() }.into()
        }
        Some(PhoneFrame::DecideEnrolment(_)) => return None,
    })
}

fn every_kind() -> Vec<PhoneFrame> {
    std::iter::successors(after(None), |frame| after(Some(frame))).collect()
}

/// Returns the expected result. There is no wildcard for frames, so that a new one must be placed
/// here.
fn expected(phase: Phase, frame: &PhoneFrame) -> Outcome {
    match (phase, frame) {
        (Phase::Greeting, PhoneFrame::Auth(ClientAuth::Account(_) | ClientAuth::Enrol(_))) => Outcome::Answer,
        (Phase::Enrolling, PhoneFrame::Enrol(_)) => Outcome::Last,
        (
            Phase::Account,
            PhoneFrame::Ping(_)
            | PhoneFrame::Claim(_)
            | PhoneFrame::Decide(_)
            | PhoneFrame::Logout(_)
            | PhoneFrame::ListLogins(_)
            | PhoneFrame::StartLogin(_)
            | PhoneFrame::LogoutAll(_)
            | PhoneFrame::ListDevices(_)
            | PhoneFrame::ManageDevice(_)
            | PhoneFrame::ListEnrolments(_)
            | PhoneFrame::DecideEnrolment(_),
        ) => Outcome::Answer,
        (Phase::Account | Phase::Enrolling, PhoneFrame::Auth(_))
        | (Phase::Account | Phase::Greeting, PhoneFrame::Enrol(_)) => Outcome::End,
        (
            Phase::Greeting | Phase::Enrolling,
            PhoneFrame::Ping(_)
            | PhoneFrame::Claim(_)
            | PhoneFrame::Decide(_)
            | PhoneFrame::Logout(_)
            | PhoneFrame::ListLogins(_)
            | PhoneFrame::StartLogin(_)
            | PhoneFrame::LogoutAll(_)
            | PhoneFrame::ListDevices(_)
            | PhoneFrame::ManageDevice(_)
            | PhoneFrame::ListEnrolments(_)
            | PhoneFrame::DecideEnrolment(_),
        ) => Outcome::End,
        // No frame can be sealed yet.
        (Phase::Connected, _) => Outcome::End,
    }
}

/// A pod with an account and an unused enrolment.
struct Scene {
    _pod: Pod,
    phone: Phone,
    server: AccountServer,
    link: EnrolLink,
}

impl Scene {
    async fn set() -> Self {
        let pod = Pod::start();
        let stage = Stage::set(&pod).await;
        let phone = stage.phone("alice").await;
        let enrolment = stage.new_enrolment("bob", Confirm::None).await;
        let Link::Enrol(link) = Link::parse(enrolment.link.as_ref().unwrap()).unwrap() else {
            panic!("an enrolment link")
        };
        let server = phone.account.server.clone();
        Self { _pod: pod, phone, server, link }
    }

    /// Opens a connection in this phase; also returns the challenge if it is enrolling.
    async fn at(&self, phase: Phase) -> (RawPhone, Option<[u8; 32]>) {
        match phase {
            Phase::Connected => (RawPhone::dial(&self.server.url, None).await, None),
            Phase::Greeting => (RawPhone::greeted(&self.server).await, None),
            Phase::Account => (RawPhone::online(&self.phone).await, None),
            Phase::Enrolling => {
                let mut raw = RawPhone::greeted(&self.server).await;
                raw.say(
                    &ClientAuth::Enrol(AuthEnrol { code: EnrolCode(self.link.code.0), app_version: None })
                        .into(),
                )
                .await;
                let Heard::Frame(offer) = raw.heard().await else { panic!("an offer") };
                let ServerFrame::EnrolOffer(offer) = *offer else { panic!("an offer") };
                (raw, Some(offer.challenge))
            }
        }
    }

    /// Returns a frame of the same kind that is valid in this phase: where it is allowed at all, it
    /// must not fail for its content.
    fn made_right(&self, frame: PhoneFrame, raw: &RawPhone, challenge: Option<[u8; 32]>) -> PhoneFrame {
        match frame {
            PhoneFrame::Auth(ClientAuth::Account(_)) => raw.auth(&self.phone),
            PhoneFrame::Auth(ClientAuth::Enrol(_)) => {
                ClientAuth::Enrol(AuthEnrol { code: EnrolCode(self.link.code.0), app_version: None }).into()
            }
            PhoneFrame::Enrol(enrol) => {
                let public_key = self.phone.keys.public(&self.phone.account.key).unwrap();
                let message = raw
                    .channel
                    .as_ref()
                    .unwrap()
                    .enrol_message(&challenge.unwrap_or([0; 32]), &p256::thumbprint(&public_key));
                Enrol {
                    public_key,
                    sig: self.phone.keys.sign(&self.phone.account.key, &message).unwrap(),
                    ..enrol
                }
                .into()
            }
            command @ (PhoneFrame::Ping(_)
            | PhoneFrame::Claim(_)
            | PhoneFrame::Decide(_)
            | PhoneFrame::Logout(_)
            | PhoneFrame::ListLogins(_)
            | PhoneFrame::StartLogin(_)
            | PhoneFrame::LogoutAll(_)
            | PhoneFrame::ListDevices(_)
            | PhoneFrame::ManageDevice(_)
            | PhoneFrame::ListEnrolments(_)
            | PhoneFrame::DecideEnrolment(_)) => command,
        }
    }
}

/// Checks that the connection ends exactly as for every protocol violation.
async fn ends(raw: &mut RawPhone, what: &str) {
    assert_eq!(raw.heard().await, Heard::Close(1), "{what}");
    assert_eq!(raw.heard().await, Heard::End(1002), "{what}");
}

/// Returns the id of the request that a frame answers.
fn answers(heard: &Heard) -> Option<ReqId> {
    let Heard::Frame(frame) = heard else { return None };
    match &**frame {
        ServerFrame::EnrolOk(f) => Some(f.req_id),
        ServerFrame::Refused(f) => Some(f.req_id),
        ServerFrame::Claimed(f) => Some(f.req_id),
        ServerFrame::Decided(f) => Some(f.req_id),
        ServerFrame::Done(f) => Some(f.req_id),
        ServerFrame::Logins(f) => Some(f.req_id),
        ServerFrame::Devices(f) => Some(f.req_id),
        ServerFrame::Enrolments(f) => Some(f.req_id),
        ServerFrame::AuthOk(_)
        | ServerFrame::EnrolOffer(_)
        | ServerFrame::Pong(_)
        | ServerFrame::LoginChanged(_)
        | ServerFrame::AccountChanged(_)
        | ServerFrame::LoginOffered(_)
        | ServerFrame::EnrolmentWaiting(_)
        | ServerFrame::DeviceChanged(_)
        | ServerFrame::Goodbye(_) => None,
    }
}

/// Returns the type number of a frame, which key 0 holds and which comes first.
fn number(frame: &PhoneFrame) -> u8 {
    let bytes = frame.encode();
    if bytes[2] == 0x18 { bytes[3] } else { bytes[2] }
}

#[test]
fn the_chain_of_frames_has_every_number_a_phone_may_say() {
    let alone = |n: u8| if n < 24 { vec![0xa1, 0x00, n] } else { vec![0xa1, 0x00, 0x18, n] };
    // A known number fails for missing fields, an unknown one with `WrongType`.
    let known: BTreeSet<u8> =
        (0..=255).filter(|n| PhoneFrame::decode(&alone(*n)) != Err(CborError::WrongType)).collect();
    let chain: BTreeSet<u8> = every_kind().iter().map(number).collect();
    assert_eq!(chain, known);
}

#[tokio::test]
async fn every_frame_in_every_phase_is_answered_or_ends_the_connection() {
    let scene = Scene::set().await;
    for phase in PHASES.into_iter().filter(|p| *p != Phase::Connected) {
        for frame in every_kind() {
            let (mut raw, challenge) = scene.at(phase).await;
            let what = format!("{} when {phase:?}", frame.name());
            let frame = scene.made_right(frame, &raw, challenge);
            raw.say(&frame).await;
            match expected(phase, &frame) {
                Outcome::End => ends(&mut raw, &what).await,
                outcome => {
                    let heard = raw.heard().await;
                    assert!(
                        matches!(&heard, Heard::Frame(f) if !matches!(**f, ServerFrame::Goodbye(_))),
                        "{what}: {heard:?}"
                    );
                    assert_eq!(answers(&heard), frame.req_id(), "{what}: {heard:?}");
                    if outcome == Outcome::Last {
                        assert!(
                            matches!(raw.heard().await, Heard::Frame(f) if matches!(*f,
                                ServerFrame::Goodbye(_))),
                            "{what}"
                        );
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn no_phase_takes_a_server_s_or_an_unknown_frame() {
    let scene = Scene::set().await;
    let known: BTreeSet<u8> = every_kind().iter().map(number).collect();
    for phase in PHASES.into_iter().filter(|p| *p != Phase::Connected) {
        let goodbye = ServerFrame::from(Goodbye { code: Close::Done }).encode();
        let numbers = [0, 23, 24, 64, 65, 66, 67, 68, 69, 70, 71, 72, 80, 81, 82, 127, 255]
            .into_iter()
            .filter(|n| !known.contains(n));
        let unknown = numbers
            .map(|n| [&[0xa2, 0x00][..], if n < 24 { &[][..] } else { &[0x18] }, &[n, 0x01, 0x07]].concat());
        for content in unknown.chain([goodbye]) {
            let (mut raw, _) = scene.at(phase).await;
            let sealed = raw.channel.as_mut().unwrap().seal(&content).unwrap();
            raw.send(sealed).await;
            ends(&mut raw, &format!("{content:02x?} when {phase:?}")).await;
        }
    }
}

#[tokio::test]
async fn every_outer_frame_has_its_phase_and_ends_the_connection_in_every_other() {
    let scene = Scene::set().await;
    let (_, hello) = Greeting::start(&scene.server.pin().unwrap()).unwrap();
    let noise = [0; NOISE_MSG2_OVERHEAD];
    // DATA that can be opened is tested above; this one belongs to no channel.
    let outer = [
        ("HELLO", hello.clone()),
        ("HELLO for nobody", Outer::Hello { key_id: [9; 8], noise: &[0; NOISE_MSG1] }.to_bytes()),
        ("HELLO_OK", Outer::HelloOk { noise: &noise }.to_bytes()),
        ("RETRY", Outer::Retry { statement: &[0x80] }.to_bytes()),
        ("DATA", Outer::Data { sealed: &[0; 272] }.to_bytes()),
        ("CLOSE", Outer::Close { code: 1 }.to_bytes()),
        ("type 04", vec![1, 4, 0]),
        ("nothing", vec![]),
    ];
    for phase in PHASES {
        for (name, message) in &outer {
            let (mut raw, _) = scene.at(phase).await;
            raw.send(message.clone()).await;
            if (phase, *name) == (Phase::Connected, "HELLO") {
                assert!(raw.answer_to_hello().await, "HELLO when Connected");
                continue;
            }
            ends(&mut raw, &format!("{name} when {phase:?}")).await;
        }
    }
}
