//! Requests by which one phone of a user manages the user's other phones.

use countersign_sdk::{AccountState, Answer, Command, DeviceAction};

use crate::{
    Online, PhoneError,
    request::{Ask, PhoneLine, Reply},
};

pub(crate) async fn perform(online: &mut Online, ask: &Ask) -> Result<Reply, PhoneError> {
    match ask {
        Ask::Devices => match online.do_it(&Command::devices()).await? {
            Answer::Devices(all) => {
                let line = |d: countersign_sdk::Device| PhoneLine {
                    id: d.account.to_string(),
                    name: d.name,
                    app: d.app,
                    state: d.state.as_str().to_owned(),
                    since: d.since,
                };
                Ok(Reply::Phones { phones: all.into_iter().map(line).collect() })
            }
            _ => Err(PhoneError::NotTheServer),
        },
        Ask::Manage { account, action, name } => {
            let account =
                account.parse().map_err(|_| PhoneError::Usage(format!("{account} is not an account id")))?;
            let action = DeviceAction::parse(action)
                .ok_or_else(|| PhoneError::Usage("rename, block, unblock or delete".to_owned()))?;
            online.do_it(&Command::manage(account, action, name.as_deref())).await?;
            Ok(Reply::Done)
        }
        Ask::Vouch { enrolment, number } => {
            let Answer::NewPhones(all) = online.do_it(&Command::enrolments()).await? else {
                return Err(PhoneError::NotTheServer);
            };
            let new = all.iter().find(|e| e.enrolment.to_string() == *enrolment);
            let new = new.ok_or_else(|| {
                PhoneError::Usage("no such phone waits; `new-phones` lists them".to_owned())
            })?;
            online.do_it(&Command::vouch(new, number.as_deref())).await?;
            Ok(Reply::Done)
        }
        _ => match online.do_it(&Command::enrolments()).await? {
            Answer::NewPhones(all) => {
                let line = |e: countersign_sdk::NewPhone| PhoneLine {
                    id: e.enrolment.to_string(),
                    name: e.name,
                    app: e.app,
                    state: AccountState::Pending.as_str().to_owned(),
                    since: e.since,
                };
                Ok(Reply::Phones { phones: all.into_iter().map(line).collect() })
            }
            _ => Err(PhoneError::NotTheServer),
        },
    }
}
