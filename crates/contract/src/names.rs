//! What things are called in an environment, by `infra/names.json`: the one place that says so.

use serde::{Deserialize, Serialize};

use crate::{Environment, ModelName};

/// The names, with `{env}` and `{model}` in them.
const TEMPLATES: &str = include_str!("../../../infra/names.json");

/// What things are called in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// The service that answers.
    pub service: String,
    /// The bucket, or the folder, of the models.
    pub bucket: String,
    /// The dataset that mlsys keeps tables of its own in.
    pub dataset: String,
    /// The table of all models, as `dataset.table`.
    pub registry_table: String,
    /// The account that everything runs as.
    pub service_account: String,
    /// The job of batch predictions.
    pub job: String,
    /// The schedule of a model's predictions; `{model}` stands for its name.
    pub schedule: String,
    /// Where images are.
    pub image_repository: String,
}

impl Names {
    /// Those of an environment.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "a test reads what is compiled in")]
    pub fn of(environment: &Environment) -> Self {
        let text = TEMPLATES.replace("{env}", environment.as_str());
        serde_json::from_str(&text).expect("the names of an environment")
    }

    /// The schedule of one model.
    #[must_use]
    pub fn schedule_of(&self, model: &ModelName) -> String {
        self.schedule.replace("{model}", model.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_environment_has_names_of_its_own() {
        let all: Vec<_> = Environment::all().map(|environment| Names::of(&environment)).collect();
        assert_eq!((&*all[0].bucket, &*all[2].registry_table), ("mlsys-models-dev", "mlsys_prod.model_registry"));
        let model = "titanic".parse().expect("a name");
        assert_eq!(all[1].schedule_of(&model), "titanic-predictions-staging");
        for (at, names) in all.iter().enumerate() {
            let text = serde_json::to_string(names).expect("JSON");
            assert!(!text.contains("{env}") && all.iter().skip(at + 1).all(|other| other.bucket != names.bucket), "{text}");
        }
    }
}
