//! How a deployment reaches most servers.

use std::{fmt, time::Duration};

use contract::{LoadRequest, LoadedModel, ModelName, Problem};
use reqwest::{StatusCode, header::HeaderMap};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{Fleet, SEEN_WITHIN};

/// How long a model-server may take to load, warm up and self-test a model.
pub const LOAD_TIMEOUT: Duration = Duration::from_mins(3);
/// How long the others may take once most servers have the model.
pub const LAG: Duration = Duration::from_secs(5);

/// Why a deployment did not reach most servers.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Most servers looked at the model and refuse it. The first one's words.
    #[error("{0}")]
    Refused(String),
    /// Too many servers could not be reached or are overloaded: try again later.
    #[error("only {reached} of {all} model-servers have the model: {detail}")]
    Unreached {
        /// How many have it.
        reached: usize,
        /// How many there are.
        all: usize,
        /// The first failure.
        detail: String,
    },
    /// No server has reported lately: try again later.
    #[error("no model-server has reported to the backend in the last {} s", SEEN_WITHIN.as_secs())]
    NoServer,
}

/// How many servers a deployment has reached. Shown as the end of a sentence; empty for one server of one.
#[derive(Debug)]
pub struct Reached {
    all: usize,
    /// Addresses of those that don't have it yet, and why.
    lagging: Vec<(String, String)>,
}

impl Reached {
    /// So many servers, of which these don't have it yet, and why.
    pub fn all_but(all: usize, lagging: Vec<(String, String)>) -> Self {
        Self { all, lagging }
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.all > 1 {
            write!(f, " on {} of {} model-servers", self.all - self.lagging.len(), self.all)?;
        }
        for (at, (address, why)) in self.lagging.iter().enumerate() {
            write!(f, "{} {address} lags ({why})", if at == 0 { ";" } else { "," })?;
        }
        Ok(())
    }
}

/// What one server said.
enum Answer {
    Loaded,
    Refused(String),
    Unreached(String),
}

impl Fleet {
    /// Asks the servers at these base addresses to load a version, and waits until most have it. `headers` go with each
    /// call, for traces.
    pub async fn load(
        &self,
        addresses: Vec<String>,
        model: &ModelName,
        request: &LoadRequest,
        headers: HeaderMap,
    ) -> Result<Reached, LoadError> {
        if addresses.is_empty() {
            return Err(LoadError::NoServer);
        }
        let mut calls = JoinSet::new();
        for address in &addresses {
            let (fleet, model, request, address) = (self.clone(), model.clone(), request.clone(), address.clone());
            let headers = headers.clone();
            calls.spawn(async move {
                let answer = fleet.load_one(&address, &model, &request, headers).await;
                (address, answer)
            });
        }
        collect(addresses, calls).await
    }

    async fn load_one(&self, address: &str, model: &ModelName, request: &LoadRequest, headers: HeaderMap) -> Answer {
        let url = format!("{}/internal/load/{model}", address.trim_end_matches('/'));
        let call = self.http.post(url).headers(headers).bearer_auth(&self.token).json(request).timeout(LOAD_TIMEOUT);
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(error) if error.is_timeout() => return Answer::Unreached("no answer in time".to_owned()),
            Err(_) => return Answer::Unreached("can't be reached".to_owned()),
        };
        let status = answer.status();
        if status.is_success() {
            // The body says what is served; an answer cut off in the middle has still said that it is.
            return answer
                .json::<LoadedModel>()
                .await
                .map_or_else(|error| Answer::Unreached(error.to_string()), |_| Answer::Loaded);
        }
        let problem = answer.json::<Problem>().await;
        let detail = problem.map_or_else(|_| status.to_string(), |problem| problem.detail);
        // 409: the server knows a later deployment, which is for the store to say.
        let passing = [StatusCode::TOO_MANY_REQUESTS, StatusCode::CONFLICT, StatusCode::UNAUTHORIZED];
        if status.is_server_error() || passing.contains(&status) {
            Answer::Unreached(detail)
        } else {
            Answer::Refused(detail)
        }
    }
}

async fn collect(addresses: Vec<String>, mut calls: JoinSet<(String, Answer)>) -> Result<Reached, LoadError> {
    let all = addresses.len();
    let (mut loaded, mut refused) = (0, 0);
    let mut lagging: Vec<(String, String)> =
        addresses.into_iter().map(|address| (address, "no answer yet".to_owned())).collect();
    let mut first_failure = None;
    let mut deadline = Instant::now() + LOAD_TIMEOUT + LAG;
    while let Ok(Some(Ok((address, answer)))) = timeout_at(deadline, calls.join_next()).await {
        let failure = match answer {
            Answer::Loaded => {
                lagging.retain(|(server, _)| *server != address);
                loaded += 1;
                if loaded * 2 > all {
                    deadline = deadline.min(Instant::now() + LAG);
                }
                continue;
            }
            Answer::Refused(detail) => {
                refused += 1;
                detail
            }
            Answer::Unreached(detail) => detail,
        };
        if let Some((_, why)) = lagging.iter_mut().find(|(server, _)| *server == address) {
            why.clone_from(&failure);
        }
        first_failure.get_or_insert(failure);
    }
    // A server that is still loading goes on; the call itself is not needed any more.
    calls.detach_all();
    if loaded * 2 > all {
        return Ok(Reached { all, lagging });
    }
    let detail = first_failure.unwrap_or_else(|| "no answer in time".to_owned());
    if refused * 2 >= all {
        return Err(LoadError::Refused(detail));
    }
    Err(LoadError::Unreached { reached: loaded, all, detail })
}
