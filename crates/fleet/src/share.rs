//! How a change of shares reaches the servers at once, which follow it by themselves a second later.

use std::{collections::BTreeSet, time::Duration};

use contract::{ModelName, TrafficRequest};
use tokio::task::JoinSet;

use crate::Fleet;

/// How long a server may take to share requests out anew.
const TIMEOUT: Duration = Duration::from_secs(2);

impl Fleet {
    /// Has the servers at these base addresses share a place's requests out anew, and answers which did. The others follow
    /// the list of what is deployed: those that can't be reached, have not loaded all of it yet or know better already, and
    /// those of a version that has no such route.
    pub async fn share(&self, addresses: Vec<String>, model: &ModelName, request: &TrafficRequest) -> BTreeSet<String> {
        let mut calls = JoinSet::new();
        for address in addresses {
            let url = format!("{}/internal/traffic/{model}", address.trim_end_matches('/'));
            let call = self.http.put(url).bearer_auth(&self.token).json(request).timeout(TIMEOUT);
            calls
                .spawn(async move { call.send().await.is_ok_and(|answer| answer.status().is_success()).then_some(address) });
        }
        calls.join_all().await.into_iter().flatten().collect()
    }
}
