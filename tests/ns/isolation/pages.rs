//! Page tokens of another login, of another client and of another realm.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_api::{Login, LoginState};
use reqwest::Method;

use crate::support::{ORIGIN, Page, Pod, Stage};

const DOORS: [(Method, &str); 3] =
    [(Method::GET, "events"), (Method::GET, "state"), (Method::POST, "cancel")];

fn bytes(login: &Login) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(login.page_token.as_deref().unwrap().strip_prefix("pt_").unwrap()).unwrap()
}

/// Tries a token at each endpoint of the page; returns the codes of the problems.
async fn knock(login: &Login, token: &str, origin: &str) -> Vec<String> {
    let url = login.page_url.as_ref().unwrap();
    let mut page = Page::dial(url, token, 0, Some(origin)).await;
    let mut said = vec![page.next().await.unwrap()["code"].as_str().unwrap_or("let in").to_owned()];
    for (method, door) in DOORS {
        let request =
            reqwest::Client::new().request(method, format!("{}/{door}", url.replacen("ws", "http", 1)));
        let answer = request.bearer_auth(token).header("Origin", origin).send().await.unwrap();
        if answer.status().is_success() {
            said.push("let in".to_owned());
        } else {
            let problem: serde_json::Value = answer.json().await.unwrap();
            said.push(problem["code"].as_str().unwrap().to_owned());
        }
    }
    said
}

#[tokio::test]
async fn a_page_token_opens_its_own_login_at_its_own_clients_pages_and_no_part_of_it_opens_another() {
    const ELSEWHERE: &str = "https://neighbour.example";
    let pod = Pod::start();
    let (stage, stranger) = (Stage::set(&pod).await, Stage::at(&pod, ELSEWHERE).await);
    let neighbour = Stage::client_in(&stage.root, &stage.realm, "neighbour").await;
    let victim = stage.new_login().await;
    for other in [stage.new_login().await, neighbour.new_login().await, stranger.new_login().await] {
        let (hers, theirs) = (bytes(&victim), bytes(&other));
        assert_eq!(hers.len(), 64, "realm, login, secret");
        for (from, to) in [(0, 16), (16, 32), (0, 32), (32, 64), (0, 48)] {
            let mut mixed = theirs.clone();
            mixed[from..to].copy_from_slice(&hers[from..to]);
            if mixed == theirs {
                // Both logins are of one realm, so these bytes are the same.
                continue;
            }
            let token = format!("pt_{}", URL_SAFE_NO_PAD.encode(&mixed));
            assert_eq!(knock(&victim, &token, ORIGIN).await, ["bad_page_token"; 4], "{from} to {to}");
        }
    }
    let token = victim.page_token.as_deref().unwrap();
    assert_eq!(knock(&victim, token, ELSEWHERE).await, ["bad_origin"; 4]);
    assert_eq!(stage.look(&victim).await.state, LoginState::Pending);
    // With its own token, another page changes only its own login.
    let other = stage.new_login().await;
    assert_eq!(knock(&victim, other.page_token.as_deref().unwrap(), ORIGIN).await, ["let in"; 4]);
    assert_eq!(
        (stage.look(&victim).await.state, stage.look(&other).await.state),
        (LoginState::Pending, LoginState::Cancelled)
    );
}
