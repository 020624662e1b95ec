//! Experiments, runs and logged models.

use contract::RepoName;
use serde_json::json;

use super::{Access, Judge, Kind, PARENT, REPOSITORY_TAG, Then, forbidden};
use crate::mlflow_proxy::refusal::Refusal;

impl Judge<'_> {
    pub(super) fn experiments(&mut self, method: &str, path: &[&str]) -> Result<Option<Then>, Refusal> {
        match (method, path) {
            ("GET", ["get"]) => self.field("experiment_id", Kind::Experiment, Access::Read)?,
            // Whose it is, its answer says.
            ("GET", ["get-by-name"]) => return Ok(Some(Then::OurExperiments)),
            ("GET" | "POST", ["search"]) => {
                self.only(&format!("tags.`{REPOSITORY_TAG}` = '{}'", self.grant.repository))?;
                return Ok(Some(Then::OurExperiments));
            }
            ("POST", ["create"]) => return self.create_experiment().map(Some),
            ("POST", ["set-experiment-tag" | "delete-experiment-tag"]) => {
                self.field("experiment_id", Kind::Experiment, Access::Write)?;
                self.key()?;
            }
            ("POST", ["delete" | "restore" | "update"]) => {
                return Err(forbidden("experiments are not deleted, restored or renamed by notebooks"));
            }
            _ => return Ok(None),
        }
        Ok(Some(Then::Pass))
    }

    fn create_experiment(&mut self) -> Result<Then, Refusal> {
        let name = self.call.text("name")?.ok_or_else(|| Refusal::Unclear("name is missing".to_owned()))?;
        // Some databases take no notice of space at the end.
        if name.trim().parse::<RepoName>().is_ok() {
            return Err(Refusal::Forbidden(format!(
                "the experiment {name} is named like a repository, whose runs would land in it: choose a name without a slash"
            )));
        }
        if self.call.text("artifact_location")?.is_some() {
            let message = "an experiment's files live where MLflow puts them: leave artifact_location out";
            return Err(Refusal::Forbidden(message.to_owned()));
        }
        self.tags()?;
        let owner = json!({ "key": REPOSITORY_TAG, "value": self.grant.repository.as_str() });
        self.call.objects("tags")?.push(owner);
        Ok(Then::Learn(Kind::Experiment))
    }

    pub(super) fn runs(&mut self, method: &str, path: &[&str]) -> Result<Option<Then>, Refusal> {
        match (method, path) {
            ("POST", ["runs", "create"]) => return self.create_run().map(Some),
            ("POST", ["runs", "update" | "log-parameter" | "log-model" | "restore"]) => self.run(Access::Write)?,
            ("POST", ["runs", "delete"]) => {
                self.run(Access::Write)?;
                if self.call.text("run_id")? == Some(self.grant.run.run_id.as_str()) {
                    return Err(Refusal::Forbidden("a run is not deleted while its pipeline needs it".to_owned()));
                }
            }
            ("POST", ["runs", "log-metric"]) => {
                self.run(Access::Write)?;
                self.optional("model_id", Kind::Model, Access::Read)?;
            }
            ("POST", ["runs", "set-tag" | "delete-tag"]) => {
                self.run(Access::Write)?;
                self.key()?;
            }
            ("POST", ["runs", "log-batch"]) => {
                self.tags()?;
                self.models_of("metrics", Access::Read)?;
                self.run(Access::Write)?;
            }
            ("POST", ["runs", "log-inputs"]) => {
                self.models_of("models", Access::Read)?;
                self.run(Access::Write)?;
            }
            ("POST", ["runs", "outputs"]) => {
                self.models_of("models", Access::Write)?;
                self.run(Access::Write)?;
            }
            ("GET", ["runs", "get"] | ["metrics", "get-history"]) => self.run(Access::Read)?,
            ("POST", ["runs", "search"]) => self.each("experiment_ids", Kind::Experiment, Access::Read)?,
            ("GET", ["metrics", "get-history-bulk-interval"]) => self.each("run_ids", Kind::Run, Access::Read)?,
            ("GET", ["artifacts", "list"]) | ("POST", ["artifacts", "presigned-download-url"]) => {
                self.relative("path")?;
                self.run(Access::Read)?;
            }
            ("POST", ["artifacts", "presigned-upload-url"]) => {
                self.relative("path")?;
                self.optional("model_id", Kind::Model, Access::Write)?;
                self.optional("run_id", Kind::Run, Access::Write)?;
                if self.needs.is_empty() {
                    return Ok(None);
                }
            }
            _ => return Ok(None),
        }
        Ok(Some(Then::Pass))
    }

    /// A new run becomes a child of this one, unless it names another of its runs as its parent.
    fn create_run(&mut self) -> Result<Then, Refusal> {
        self.in_experiment()?;
        self.tags()?;
        let parent = json!({ "key": PARENT, "value": self.grant.run.run_id });
        let tags = self.call.objects("tags")?;
        if !tags.iter().any(|tag| tag["key"] == PARENT) {
            tags.push(parent);
        }
        Ok(Then::Learn(Kind::Run))
    }

    /// The logged models that the entries of a list name, where they do.
    fn models_of(&mut self, list: &str, access: Access) -> Result<(), Refusal> {
        let mut ids = Vec::new();
        for entry in self.call.objects(list)? {
            match &entry["model_id"] {
                serde_json::Value::Null => {}
                serde_json::Value::String(id) if id.is_empty() => {}
                serde_json::Value::String(id) => ids.push(id.clone()),
                _ => return Err(Refusal::Unclear("model_id must be one text".to_owned())),
            }
        }
        // Many metrics of one model are one question.
        ids.sort_unstable();
        ids.dedup();
        ids.iter().try_for_each(|id| self.need(Kind::Model, id, access))
    }

    pub(super) fn models(&mut self, method: &str, path: &[&str]) -> Result<Option<Then>, Refusal> {
        match (method, path) {
            ("POST", []) => {
                self.in_experiment()?;
                self.optional("source_run_id", Kind::Run, Access::Write)?;
                self.tags()?;
                return Ok(Some(Then::Learn(Kind::Model)));
            }
            ("POST", ["search"]) => self.each("experiment_ids", Kind::Experiment, Access::Read)?,
            ("GET", [id]) => self.need(Kind::Model, id, Access::Read)?,
            ("GET", [id, "artifacts", "directories"]) => {
                self.relative("artifact_directory_path")?;
                self.need(Kind::Model, id, Access::Read)?;
            }
            ("PATCH", [id, "tags"]) => {
                self.tags()?;
                self.need(Kind::Model, id, Access::Write)?;
            }
            ("DELETE", [id, "tags", key]) => {
                self.tag(key, None)?;
                self.need(Kind::Model, id, Access::Write)?;
            }
            ("PATCH" | "DELETE", [id]) | ("POST", [id, "params"]) => self.need(Kind::Model, id, Access::Write)?,
            _ => return Ok(None),
        }
        // The path names the model; the body need not.
        if let [id, ..] = path
            && self.call.text("model_id")?.is_some_and(|named| named != *id)
        {
            return Err(Refusal::Unclear("path and body name two models".to_owned()));
        }
        Ok(Some(Then::Pass))
    }

    /// Narrows the filter of a search. MLflow's filters know no "or", so nothing that follows widens it again.
    pub(super) fn only(&mut self, condition: &str) -> Result<(), Refusal> {
        let filter = match self.call.text("filter")? {
            Some(filter) => format!("{condition} AND {filter}"),
            None => condition.to_owned(),
        };
        self.call.put_first("filter", json!(filter));
        Ok(())
    }
}
