use countersign_domain_ns::{
    app::App,
    audit::{About, Stamp, difference},
};
use countersign_protocol::ids::RealmId;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Answer, Conn, insert_new, trail::append};
use crate::{
    rows::{AppRow, entries},
    schema::apps,
};

pub(crate) async fn put(c: &mut Conn, app: &App, stamp: &Stamp) -> Answer<()> {
    let before = get(c, app.realm, &app.id).await?;
    let made = insert_new!(c, apps::table, AppRow::from(app)).await? == 1;
    if !made {
        let set = (
            apps::display_name.eq(app.display_name.clone()),
            apps::min_version.eq(app.min_version.as_ref().map(|v| v.as_str().to_owned())),
            apps::sfs.eq(entries(&app.sfs)),
        );
        diesel::update(apps::table.find((app.realm.0.to_vec(), app.id.clone()))).set(set).execute(c).await?;
    }
    let told = |a: &App| {
        serde_json::json!({"display_name": a.display_name,
        "min_version": a.min_version.as_ref().map(|v| v.as_str().to_owned()),
        "sfs": entries(&a.sfs)})
    };
    let about =
        About::of(app.realm, &app.id).detail(difference(&before.as_ref().map(told), &Some(told(app))));
    append(c, stamp, if made { "app.created" } else { "app.changed" }, &about).await
}

pub(crate) async fn get(c: &mut Conn, realm: RealmId, id: &str) -> Answer<Option<App>> {
    let row: Option<AppRow> = apps::table
        .find((realm.0.to_vec(), id.to_owned()))
        .select(AppRow::as_select())
        .get_result(c)
        .await
        .optional()?;
    row.map(App::try_from).transpose()
}

pub(crate) async fn all(c: &mut Conn) -> Answer<Vec<App>> {
    let found: Vec<AppRow> = apps::table.order(apps::id).select(AppRow::as_select()).load(c).await?;
    found.into_iter().map(App::try_from).collect()
}

pub(crate) async fn of_realm(c: &mut Conn, realm: RealmId) -> Answer<Vec<App>> {
    let mine = apps::table.filter(apps::realm.eq(realm.0.to_vec())).order(apps::id);
    let found: Vec<AppRow> = mine.select(AppRow::as_select()).load(c).await?;
    found.into_iter().map(App::try_from).collect()
}

pub(crate) async fn delete(c: &mut Conn, realm: RealmId, id: &str, stamp: &Stamp) -> Answer<bool> {
    let gone = diesel::delete(apps::table.find((realm.0.to_vec(), id.to_owned()))).execute(c).await? == 1;
    if gone {
        append(c, stamp, "app.deleted", &About::of(realm, id)).await?;
    }
    Ok(gone)
}
