//! What the identifiers of a run's calls stand for: asked of MLflow once, for where a thing belongs never changes.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use mlflow::{Client, MlflowError, Place};
use serde_json::Value;

use super::{
    refusal::Refusal,
    rules::{Access, Grant, Kind, Need, REPOSITORY_TAG},
};

/// How many things a run may make, and how many of others' it may look at before those are asked for anew.
const MOST: usize = 100_000;

/// What is known of a thing.
#[derive(Debug, Clone)]
struct Known {
    /// The run made it.
    own: bool,
    /// It lies in an experiment of the run's repository.
    ours: bool,
    /// Where its files live, as a path of the server's store; empty if nowhere there.
    files: String,
}

/// What is known of the things that a run's calls name.
#[derive(Debug)]
pub(super) struct Knowledge {
    grant: Grant,
    known: Mutex<HashMap<(Kind, String), Known>>,
}

impl Knowledge {
    pub fn new(grant: Grant) -> Self {
        let own = |files| Known { own: true, ours: true, files };
        let run = ((Kind::Run, grant.run.run_id.clone()), own(path(&grant.run.artifact_uri)));
        // Its runs are its repository's, and the experiment itself is not the run's to change.
        let experiment = Known { own: false, ours: true, files: String::new() };
        let experiment = ((Kind::Experiment, grant.run.experiment_id.clone()), experiment);
        Self { known: Mutex::new([run, experiment].into()), grant }
    }

    /// Makes sure that all of a call's needs hold.
    pub async fn check(&self, mlflow: &Client, needs: &[Need]) -> Result<(), Refusal> {
        let missing: Vec<&Need> = needs.iter().filter(|need| self.get(need.kind, &need.id).is_none()).collect();
        let traces: Vec<&str> =
            missing.iter().filter(|need| need.kind == Kind::Trace).map(|need| need.id.as_str()).collect();
        if !traces.is_empty() {
            for (id, place) in mlflow.trace_places(&traces).await? {
                self.found(mlflow, Kind::Trace, &id, place).await?;
            }
        }
        for need in missing {
            if self.get(need.kind, &need.id).is_some() {
                continue;
            }
            let place = match need.kind {
                Kind::Run => mlflow.run_place(&need.id).await,
                Kind::Model => mlflow.model_place(&need.id).await,
                Kind::Experiment => {
                    self.experiment(mlflow, &need.id).await?;
                    continue;
                }
                Kind::Trace | Kind::Version => continue,
            };
            match place {
                Ok(place) => self.found(mlflow, need.kind, &need.id, place).await?,
                // MLflow refuses an identifier of a kind that it never gives; there is no such thing.
                Err(MlflowError::NotFound | MlflowError::Rejected { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        needs.iter().try_for_each(|need| self.holds(need))
    }

    /// Learns from an answer what the run made.
    pub fn learn(&self, kind: Kind, answer: &Value) -> Result<(), Refusal> {
        let (id, files) = match kind {
            Kind::Experiment => (&answer["experiment_id"], &Value::Null),
            Kind::Run => (&answer["run"]["info"]["run_id"], &answer["run"]["info"]["artifact_uri"]),
            Kind::Model => (&answer["model"]["info"]["model_id"], &answer["model"]["info"]["artifact_uri"]),
            Kind::Trace => {
                let info = &answer["trace"]["trace_info"];
                (&info["trace_id"], &info["tags"]["mlflow.artifactLocation"])
            }
            Kind::Version => (&answer["model_version"]["version"], &Value::Null),
        };
        let id = id.as_str().ok_or_else(|| Refusal::Unavailable("MLflow's answer could not be understood".to_owned()))?;
        let files = files.as_str().map(path).unwrap_or_default();
        self.put(kind, id, Known { own: true, ours: true, files });
        Ok(())
    }

    /// Whether the run may make one more thing.
    pub fn has_room(&self) -> Result<(), Refusal> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, thing| thing.own);
        }
        if known.len() < MOST {
            return Ok(());
        }
        Err(Refusal::Forbidden(format!("a run may make at most {MOST} runs, models and traces")))
    }

    /// Whether an experiment, as MLflow describes it, is the repository's.
    pub fn is_ours(&self, experiment: &mlflow::Experiment) -> bool {
        experiment.experiment_id == self.grant.run.experiment_id
            || experiment.tag(REPOSITORY_TAG) == Some(self.grant.repository.as_str())
    }

    /// Whose calls these are.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    async fn found(&self, mlflow: &Client, kind: Kind, id: &str, place: Place) -> Result<(), Refusal> {
        let ours = self.experiment(mlflow, &place.experiment_id).await?;
        self.put(kind, id, Known { own: false, ours, files: path(&place.artifact_uri) });
        Ok(())
    }

