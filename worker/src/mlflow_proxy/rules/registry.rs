//! The registry: the run's own model, and the versions that the run makes of it.

use serde_json::json;

use super::{Access, Judge, Kind, Then, is_plain};
use crate::mlflow_proxy::refusal::Refusal;

impl Judge<'_> {
    pub(super) fn registry(&mut self, method: &str, path: &[&str]) -> Result<Option<Then>, Refusal> {
        match (method, path) {
            ("GET", ["registered-models" | "model-versions", "search"]) => {
                self.only(&format!("name = '{}'", self.grant.model))?;
                return Ok(Some(Then::OurModel));
            }
            ("POST", ["registered-models", "create"]) => {
                self.name()?;
                self.tags()?;
            }
            (
                "GET",
                ["registered-models", "get" | "get-latest-versions" | "alias"]
                | ["model-versions", "get" | "get-download-uri"],
            )
            | ("POST", ["registered-models", "get-latest-versions"])
            | ("PATCH", ["registered-models", "update"]) => self.name()?,
            ("POST", ["registered-models", "set-tag"]) | ("DELETE", ["registered-models", "delete-tag"]) => {
                self.name()?;
                self.key()?;
            }
            ("POST", ["model-versions", "create"]) => return self.create_version().map(Some),
            ("PATCH", ["model-versions", "update"]) => self.version()?,
            ("POST", ["model-versions", "set-tag"]) | ("DELETE", ["model-versions", "delete-tag"]) => {
                self.version()?;
                self.key()?;
            }
            ("POST" | "DELETE", ["registered-models", "alias"])
            | ("POST", ["registered-models", "rename"] | ["model-versions", "transition-stage"])
            | ("DELETE", ["registered-models" | "model-versions", "delete"]) => {
                return Err(Refusal::Forbidden(
                    "aliases, stages, names and deletions of registered models are mlsys's: a version gets its alias when it is \
                     deployed, promoted or rolled back there"
                        .to_owned(),
                ));
            }
            _ => return Ok(None),
        }
        Ok(Some(Then::Pass))
    }

    /// The registered model must be the one that the notebook declares.
    fn name(&mut self) -> Result<(), Refusal> {
        let ours = self.grant.model.as_str();
        match self.call.text("name")? {
            Some(name) if name == ours => {
                self.call.put_first("name", json!(ours));
                Ok(())
            }
            Some(name) => {
                let name: String = name.chars().take(100).collect();
                Err(Refusal::Forbidden(format!(
                    "{name:?} is not this notebook's model: its MODEL_NAME is {ours:?}, and it may see and register versions of \
                     that one alone"
                )))
            }
            None => Err(Refusal::Unclear("name is missing".to_owned())),
        }
    }

    fn version(&mut self) -> Result<(), Refusal> {
        self.field("version", Kind::Version, Access::Write)?;
        self.name()
    }

    /// A version is made of what the run itself made.
    fn create_version(&mut self) -> Result<Then, Refusal> {
        self.tags()?;
        let source = self.call.text("source")?.unwrap_or_default().to_owned();
        let found = if let Some(path) = source.strip_prefix("runs:/") {
            path.split('/').all(is_plain).then(|| path.split('/').next().map(|id| (Kind::Run, id.to_owned()))).flatten()
        } else if let Some(id) = source.strip_prefix("models:/").filter(|id| id.starts_with("m-")) {
            Some((Kind::Model, id.to_owned()))
        } else if let Some(path) = source.strip_prefix("mlflow-artifacts:/") {
            self.file(&path.split('/').collect::<Vec<_>>(), Access::Write)?;
            self.needs.last().map(|need| (need.kind, need.id.clone()))
        } else {
            None
        };
        let Some((kind, id)) = found else {
            return Err(Refusal::Forbidden(
                "a version is registered of a model that this run logged: give its models:/m-… or runs:/… address as source"
                    .to_owned(),
            ));
        };
        self.need(kind, &id, Access::Write)?;
        self.optional("model_id", Kind::Model, Access::Write)?;
        self.optional("run_id", Kind::Run, Access::Write)?;
        self.call.put_first("source", json!(source));
        self.name()?;
        Ok(Then::Learn(Kind::Version))
    }
}
