//! The table of which role may use which endpoint, for the documents. It is generated from the
//! endpoints' needs; `tests/ns/isolation.rs` checks the running program from outside.

use countersign_domain_ns::permission::{Permission, Permissions, builtin, role};

use crate::auth::Needs;

/// The columns: all built-in roles.
const ROLES: [&str; 7] = [
    role::CLIENT,
    role::REGISTRAR,
    role::HELP_DESK,
    role::VIEWER,
    role::AUDITOR,
    role::REALM_ADMIN,
    role::ROOT,
];

const BEGIN: &str = "<!-- made from the table of endpoints; a test keeps it so -->\n";
const END: &str = "<!-- end of what is made -->\n";

fn allows(needs: Needs, name: &str, permissions: Permissions) -> bool {
    match needs {
        Needs::Key | Needs::Member => true,
        Needs::In(p) => permissions.has(p),
        Needs::OneOf(some) => some.iter().any(|p| permissions.has(*p)),
        // A key of these roles is bound to a client.
        Needs::Feed => permissions.has(Permission::Events) || [role::CLIENT, role::REGISTRAR].contains(&name),
        // Every role but root's is bound to a realm.
        Needs::Everywhere(p) => name == role::ROOT && permissions.has(p),
    }
}

fn markdown() -> String {
    let mut page = format!("{BEGIN}| | {} |\n|---|{}\n", ROLES.join(" | "), "---|".repeat(ROLES.len()));
    for e in super::all() {
        let of =
            |name: &str| if allows(e.needs, name, builtin(name).unwrap_or_default()) { "✓" } else { "–" };
        page.push_str(&format!(
            "| `{}` {} `{}` | {} |\n",
            e.id,
            e.method,
            e.path.trim_start_matches("/v1"),
            ROLES.map(of).join(" | ")
        ));
    }
    page.push_str(END);
    page
}

#[test]
#[expect(clippy::unwrap_used, reason = "tests")]
fn the_table_of_roles_in_the_documents_is_what_the_endpoints_need() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/API.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("docs/API.md has a place for the table");
    let (_, after) = rest.split_once(END).expect("and its end");
    let now = format!("{before}{}{after}", markdown());
    if page != now {
        // Written so that the diff shows the change, and the next run passes.
        std::fs::write(path, now).unwrap();
        panic!("the table of roles in docs/API.md was out of date and has been written anew; commit it");
    }
}
