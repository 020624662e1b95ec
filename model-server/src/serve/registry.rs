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

use super::{Version, meter};

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

/// What is served at one place.
#[derive(Debug)]
struct Served {
    environment: Environment,
    deployments: Vec<Deployment>,
    /// Of all deployments here.
    weight: u64,
    /// How many requests were shared out.
    shared: AtomicU64,
}

impl Served {
    /// The version for the next request.
    fn next(&self) -> Option<&Deployment> {
        if let [only] = self.deployments.as_slice() {
            return Some(only);
        }
        let mut at = share(self.shared.fetch_add(1, Ordering::Relaxed), self.weight);
        let mine = self.deployments.iter().find(|deployment| {
            let weight = u64::from(deployment.asked.weight);
            let mine = at < weight;
            at = at.saturating_sub(weight);
            mine
        });
        mine.or(self.deployments.first())
    }

    fn version(&self, version: u64) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.info.model_version == version)
    }
}

/// The share, of so many, that a request falls to by its number. Multiples of the golden ratio spread evenly: each version
/// has its part of any few requests in a row, not only of many.
fn share(number: u64, shares: u64) -> u64 {
    let spread = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    u64::try_from((u128::from(spread) * u128::from(shares)) >> 64).unwrap_or_default()
}

type Map = HashMap<ModelName, Vec<Arc<Served>>>;

/// What is served.
#[derive(Debug, Default)]
pub(crate) struct Registry(ArcSwap<Map>);

impl Registry {
    /// The version that answers: the one asked for, else one by weight; in the environment asked for, else in the highest
    /// that has it.
    pub(crate) fn find(
        &self,
        name: &ModelName,
        environment: Option<&Environment>,
        version: Option<u64>,
    ) -> Result<Arc<Version>, Unserved> {
        let map = self.0.load();
        let places = map.get(name).ok_or(Unserved::Unknown)?;
        let mut there = places.iter().filter(|place| environment.is_none_or(|wanted| place.environment == *wanted));
        let found = there.find_map(|place| match version {
            None => place.next(),
            Some(version) => place.version(version),
        });
        found.map(|deployment| Arc::clone(&deployment.version)).ok_or(Unserved::OtherVersion)
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
    pub(crate) fn at(&self, (name, environment): &Place) -> Vec<Deployment> {
        let map = self.0.load();
        let place = map.get(name).and_then(|places| places.iter().find(|place| place.environment == *environment));
        place.map(|place| place.deployments.clone()).unwrap_or_default()
    }

    /// Has a place serve these versions and no others. Requests in hand end with the version they began with, which then
    /// goes. Changes of one name come one at a time.
    pub(crate) fn put(&self, place: &Place, deployments: Vec<Deployment>) {
        let before = self.at(place);
        for gone in before.iter().filter(|old| !deployments.iter().any(|new| new.version.number == old.version.number)) {
            meter::show(&gone.info, false);
        }
        for served in &deployments {
            meter::show(&served.info, true);
        }
        let (name, environment) = place.clone();
        let weight = deployments.iter().map(|deployment| u64::from(deployment.asked.weight)).sum();
        let served = (!deployments.is_empty())
            .then(|| Arc::new(Served { environment, deployments, weight, shared: AtomicU64::new(0) }));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_few_requests_in_a_row_are_shared_out_by_weight() {
        for (begin, requests) in [(0, 100), (7, 100), (12_345, 1000), (u64::MAX - 50, 100)] {
            let first = (0..requests).filter(|at| share(begin.wrapping_add(*at), 100) < 30).count();
            let wanted = usize::try_from(requests).expect("few") * 30 / 100;
            assert!(first.abs_diff(wanted) <= 3, "{first} of {requests} from {begin}");
        }
    }

    #[test]
    fn no_request_falls_beyond_the_shares() {
        for shares in [0, 1, 3, 100, u64::from(u32::MAX) * 3] {
            for number in [0, 1, 2, 1 << 20, u64::MAX] {
                assert!(share(number, shares) < shares.max(1));
            }
        }
    }
}
