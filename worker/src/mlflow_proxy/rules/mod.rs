//! What a run may ask of MLflow: an allow-list. What no rule names is refused.
//!
//! A rule reads what a call names, puts what it judged first, and says what must hold of the things named. Nothing here asks
//! MLflow.

mod files;
mod registry;
#[cfg(test)]
mod tests;
mod traces;
mod tracking;

use contract::{ModelName, RepoName};
use serde_json::{Value, json};

use super::{
    call::{Call, Interface, is_plain},
    refusal::Refusal,
};

/// The tag that says which repository an experiment belongs to. Notebooks can't set it, as no other that begins like it.
pub(super) const REPOSITORY_TAG: &str = "mlsys.repository";
/// How tags that are ours begin.
const OUR_TAGS: &str = "mlsys.";
/// The tag by which MLflow finds a trace's files.
const TRACE_FILES: &str = "mlflow.artifactLocation";
/// The tag that names a run's parent.
const PARENT: &str = "mlflow.parentRunId";
/// MLflow's first experiment, where lands what names none.
const DEFAULT_EXPERIMENT: &str = "0";

/// Whose requests are admitted, and to what.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The run's repository.
    pub repository: RepoName,
    /// The model that its notebook declares.
    pub model: ModelName,
    /// The run itself.
    pub run: mlflow::Run,
}

/// Kinds of things that a call names by an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Experiment,
    Run,
    /// A logged model, `m-…`.
    Model,
    Trace,
    /// A version of the run's registered model.
    Version,
}

impl Kind {
    /// As a message names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Experiment => "experiment",
            Self::Run => "run",
            Self::Model => "logged model",
            Self::Trace => "trace",
            Self::Version => "version",
        }
    }
}

/// What a call wants of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// To see it: it must be the run's own, or in an experiment of its repository.
    Read,
    /// To change it: it must be the run's own.
    Write,
    /// To make it: it must not be there yet, or be the run's own.
    Make,
}

/// What must hold of a thing that a call names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    pub kind: Kind,
    pub id: String,
    pub access: Access,
    /// Where its files must live: what was read of a path.
    pub files: Option<String>,
}

/// What is to be done with a good answer before it is passed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing.
    Pass,
    /// It tells of something that the run made, and owns from now on.
    Learn(Kind),
    /// It must tell of nothing but the repository's experiments.
    OurExperiments,
    /// It must tell of nothing but the run's registered model.
    OurModel,
}

/// What was found of a call that is admitted if its needs hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub needs: Vec<Need>,
    pub then: Then,
}

/// Judges a call, and makes it name what it left to MLflow to guess.
pub(super) fn judge(call: &mut Call, grant: &Grant) -> Result<Judged, Refusal> {
    let (method, path) = (call.method.clone(), call.path.clone());
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let interface = call.interface;
    let mut judge = Judge { call, grant, needs: Vec::new() };
    let then = match (interface, method.as_str(), &path[..]) {
        (Interface::Root, "GET", ["version" | "health"]) | (Interface::V3, "GET", ["server-info" | "server-features"]) => {
            Some(Then::Pass)
        }
        (Interface::Root, "POST", ["v1", "traces"]) => {
            // On these very words MLflow's client stores spans as files of their trace, by calls that can be judged.
            return Err(Refusal::Unsupported("REST OTLP span logging is not supported for notebooks that run in mlsys"));
        }
        (Interface::Root, ..) => None,
        (Interface::Artifacts, method, path) => judge.files(method, path)?,
        (version, method, ["traces", path @ ..]) => judge.traces(version, method, path)?,
        (Interface::V2, method, ["experiments", path @ ..]) => judge.experiments(method, path)?,
        (Interface::V2, method, ["runs" | "metrics" | "artifacts", ..]) => judge.runs(method, &path)?,
        (Interface::V2, method, ["logged-models", path @ ..]) => judge.models(method, path)?,
        (Interface::V2, method, ["registered-models" | "model-versions", ..]) => judge.registry(method, &path)?,
        _ => None,
    };
    let needs = judge.needs;
    let Some(then) = then else {
        let asked: String = path.join("/").chars().take(200).collect();
        return Err(forbidden(format!("{method} {asked} is not for notebooks that run in mlsys")));
    };
    Ok(Judged { needs, then })
}

/// A refusal that says what a run may do instead.
fn forbidden(what: impl std::fmt::Display) -> Refusal {
    Refusal::Forbidden(format!(
        "{what}: a run may change itself and the runs it starts, see the experiments of its repository, and register versions \
         of its own model"
    ))
}

