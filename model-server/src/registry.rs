//! Which model answers for a name: read by every request, changed by swapping the whole map.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use axum::http::{HeaderValue, StatusCode, header};
use contract::{Environment, LoadedModel, ModelName};
use service::ApiError;

use crate::{
    deployed::Place,
    meter,
    model::Model,
    targets::{Progress, Targets},
};

/// A model in an environment.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    pub(crate) info: Arc<LoadedModel>,
    pub(crate) model: Arc<Model>,
}

/// What is served.
#[derive(Debug)]
pub(crate) struct Registry {
    served: ArcSwap<HashMap<ModelName, Vec<Deployment>>>,
    /// What is meant to be served. Requests look here only when there is nothing for them.
    pub(crate) targets: Targets,
}

impl Registry {
    /// Serves nothing yet.
    pub(crate) fn new(targets: Targets) -> Self {
        Self { served: ArcSwap::default(), targets }
    }

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
        let targets = self.targets.all();
        let here = |place: &Place| place.0 == *name && environment.is_none_or(|environment| place.1 == *environment);
        let mut here = targets.iter().filter(|(place, _)| here(place));
        if here.clone().any(|(_, target)| matches!(target.progress, Progress::Waiting | Progress::Loading)) {
            return ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "model_loading", "the model is loading; try again")
                .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if here.any(|(place, target)| matches!(target.progress, Progress::Failed { .. }) && self.at(place).is_none()) {
            let detail = "the model could not be loaded; GET /ready has the reason";
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

    /// What is served at a place.
    pub(crate) fn at(&self, (name, environment): &Place) -> Option<Deployment> {
        let served = self.served.load();
        served.get(name)?.iter().find(|deployment| deployment.info.environment == *environment).cloned()
    }

    /// Puts a model into its place. Requests in hand end with the model they began with, which then goes.
    pub(crate) fn put(&self, deployment: &Deployment) {
        let LoadedModel { model_name, environment, .. } = &*deployment.info;
        self.change(model_name, |deployments| {
            deployments.retain(|other| other.info.environment != *environment);
            deployments.push(deployment.clone());
            deployments.sort_by_key(|deployment| Reverse(deployment.info.environment.rank()));
        });
    }

    /// Takes a place's model out of service.
    pub(crate) fn remove(&self, (name, environment): &Place) {
        self.change(name, |deployments| deployments.retain(|other| other.info.environment != *environment));
    }

    /// Takes everything out of service.
    pub(crate) fn clear(&self) {
        meter::show(&self.all(), &[]);
        self.served.store(Arc::default());
    }

    /// Changes of one name come one at a time.
    fn change(&self, name: &ModelName, change: impl Fn(&mut Vec<Deployment>)) {
        let before = self.of(name);
        self.served.rcu(|served| {
            let mut next = HashMap::clone(served);
            let deployments = next.entry(name.clone()).or_default();
            change(deployments);
            if deployments.is_empty() {
                next.remove(name);
            }
            next
        });
        meter::show(&before, &self.of(name));
    }
}
