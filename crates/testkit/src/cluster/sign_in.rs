//! A cluster's first person: takes up the invitation that a backend printed, and makes a key for the tests.

use serde_json::{Value, json};

use super::{Cluster, Member};

/// Nobody types it.
const PASSWORD: &str = "a password of the tests";

impl Cluster {
    /// A key for everything. Each backend printed an invitation; the last one is good.
    pub(super) fn sign_in(&self) -> String {
        let logs: Vec<String> = self.backends.iter().map(|backend| backend.log()).collect();
        let backends: Vec<String> = self.backends.iter().map(Member::url).collect();
        if backends.is_empty() {
            return String::new();
        }
        // A test may have a runtime of its own, which must not wait for this one.
        let made = std::thread::spawn(move || {
            let _ = rustls::crypto::ring::default_provider().install_default();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(make_key(&backends[0], &logs))
        });
        made.join().expect("signed in").unwrap_or_else(|| panic!("nobody could sign in:\n{}", self.api().logs()))
    }
}

async fn make_key(base: &str, logs: &[String]) -> Option<String> {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let tokens = logs.iter().flat_map(|log| log.split("/sign-in#invitation=").skip(1));
    for token in tokens.filter_map(|after| after.split_whitespace().next()) {
        let body = json!({ "token": token, "password": PASSWORD });
        let answer = http.post(format!("{base}/api/sessions")).json(&body).send().await.expect("an answer");
        if answer.status().as_u16() != 201 {
            continue;
        }
        let cookie = answer.headers().get("set-cookie")?.to_str().ok()?.split(';').next()?.to_owned();
        let body = json!({ "name": "tests", "grants": [{ "role": "admin" }] });
        let call = http.post(format!("{base}/api/keys")).header("cookie", cookie).json(&body);
        let made: Value = call.send().await.expect("an answer").json().await.expect("JSON");
        return made["key"].as_str().map(str::to_owned);
    }
    None
}
