//! Which model answers for a name: read by every request, changed by swapping the whole map.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use axum::http::{HeaderValue, StatusCode, header};
use contract::{Environment, LoadedModel, ModelName};
use service::ApiError;

use crate::{deployed::Place, model::Model};

/// A model in an environment.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    pub(crate) info: Arc<LoadedModel>,
    pub(crate) model: Arc<Model>,
}

/// Why a model that should be served is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Absence {
    /// It is on its way.
    Loading,
    /// It could not be brought back after a restart.
    Failed { code: &'static str, detail: String },
}

/// What is served.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    served: ArcSwap<HashMap<ModelName, Vec<Deployment>>>,
    /// Looked at only when nothing is served.
    absent: Mutex<BTreeMap<Place, Absence>>,
}

impl Registry {
    /// The model that answers: of the version and in the environment asked for, else in the highest one.
    pub(crate) fn find(
        &self,
        name: &ModelName,
        environment: Option<&Environment>,
        version: Option<u64>,
    ) -> Result<Arc<Model>, ApiError> {
        let served = self.served.load();
        let fits = |deployment: &&Deployment| {
            environment.is_none_or(|environment| deployment.info.environment == *environment)
                && version.is_none_or(|version| deployment.info.model_version == version)
        };
        let found = served.get(name).and_then(|deployments| deployments.iter().find(fits));
        found
            .map(|deployment| Arc::clone(&deployment.model))
            .ok_or_else(|| self.explain(name, environment, served.contains_key(name)))
    }

    fn explain(&self, name: &ModelName, environment: Option<&Environment>, served: bool) -> ApiError {
        let absent = self.absent();
        let here = |place: &Place| place.0 == *name && environment.is_none_or(|environment| place.1 == *environment);
        let reasons: Vec<_> = absent.iter().filter(|(place, _)| here(place)).map(|(_, absence)| absence).collect();
        if reasons.contains(&&Absence::Loading) {
            return ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "model_loading", "the model is loading; try again")
                .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if !reasons.is_empty() {
            let detail = "the model could not be brought back after a restart; GET /ready has the reason";
            return ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "model_unavailable", detail);
        }
        if served {
            let detail =
                "the model is served, but not this version or not in this environment; GET /models/{name} lists what is";
            return ApiError::new(StatusCode::NOT_FOUND, "version_not_found", detail);
        }
        ApiError::new(
            StatusCode::NOT_FOUND,
            "model_not_found",
            "no model of this name is served; GET /models lists those that are",
        )
    }

    /// Everything that is served, by name, the highest environment first.
    pub(crate) fn all(&self) -> Vec<Deployment> {
        let served = self.served.load();
        let mut names: Vec<_> = served.iter().collect();
        names.sort_by_key(|(name, _)| *name);
        names.into_iter().flat_map(|(_, deployments)| deployments.clone()).collect()
    }

    /// What is served under a name, the highest environment first.
    pub(crate) fn of(&self, name: &ModelName) -> Vec<Deployment> {
        self.served.load().get(name).cloned().unwrap_or_default()
    }

    /// Puts a model into its place. Requests in hand end with the model they began with, which then goes.
    pub(crate) fn put(&self, deployment: &Deployment) {
        let LoadedModel { model_name, environment, .. } = &*deployment.info;
        self.change(model_name, |deployments| {
            deployments.retain(|other| other.info.environment != *environment);
            deployments.push(deployment.clone());
            deployments.sort_by_key(|deployment| rank(&deployment.info.environment));
        });
        self.absent().remove(&(model_name.clone(), environment.clone()));
    }

    /// Takes a place's model out of service.
    pub(crate) fn remove(&self, (name, environment): &Place) {
        self.change(name, |deployments| deployments.retain(|other| other.info.environment != *environment));
        self.absent().remove(&(name.clone(), environment.clone()));
    }

    /// Takes everything out of service.
    pub(crate) fn clear(&self) {
        self.served.store(Arc::default());
    }

    /// Says why a place has no model, or takes that back. Gives what was said before.
    pub(crate) fn set_absence(&self, place: &Place, absence: Option<Absence>) -> Option<Absence> {
        match absence {
            Some(absence) => self.absent().insert(place.clone(), absence),
            None => self.absent().remove(place),
        }
    }

    /// The places that have no model though they should.
    pub(crate) fn absences(&self) -> BTreeMap<Place, Absence> {
        self.absent().clone()
    }

    fn absent(&self) -> MutexGuard<'_, BTreeMap<Place, Absence>> {
        self.absent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, name: &ModelName, change: impl Fn(&mut Vec<Deployment>)) {
        self.served.rcu(|served| {
            let mut next = HashMap::clone(served);
            let deployments = next.entry(name.clone()).or_default();
            change(deployments);
            if deployments.is_empty() {
                next.remove(name);
            }
            next
        });
    }
}

/// Lower is asked first.
fn rank(environment: &Environment) -> usize {
    let order = ["prod", "staging", "dev"];
    order.iter().position(|known| *known == environment.as_str()).unwrap_or(order.len())
}
