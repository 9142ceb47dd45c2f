//! The phone's side of SFS.

use std::sync::Arc;

use countersign_sdk::{KeyStore, Link, Pin, SfsAnswer, SfsDevice, SfsServer};
use countersign_sim::{MemoryKeys, PhoneError, factor::SfsOnline};

use crate::support::Pod;

/// A phone at an SFS, without an account anywhere.
pub struct Device {
    pub keys: Arc<MemoryKeys>,
    pub device: SfsDevice,
}

impl Device {
    pub fn at(pod: &Pod) -> Self {
        let Link::Sfs(link) = Link::parse(pod.ready.sfs.as_ref().unwrap()).unwrap() else { panic!("an SFS") };
        let keys = Arc::new(MemoryKeys::default());
        let device =
            SfsDevice { server: SfsServer::from_link(&link).unwrap(), key: keys.generate().unwrap() };
        Self { keys, device }
    }

    pub async fn connect(&self) -> SfsOnline {
        SfsOnline::connect(&self.device, self.keys.clone()).await.unwrap()
    }

    /// The same device at this pod.
    pub fn at_pod(&self, pod: &Pod) -> Self {
        let server = SfsServer { url: pod.url("sfs"), ..self.device.server.clone() };
        Self { keys: self.keys.clone(), device: SfsDevice { server, key: self.device.key.clone() } }
    }

    pub async fn try_connect(&self) -> Result<SfsOnline, PhoneError> {
        SfsOnline::connect(&self.device, self.keys.clone()).await
    }

    /// Connects to this pod, which may have another port than the one before it.
    pub async fn connect_to(&self, pod: &Pod) -> SfsOnline {
        self.at_pod(pod).connect().await
    }

    /// A phone that has set this PIN.
    pub async fn with_pin(pod: &Pod, pin: &str) -> Self {
        let phone = Self::at(pod);
        assert_eq!(phone.connect().await.set(&typed(pin)).await.unwrap(), SfsAnswer::Set);
        phone
    }
}

pub fn typed(pin: &str) -> Pin {
    Pin::typed(pin).unwrap()
}
