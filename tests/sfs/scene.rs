//! A realm with an SFS beside it, and phones that have a second factor there.

use countersign_api::{
    Confirm, Enrolment, EnrolmentFactor, FactorKind, Login, NewLogin, PutApp, RealmSettings, SecondFactor,
    TrustedSfs,
};
use countersign_channel::{p256, random};
use countersign_sdk::{
    Account, Answer, Command, FactorAsked, FactorProof, KeyHandle, KeyStore, Link, Prompt, Refusal, ReqId,
};
use countersign_sim::{Online, PhoneError, app, online::Joining};

use super::device::{Device, typed};
use crate::support::{Page, Pod, Stage, claim};

pub(crate) const NAMES: (&str, &str) = (app::OPEN, "test phone");
pub(crate) const PIN: &str = "4729";

pub(crate) fn pin(max_age: u64) -> SecondFactor {
    SecondFactor { kinds: vec![FactorKind::Pin], max_age }
}

/// A stage whose realm trusts the SFS beside it, and wants this of new phones.
pub(crate) async fn stage(pod: &Pod, factor: EnrolmentFactor) -> Stage {
    let stage = Stage::set(pod).await;
    trust(&stage, pod.ready.sfs_root.as_ref().unwrap(), &[]).await;
    let settings = RealmSettings { enrolment_factor: Some(factor), ..RealmSettings::default() };
    change(&stage, settings).await;
    stage
}

pub(crate) async fn change(stage: &Stage, settings: RealmSettings) {
    let change = countersign_api::ChangeRealm { display_name: None, settings };
    stage.root.change_realm(&stage.realm, &change).await.unwrap();
}

pub(crate) async fn trust(stage: &Stage, root: &str, killed: &[String]) {
    let sfs = vec![TrustedSfs { root: root.to_owned(), name: None, killed: killed.to_vec() }];
    let put = PutApp { display_name: "The virtual phone".into(), min_version: None, sfs };
    stage.root.put_app(&stage.realm, app::OPEN, &put).await.unwrap();
}

/// A phone with an account that has a second factor.
pub(crate) struct Phone {
    pub(crate) device: Device,
    pub(crate) account: Account,
}

/// Proves the PIN of this device for what an NS asks, as the account with this key.
pub(crate) async fn prove(device: &Device, key: &KeyHandle, asked: &FactorAsked) -> FactorProof {
    let (r, ctx) = asked.context(&p256::thumbprint(&device.keys.public(key).unwrap()));
    let mut sfs = device.connect().await;
    let done = sfs.prove_and_attest(&typed(PIN), asked.factor(), ctx).await.unwrap();
    FactorProof { attestation: done.attestation, keys: done.keys, r }
}

impl Phone {
    pub(crate) async fn enrol(pod: &Pod, stage: &Stage, user: &str) -> Self {
        let device = Device::with_pin(pod, PIN).await;
        let (joining, key) = join(stage, &device, user).await;
        let (_, asked) = joining.factor.clone().expect("a factor is asked for");
        let proof = prove(&device, &key, &asked).await;
        let enrolled = joining.accept(&key, NAMES, ReqId(random()), Some(&proof)).await.unwrap();
        Self { device, account: enrolled.account }
    }

    pub(crate) async fn connect(&self) -> Online {
        Online::connect(&self.account, self.device.keys.clone()).await.unwrap()
    }

    /// The proof for what this prompt asks.
    pub(crate) async fn proof(&self, prompt: &Prompt) -> FactorProof {
        prove(&self.device, &self.account.key, prompt.factor.as_ref().unwrap()).await
    }
}

/// Begins an enrolment of this user on this device, with a new key.
pub(crate) async fn join(stage: &Stage, device: &Device, user: &str) -> (Joining, KeyHandle) {
    let enrolment = stage.new_enrolment(user, Confirm::None).await;
    (open(&enrolment, device).await.unwrap(), device.keys.generate().unwrap())
}

pub(crate) async fn open(enrolment: &Enrolment, device: &Device) -> Result<Joining, PhoneError> {
    let Link::Enrol(link) = Link::parse(enrolment.link.as_ref().unwrap()).unwrap() else { panic!("a link") };
    Joining::open(&link, device.keys.clone()).await
}

pub(crate) async fn new_login(stage: &Stage, need: Option<SecondFactor>) -> Login {
    let new = NewLogin { text: Some("Pay".into()), second_factor: need, ..NewLogin::default() };
    stage.api.create_login(&stage.realm, &new).await.unwrap()
}

/// Makes a login with this need, which the phone claims.
pub(crate) async fn claimed(
    stage: &Stage,
    online: &mut Online,
    need: Option<SecondFactor>,
) -> (Login, Page, Prompt) {
    let login = new_login(stage, need).await;
    let mut page = Page::open(&login).await;
    let prompt = claim(online, &page.qr().await).await.unwrap();
    (login, page, prompt)
}

/// Makes a login with this need, and claims it if that is allowed.
pub(crate) async fn claim_new(
    stage: &Stage,
    online: &mut Online,
    need: Option<SecondFactor>,
) -> Result<Prompt, PhoneError> {
    let login = new_login(stage, need).await;
    let code = Page::open(&login).await.qr().await;
    claim(online, &code).await
}

pub(crate) async fn refused(online: &mut Online, command: &Command) -> Refusal {
    match online.ask(command).await.unwrap() {
        Answer::Refused { code, .. } => code,
        other => panic!("{other:?}"),
    }
}