    async fn experiment(&self, mlflow: &Client, id: &str) -> Result<bool, Refusal> {
        if let Some(known) = self.get(Kind::Experiment, id) {
            return Ok(known.ours);
        }
        let ours = match mlflow.experiment(id).await {
            Ok(experiment) => self.is_ours(&experiment),
            Err(MlflowError::NotFound | MlflowError::Rejected { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        self.put(Kind::Experiment, id, Known { own: false, ours, files: String::new() });
        Ok(ours)
    }

    fn holds(&self, need: &Need) -> Result<(), Refusal> {
        let (kind, id) = (need.kind.name(), &need.id);
        let Some(known) = self.get(need.kind, id) else {
            return match (need.access, need.kind) {
                (Access::Make, _) => Ok(()),
                (_, Kind::Version) => Err(Refusal::Forbidden(format!(
                    "version {id} was not made by this run: a run may change only the versions that it registers itself"
                ))),
                _ => Err(Refusal::Missing(format!("there is no {kind} {id}"))),
            };
        };
        let (allowed, instead) = match need.access {
            Access::Read => (known.own || known.ours, "a run may see what is in the experiments of its repository"),
            Access::Write => (known.own, "a run may change itself, and what it makes while it runs"),
            Access::Make => (known.own, "choose another identifier"),
        };
        if !allowed {
            return Err(Refusal::Forbidden(format!("{kind} {id} is not this run's: {instead}")));
        }
        if need.files.as_ref().is_some_and(|files| *files != known.files) {
            return Err(Refusal::Forbidden(format!("the files of {kind} {id} live elsewhere")));
        }
        Ok(())
    }

    fn get(&self, kind: Kind, id: &str) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&(kind, id.to_owned())).cloned()
    }

    fn put(&self, kind: Kind, id: &str, thing: Known) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST && !thing.own {
            known.retain(|_, thing| thing.own);
        }
        match known.get(&(kind, id.to_owned())) {
            // Found while it was being made: it stays the run's own.
            Some(there) if there.own => {}
            _ => drop(known.insert((kind, id.to_owned()), thing)),
        }
    }
}

/// The path of files in the server's store; empty if they live elsewhere.
fn path(uri: &str) -> String {
    let parts = uri.strip_prefix("mlflow-artifacts:/").unwrap_or_default().split('/').filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_only_looked_at_makes_room_for_what_the_run_makes() {
        let run = json!({ "run_id": "r", "experiment_id": "7", "artifact_uri": "mlflow-artifacts:/7/r/artifacts" });
        let run = serde_json::from_value(run).expect("a run");
        let (repository, model) = ("a/b".parse().expect("a name"), "c".parse().expect("a name"));
        let knowledge = Knowledge::new(Grant { repository, model, run });
        for number in 0..2 * MOST {
            let seen = Known { own: false, ours: true, files: String::new() };
            knowledge.put(Kind::Run, &number.to_string(), seen);
        }
        knowledge.has_room().expect("room");
        for number in 0..MOST {
            knowledge
                .learn(Kind::Run, &json!({ "run": { "info": { "run_id": format!("own-{number}") } } }))
                .expect("learned");
        }
        assert!(matches!(knowledge.has_room(), Err(Refusal::Forbidden(_))));
        let need = |id: &str| Need { kind: Kind::Run, id: id.to_owned(), access: Access::Write, files: None };
        knowledge.holds(&need("r")).expect("the run itself");
        knowledge.holds(&need("own-5")).expect("what it made");
        assert!(knowledge.learn(Kind::Run, &json!({ "run": {} })).is_err());
    }
}
