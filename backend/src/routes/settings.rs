//! `GET /api/settings`.

use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::Serialize;
use service::EffectiveSetting;
use utoipa::ToSchema;

use crate::{Backend, Mode};

/// How this mlsys is set.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the API's words")]
pub(crate) struct Settings {
    /// Of mlsys.
    version: &'static str,
    #[schema(inline)]
    mode: Mode,
    /// When this backend was started.
    started_at: Timestamp,
    /// Every setting it reads, in the order of the documentation.
    settings: Vec<Setting>,
}

/// A setting in force.
#[derive(Serialize, ToSchema)]
struct Setting {
    /// The variable.
    name: &'static str,
    /// Its value; of a secret, dots; null: it has none.
    #[schema(required)]
    value: Option<String>,
    /// Whether the value is hidden.
    secret: bool,
    /// Who chose the value.
    from: SettingSource,
    /// What it is for.
    help: &'static str,
}

/// Who chose a setting's value.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SettingSource {
    /// The environment, a `.env` file or the command line.
    Environment,
    /// Nobody.
    Default,
}

impl From<EffectiveSetting> for Setting {
    fn from(setting: EffectiveSetting) -> Self {
        let EffectiveSetting { setting: service::Setting { name, help, secret, .. }, value, is_set } = setting;
        let from = if is_set { SettingSource::Environment } else { SettingSource::Default };
        Self { name, value, secret, from, help }
    }
}

/// How this mlsys is set, without its secrets.
#[utoipa::path(
    get, path = "/api/settings", operation_id = "getSettings", tag = "process",
    responses((status = OK, body = Settings)),
)]
pub(crate) async fn effective(State(backend): State<Backend>) -> Json<Settings> {
    let config = &backend.config;
    let settings = config.settings.iter().cloned().map(Setting::from).collect();
    Json(Settings {
        version: env!("CARGO_PKG_VERSION"),
        mode: config.mode,
        started_at: backend.process.started_at,
        settings,
    })
}
