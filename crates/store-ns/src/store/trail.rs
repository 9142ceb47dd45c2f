use async_trait::async_trait;
use countersign_domain_ns::{
    audit::{About, Entry, Filter, Stamp},
    further::UserHash,
    ports::{Kept, Page, Purged, Trail},
};
use countersign_ports::Fault;
use countersign_protocol::ids::RealmId;

use super::{NsStore, change, read, scan};

#[async_trait]
impl Trail for NsStore {
    async fn order(&self) -> Result<(), Fault> {
        while read!(self, |c| q::shared::is_unordered(c))? {
            change!(self, |c| q::shared::order(c))?;
        }
        Ok(())
    }

    async fn tend(&self) -> Result<(), Fault> {
        self.database.tend().await.map_err(Fault::from)
    }

    async fn events(&self, filter: &Filter) -> Result<Page<Entry, u64>, Fault> {
        self.order().await?;
        let filter = filter.clone();
        scan!(self, |c| q::trail::events(c, &filter))
    }

    async fn last_event(&self, realm: Option<RealmId>) -> Result<u64, Fault> {
        self.order().await?;
        read!(self, |c| q::trail::last(c, realm))
    }

    async fn tell(&self, action: &str, about: &About, stamp: &Stamp) -> Result<(), Fault> {
        let (action, about, stamp) = (action.to_owned(), about.clone(), stamp.clone());
        change!(self, |c| q::trail::append(c, &stamp, &action, &about))
    }

    async fn request(&self, id: &[u8; 16]) -> Result<Option<[u8; 32]>, Fault> {
        let id = *id;
        read!(self, |c| q::trail::request(c, &id))
    }

    async fn purge(&self, realm: Option<RealmId>, before: Kept) -> Result<Purged, Fault> {
        change!(self, |c| q::trail::purge(c, realm, before))
    }

    async fn erase_user(
        &self,
        realm: RealmId,
        user_id: &str,
        hash: UserHash,
        pseudonym: &str,
        stamp: &Stamp,
    ) -> Result<bool, Fault> {
        let (user_id, pseudonym, stamp) = (user_id.to_owned(), pseudonym.to_owned(), stamp.clone());
        change!(self, |c| q::erase::user(c, realm, &user_id, hash, &pseudonym, &stamp))
    }
}
