//! Where people read on in MLflow.

use contract::ModelName;
use reqwest::Url;

/// MLflow's pages.
#[derive(Debug)]
pub(crate) struct MlflowPages {
    /// Without a slash at its end, and without what a tracking address may hold of credentials.
    base: String,
}

impl MlflowPages {
    /// The pages of the server at a tracking address.
    pub(crate) fn new(tracking_url: &str) -> Self {
        let mut base = tracking_url.to_owned();
        if let Ok(mut url) = Url::parse(tracking_url) {
            // An address that can have no credentials has none to remove.
            let _ = (url.set_username(""), url.set_password(None));
            base = url.into();
        }
        Self { base: base.trim_end_matches('/').to_owned() }
    }

    /// A run's page, which MLflow finds without being told the experiment.
    pub(crate) fn run(&self, run_id: &str) -> String {
        format!("{}/#/runs/{run_id}", self.base)
    }

    /// The page of a registered version.
    pub(crate) fn version(&self, model: &ModelName, version: u64) -> String {
        format!("{}/#/models/{model}/versions/{version}", self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_credentials_makes_links_without() {
        let pages = MlflowPages::new("https://user:secret@mlflow.example/base/");
        assert_eq!(pages.run("r1"), "https://mlflow.example/base/#/runs/r1");
        assert_eq!(MlflowPages::new("http://127.0.0.1:5000").run("r1"), "http://127.0.0.1:5000/#/runs/r1");
    }
}
