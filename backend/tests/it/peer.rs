//! Signing in with an issuer that somebody else wrote.

use std::{collections::BTreeMap, time::Duration};

use axum::http::Method;
use reqwest::{Client, Response, redirect::Policy};
use serde_json::json;
use testkit::{Program, free_port, http_status, workspace_root};

use crate::{
    World,
    issuer::Issuer,
    world::{NOWHERE, PUBLIC},
};

const SECRET: &str = "what mlsys shows it";

/// A browser at the issuer: what it was given to keep, whatever for which path.
struct Browser {
    http: Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    async fn ask(&mut self, address: &str, form: Option<&str>) -> Response {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = match form {
            Some(form) => {
                self.http.post(address).header("content-type", "application/x-www-form-urlencoded").body(form.to_owned())
            }
            None => self.http.get(address),
        };
        let answer = request.header("cookie", cookies.join("; ")).send().await.unwrap();
        for set in answer.headers().get_all("set-cookie") {
            let (name, value) = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Signs in as somebody, agrees to all that is asked, and answers where it leads back to.
    async fn signs_in(&mut self, address: &str, login: &str) -> String {
        let mut answer = self.ask(address, None).await;
        for _ in 0..20 {
            if let Some(to) = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned()) {
                if to.starts_with(PUBLIC) {
                    return to.trim_start_matches(PUBLIC).to_owned();
                }
                let to = answer.url().join(&to).unwrap();
                answer = self.ask(to.as_str(), None).await;
                continue;
            }
            let page = answer.text().await.unwrap();
            let to = page.split("action=\"").nth(1).unwrap_or_else(|| panic!("{page}")).split('"').next().unwrap();
            let prompt = if page.contains("value=\"login\"") { "login" } else { "consent" };
            answer = self.ask(to, Some(&format!("prompt={prompt}&login={login}&password=any"))).await;
        }
        panic!("the issuer leads nowhere")
    }
}

/// The issuer, running.
fn started(folder: &std::path::Path) -> (Program, String) {
    let script = workspace_root().join("target/oidc-issuer/issuer.js");
    let how = "the issuer of this test is missing: `make target/oidc-issuer/node_modules/.package-lock.json` fetches it";
    assert!(script.with_file_name("node_modules").exists() && script.exists(), "{how}");
    let port = free_port();
    let redirect = format!("{PUBLIC}/api/sign-in/callback");
    let command = ["node", script.to_str().unwrap(), &port.to_string(), "mlsys", SECRET, &redirect].map(str::to_owned);
    let url = format!("http://127.0.0.1:{port}");
    let issuer = Program::new("issuer", folder, command)
        .ready_when(Duration::from_mins(1), move || http_status(port, "/.well-known/openid-configuration") == Some(200));
    issuer.start();
    (issuer, url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_others_wrote_signs_people_in() {
    let folder = tempfile::tempdir().unwrap();
    let (_issuer, url) = started(folder.path());
    let double = Issuer::start().await;
    let mut config = double.config();
    (config.issuer, config.client_id, config.client_secret) = (url, "mlsys".to_owned(), service::Secret::new(SECRET));
    config.scopes = "openid profile groups".to_owned();
    let world = World::with(NOWHERE, |settings| settings.oidc = Some(config)).await;
    for (login, name) in [("Ada", "ada"), ("grace", "grace"), ("Ada", "ada")] {
        let begun = world.ask_as_nobody(Method::GET, "/api/sign-in/issuer?next=/models", &[], "").await;
        assert_eq!(begun.status, 303, "{}", begun.text());
        let cookie = begun.header("set-cookie").split(';').next().unwrap().to_owned();
        let http = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        let back = Browser { http, cookies: BTreeMap::new() }.signs_in(begun.header("location"), login).await;
        let done = world.ask(Method::GET, &back, &[("cookie", &cookie)], "").await;
        assert_eq!((done.status, done.header("location")), (303, "/models"), "{back}");
        let session = done.headers.get_all("set-cookie").iter().map(|one| one.to_str().unwrap());
        let session = session.filter_map(|one| one.split(';').next()).find(|one| one.starts_with("mlsys_session=")).unwrap();
        let me = world.ask(Method::GET, "/api/me", &[("cookie", session)], "").await.json();
        assert_eq!((&me["name"], &me["grants"]), (&json!(name), &json!([{ "role": "developer" }])));
        // Its code is good once.
        let again = world.ask(Method::GET, &back, &[("cookie", &cookie)], "").await;
        assert_eq!(again.header("location"), "/sign-in?refused=bad_answer&next=%2Fmodels");
    }
    assert_eq!(world.json("/api/people").await["items"].as_array().unwrap().len(), 2);
}
