//! What every process of ours has: settings, telemetry, shutdown, problem+json, and the way a router is served.
//!
//! Nothing here knows what a process is for.

mod bearer;
mod doors;
mod env;
pub mod health;
mod network;
mod problem;
mod request;
mod serve;
mod shutdown;
mod start;
pub mod telemetry;

pub use bearer::{check_bearer, protect, shown_bearer};
pub use doors::{ALLOWED_HOSTS, Doors, Hosts, PublicUrl, doors, read_body, unread};
pub use env::{
    ARTIFACT_SETTINGS, Check, EffectiveSetting, EnvFileError, METRICS_OPEN, Open, PREDICT_OPEN, SIGNING_KEY, Secret,
    Setting, SettingError, Settings, SettingsError, StoreSettings, WAREHOUSE_SETTINGS,
};
pub use network::{NETWORK_SETTINGS, Network};
pub use problem::ApiError;
pub use request::{REQUEST_ID, briefly, in_request, layers};
pub use serve::{Connection, IDLE_LIMIT, serve, serve_with};
pub use shutdown::Shutdown;
pub use start::when_up;