/// A rule at work.
struct Judge<'a> {
    call: &'a mut Call,
    grant: &'a Grant,
    needs: Vec<Need>,
}

impl Judge<'_> {
    fn need(&mut self, kind: Kind, id: &str, access: Access) -> Result<(), Refusal> {
        // What stands in paths and queries of ours.
        if id.is_empty() || id.len() > 100 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            return Err(Refusal::Unclear(format!("this is no identifier of a {}", kind.name())));
        }
        self.needs.push(Need { kind, id: id.to_owned(), access, files: None });
        Ok(())
    }

    /// The thing that a field names.
    fn field(&mut self, name: &str, kind: Kind, access: Access) -> Result<(), Refusal> {
        let id = self.call.text(name)?.ok_or_else(|| Refusal::Unclear(format!("{name} is missing")))?.to_owned();
        self.call.put_first(name, json!(id));
        self.need(kind, &id, access)
    }

    /// The thing that a field names, if it does.
    fn optional(&mut self, name: &str, kind: Kind, access: Access) -> Result<(), Refusal> {
        if self.call.text(name)?.is_some() { self.field(name, kind, access) } else { Ok(()) }
    }

    /// The run that `run_id` names, or its old name.
    fn run(&mut self, access: Access) -> Result<(), Refusal> {
        let old = self.call.fields.shift_remove("run_uuid");
        match (self.call.fields.get("run_id"), old) {
            (None, Some(old)) => self.call.put_first("run_id", old),
            (Some(id), Some(old)) if *id != old => {
                return Err(Refusal::Unclear("run_id and run_uuid name two runs".to_owned()));
            }
            _ => {}
        }
        self.field("run_id", Kind::Run, access)
    }

    /// The things that a list names, of which there must be some: MLflow may take none for all.
    fn each(&mut self, name: &str, kind: Kind, access: Access) -> Result<(), Refusal> {
        let ids = self.call.texts(name)?;
        if ids.is_empty() {
            return Err(forbidden(format!("{name} names none")));
        }
        if ids.len() > 1000 {
            return Err(Refusal::Unclear(format!("{name} names more than 1000")));
        }
        ids.iter().try_for_each(|id| self.need(kind, id, access))?;
        self.call.put_first(name, json!(ids));
        Ok(())
    }

    /// The experiment that something is made in: the run's own, if none is named.
    fn in_experiment(&mut self) -> Result<(), Refusal> {
        if self.call.text("experiment_id")?.is_none_or(|id| id == DEFAULT_EXPERIMENT) {
            self.call.put_first("experiment_id", json!(self.grant.run.experiment_id));
        }
        self.field("experiment_id", Kind::Experiment, Access::Read)
    }

    /// The key of a tag that is set or removed.
    fn key(&mut self) -> Result<(), Refusal> {
        let key = self.call.text("key")?.ok_or_else(|| Refusal::Unclear("key is missing".to_owned()))?.to_owned();
        let value = self.call.text("value")?.map(str::to_owned);
        self.tag(&key, value.as_deref())
    }

    /// The tags that come with something.
    fn tags(&mut self) -> Result<(), Refusal> {
        let mut tags = Vec::new();
        for tag in self.call.objects("tags")? {
            let text = |name: &str| tag.get(name).and_then(Value::as_str).map(str::to_owned);
            let key = text("key").ok_or_else(|| Refusal::Unclear("a tag has no key".to_owned()))?;
            tags.push((key, text("value")));
        }
        tags.iter().try_for_each(|(key, value)| self.tag(key, value.as_deref()))
    }

    fn tag(&mut self, key: &str, value: Option<&str>) -> Result<(), Refusal> {
        if key.starts_with(OUR_TAGS) || key == TRACE_FILES {
            return Err(Refusal::Forbidden(format!("tags like {key} are set by the platform alone: choose another name")));
        }
        match value {
            Some(parent) if key == PARENT => self.need(Kind::Run, parent, Access::Write),
            _ => Ok(()),
        }
    }

    /// A path below something, which must lead nowhere else.
    fn relative(&self, name: &str) -> Result<(), Refusal> {
        let path = self.call.text(name)?.unwrap_or_default();
        let path = path.strip_suffix('/').unwrap_or(path);
        if path.is_empty() || path.split('/').all(is_plain) {
            return Ok(());
        }
        Err(Refusal::Unclear(format!("{name} can be read in more than one way")))
    }
}
