use std::time::{Duration, Instant};

use mlflow::{Client, MlflowError, Timeouts};
use tokio::net::TcpListener;

use crate::{connect, free_port};

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let client = connect(&format!("http://127.0.0.1:{}/", free_port()));
    let error = client.health().await.unwrap_err();
    assert!(matches!(error, MlflowError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_after_the_time_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let call = Duration::from_millis(100);
    let client = connect(&format!("http://{}", listener.local_addr().unwrap()));
    let client = client.with_timeouts(Timeouts { call, ..Timeouts::default() });
    let begun = Instant::now();
    let error = client.get_run("x").await.unwrap_err();
    assert!(matches!(error, MlflowError::Unavailable { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn an_address_that_is_none_is_refused_at_once() {
    assert!(matches!(Client::new("not an address", None), Err(MlflowError::Malformed { .. })));
}
