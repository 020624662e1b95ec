//! Which version answers for a name: read by every request, changed by swapping the whole map.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use contract::{DesiredModel, Environment, LoadedModel, ModelName};

use super::{
    Version, meter,
    shadow::Shadow,
    split::{Key, owner, share, spread},
};

/// Where a model is served.
pub(crate) type Place = (ModelName, Environment);

/// Where a version is to be served.
pub(crate) fn place_of(model: &DesiredModel) -> Place {
    (model.model_name.clone(), model.load.environment.clone())
}

/// A version that is served at a place.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    /// What was asked for. The weight is the one it has here now.
    pub(crate) asked: DesiredModel,
    pub(crate) info: Arc<LoadedModel>,
    pub(crate) version: Arc<Version>,
}

/// Why no version answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unserved {
    #[error("the model is loading; try again")]
    Loading,
    #[error("the model could not be loaded; GET /ready has the reason")]
    Failed,
    #[error("the model is served, but not this version or not in this environment; GET /models/{{name}} lists what is")]
    OtherVersion,
    #[error("no model of this name is served; GET /models lists those that are")]
    Unknown,
}

/// The version that answers a request, and those that compute it as well.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) version: Arc<Version>,
    pub(crate) shadows: Vec<Arc<Shadow>>,
}

/// What is served at one place.
#[derive(Debug)]
struct Served {
    environment: Environment,
    /// By version.
    deployments: Vec<Deployment>,
    /// Of all deployments here.
    weight: u64,
    /// How many requests were shared out.
    shared: AtomicU64,
    shadows: Vec<Shadowing>,
}

/// A version that computes what others at its place answer.
#[derive(Debug)]
struct Shadowing {
    shadow: Arc<Shadow>,
    /// So many of a hundred requests.
    percent: u64,
    /// How many requests others answered.
    passed: AtomicU64,
}

impl Served {
    fn new(environment: Environment, mut deployments: Vec<Deployment>, before: Option<&Self>) -> Self {
        deployments.sort_by_key(|deployment| deployment.info.model_version);
        let weight = deployments.iter().map(|deployment| u64::from(deployment.asked.weight)).sum();
        let shared = before.map_or(0, |before| before.shared.load(Ordering::Relaxed));
        let shadowing = |deployment: &Deployment| {
            let mut known = before.into_iter().flat_map(|before| &before.shadows).map(|shadowing| &shadowing.shadow);
            let known = known.find(|shadow| shadow.is_of(&deployment.version)).cloned();
            let shadow = known.unwrap_or_else(|| Arc::new(Shadow::begin(Arc::clone(&deployment.version))));
            Shadowing { shadow, percent: u64::from(deployment.asked.shadow), passed: AtomicU64::new(0) }
        };
        let shadows = deployments.iter().filter(|deployment| deployment.asked.shadow > 0).map(shadowing).collect();
        Self { environment, deployments, weight, shared: AtomicU64::new(shared), shadows }
    }

    /// The version for the next request.
    fn next(&self, name: &ModelName, key: Option<&Key>) -> Option<&Deployment> {
        if let [only] = self.deployments.as_slice()
            && self.weight > 0
        {
            return Some(only);
        }
        let point = match key {
            Some(key) => key.point(name),
            None => spread(self.shared.fetch_add(1, Ordering::Relaxed)),
        };
        let weights = self.deployments.iter().map(|deployment| u64::from(deployment.asked.weight));
        match owner(point, self.weight, weights) {
            Some(at) => self.deployments.get(at),
            // Who was to answer could not be loaded. What stands by is better than nothing; a shadow never answers.
            None => self.deployments.iter().find(|deployment| deployment.asked.shadow == 0),
        }
    }

    fn version(&self, version: u64) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.info.model_version == version)
    }

    /// Who computes a request as well that a version answers.
    fn shadows(&self, version: &Arc<Version>) -> Vec<Arc<Shadow>> {
        let drawn = |Shadowing { shadow, percent, passed }: &&Shadowing| {
            !shadow.is_of(version)
                && share(spread(passed.fetch_add(1, Ordering::Relaxed)), 100) < *percent
                && shadow.has_room()
        };
        self.shadows.iter().filter(drawn).map(|shadowing| Arc::clone(&shadowing.shadow)).collect()
    }
}

