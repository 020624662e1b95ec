//! What needs no key. The backend and the model-servers decide by the same settings.

use contract::Environment;

use crate::{Check, Setting, SettingError, Settings};

/// The environments whose predictions need no key.
pub const PREDICT_OPEN: Setting = Setting {
    name: "PREDICT_OPEN",
    default: "dev,staging",
    help: "The environments whose predictions need no key, the same for backends and model-servers; `none`: all need one",
    secret: false,
};

/// Whether the numbers need no key.
pub const METRICS_OPEN: Setting = Setting {
    name: "METRICS_OPEN",
    default: "false",
    help: "Whether /metrics of the API and the model-servers need no key; else a scraper shows one of a viewer",
    secret: false,
};

/// What needs no key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Open {
    /// Predictions there.
    pub predictions: Vec<Environment>,
    /// `/metrics`.
    pub metrics: bool,
}

impl Open {
    /// Reads [`PREDICT_OPEN`] and [`METRICS_OPEN`]. What is wrong with them opens nothing.
    pub fn read(settings: &Settings, check: &mut Check) -> Self {
        Self {
            predictions: check.take(predictions(settings)).unwrap_or_default(),
            metrics: check.or(settings.parse(METRICS_OPEN.name), false),
        }
    }
}

fn predictions(settings: &Settings) -> Result<Vec<Environment>, SettingError> {
    let given = settings.get(PREDICT_OPEN.name).unwrap_or(PREDICT_OPEN.default).trim();
    let names = given.split(',').map(str::trim).filter(|_| given != "none");
    let read: Result<_, String> = names.map(str::parse).collect();
    read.map_err(|reason| SettingError { name: PREDICT_OPEN.name.to_owned(), reason: format!("{reason}, or none") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_what_is_named_and_nothing_where_that_is_wrong() {
        let read = |predictions: &str, metrics: &str| {
            let pairs = [("PREDICT_OPEN", predictions), ("METRICS_OPEN", metrics)];
            let settings = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let mut check = Check::default();
            let Open { predictions, metrics } = Open::read(&settings, &mut check);
            let names: Vec<_> = predictions.iter().map(Environment::as_str).collect();
            (names.join(" "), metrics, check.finish().is_ok())
        };
        let is = |names: &str, metrics, legal| (names.to_owned(), metrics, legal);
        assert_eq!(read("", ""), is("dev staging", false, true));
        assert_eq!(read("none", "true"), is("", true, true));
        assert_eq!(read(" prod , dev ", "false"), is("prod dev", false, true));
        for wrong in ["dev,moon", "dev,none", ","] {
            assert_eq!(read(wrong, "yes"), is("", false, false), "{wrong}");
        }
    }
}
