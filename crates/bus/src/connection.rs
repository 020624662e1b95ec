//! How we connect to Redis: nothing waits for long, and what broke is connected again.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection},
};

use crate::BusError;

const CONNECT: Duration = Duration::from_secs(1);
const RESPONSE: Duration = Duration::from_secs(2);

/// A client, not connected yet.
pub(crate) fn client(url: &str) -> Result<Client, BusError> {
    // The error doesn't quote the address, which may hold a password.
    Client::open(url).map_err(|error| BusError::Url(error.to_string()))
}

/// A connection that is made when it is first used, and again when it broke. Clones share it.
pub(crate) fn lasting(client: &Client) -> Result<ConnectionManager, BusError> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(RESPONSE))
        .set_number_of_retries(2)
        .set_max_delay(Duration::from_millis(500));
    ConnectionManager::new_lazy_with_config(client.clone(), config).map_err(|error| BusError::Url(error.to_string()))
}

/// A connection for commands that block: its user sets their time-outs.
pub(crate) async fn blocking(client: &Client) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await
}
