//! The way to the servers.

use std::time::Duration;

use reqwest::Client;

/// A server that has not reported for so long is not counted.
pub const SEEN_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection that nobody uses is kept: less than the servers keep it, so that no call meets one that closes.
const IDLE_LIMIT: Duration = Duration::from_secs(15);

/// The way to the model-servers. Clones share their connections. It holds a secret, so it can't be shown.
#[derive(Clone)]
pub struct Fleet {
    pub(crate) http: Client,
    pub(crate) token: String,
}

impl Fleet {
    /// Connects at the first call; `token` is what the servers ask of our own processes. The process must have installed a
    /// rustls provider.
    ///
    /// # Errors
    /// When no HTTP client can be built.
    pub fn new(token: impl Into<String>) -> reqwest::Result<Self> {
        let http = Client::builder().no_proxy().connect_timeout(CONNECT_TIMEOUT).pool_idle_timeout(IDLE_LIMIT).build()?;
        Ok(Self { http, token: token.into() })
    }
}
