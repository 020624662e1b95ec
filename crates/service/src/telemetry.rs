//! Logs, to standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// Sends `tracing` events to standard error: JSON lines when it is not a terminal or `LOG_FORMAT=json`, else lines for
/// people. `RUST_LOG` chooses what is logged; `default_directive` (e.g. `"info"`) does where it is unset.
///
/// Only the first call of a process has an effect.
pub fn init(default_directive: &str) {
    let (filter, ignored) = match std::env::var(EnvFilter::DEFAULT_ENV).map(|directives| EnvFilter::try_new(&directives)) {
        Ok(Ok(filter)) => (filter, None),
        Ok(Err(error)) => (EnvFilter::new(default_directive), Some(error)),
        Err(_) => (EnvFilter::new(default_directive), None),
    };
    let json = !io::stderr().is_terminal() || std::env::var("LOG_FORMAT").is_ok_and(|format| format == "json");
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let installed = if json {
        builder.json().flatten_event(true).with_current_span(false).try_init()
    } else {
        builder.with_ansi(true).try_init()
    };
    if let (Ok(()), Some(error)) = (installed, ignored) {
        tracing::warn!(%error, "RUST_LOG is not understood and was ignored");
    }
}