type Map = HashMap<ModelName, Vec<Arc<Served>>>;

/// What is served.
#[derive(Debug, Default)]
pub(crate) struct Registry(ArcSwap<Map>);

impl Registry {
    /// The version that answers: the one asked for, else the one that a key falls to, else one by weight; in the environment
    /// asked for, else in the highest that has it.
    pub(crate) fn find(
        &self,
        name: &ModelName,
        environment: Option<&Environment>,
        (version, key): (Option<u64>, Option<&Key>),
    ) -> Result<Chosen, Unserved> {
        let map = self.0.load();
        let places = map.get(name).ok_or(Unserved::Unknown)?;
        let mut there = places.iter().filter(|place| environment.is_none_or(|wanted| place.environment == *wanted));
        let found = match version {
            // Not in a lower environment, for which nobody may have been let in.
            None => there.next().and_then(|place| Some((place, place.next(name, key)?))),
            Some(version) => there.find_map(|place| Some((place, place.version(version)?))),
        };
        let (place, deployment) = found.ok_or(Unserved::OtherVersion)?;
        let version = Arc::clone(&deployment.version);
        Ok(Chosen { shadows: place.shadows(&version), version })
    }

    /// The environment of the version that would answer, where none is asked for.
    pub(crate) fn environment(&self, name: &ModelName, version: Option<u64>) -> Option<Environment> {
        let map = self.0.load();
        let mut places = map.get(name)?.iter();
        let place = places.find(|place| version.is_none_or(|version| place.version(version).is_some()));
        place.map(|place| place.environment.clone())
    }

    /// Everything that is served, by name, the highest environment first.
    pub(crate) fn all(&self) -> Vec<Deployment> {
        let map = self.0.load();
        let mut names: Vec<_> = map.iter().collect();
        names.sort_by_key(|(name, _)| *name);
        names.into_iter().flat_map(|(_, places)| places).flat_map(|place| place.deployments.clone()).collect()
    }

    /// What is served under a name, the highest environment first.
    pub(crate) fn of(&self, name: &ModelName) -> Vec<Deployment> {
        self.0.load().get(name).into_iter().flatten().flat_map(|place| place.deployments.clone()).collect()
    }

    /// What is served at a place.
    pub(crate) fn at(&self, place: &Place) -> Vec<Deployment> {
        self.served(place).map(|served| served.deployments.clone()).unwrap_or_default()
    }

    fn served(&self, (name, environment): &Place) -> Option<Arc<Served>> {
        let map = self.0.load();
        map.get(name)?.iter().find(|place| place.environment == *environment).cloned()
    }

    /// Has a place serve these versions and no others. Requests in hand end with the version they began with, which then
    /// goes. Changes of one name come one at a time.
    pub(crate) fn put(&self, place: &Place, deployments: Vec<Deployment>) {
        let before = self.served(place);
        let gone = |old: &&Deployment| !deployments.iter().any(|new| new.version.number == old.version.number);
        for gone in before.iter().flat_map(|before| &before.deployments).filter(gone) {
            meter::show(&gone.info, false);
        }
        for served in &deployments {
            meter::show(&served.info, true);
        }
        let (name, environment) = place.clone();
        let served = (!deployments.is_empty()).then(|| Arc::new(Served::new(environment, deployments, before.as_deref())));
        self.0.rcu(|map| {
            let mut next = Map::clone(map);
            let places = next.entry(name.clone()).or_default();
            places.retain(|other| other.environment != place.1);
            places.extend(served.clone());
            places.sort_by_key(|place| Reverse(place.environment.rank()));
            if places.is_empty() {
                next.remove(&name);
            }
            next
        });
    }

    /// Takes everything out of service.
    pub(crate) fn clear(&self) {
        for gone in self.all() {
            meter::show(&gone.info, false);
        }
        self.0.store(Arc::default());
    }
}
