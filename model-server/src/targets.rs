//! What each place is meant to serve: the newest that anyone asked for, and how far it is.
//!
//! Generations only go up. What is older than what a place is meant to serve is refused or passed over, whoever says it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use contract::{Desired, LoadRequest, ServedModel, ServedState};

use crate::{deployed::Place, error::LoadError};

/// How far a place is with what it is meant to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The backend says so; nobody has begun yet.
    Waiting,
    /// It is on its way.
    Loading,
    /// It is served.
    Ready,
    /// It could not be loaded.
    Failed { code: &'static str, detail: String },
}

/// What a place is meant to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) request: LoadRequest,
    pub(crate) progress: Progress,
}

/// What every place is meant to serve.
#[derive(Debug, Default)]
pub(crate) struct Targets(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    places: BTreeMap<Place, Target>,
    /// The generations with which calls took models out of service.
    gone: BTreeMap<Place, u64>,
    /// The greatest of the lists that were followed.
    change: u64,
}

impl Table {
    fn check(&self, place: &Place, request: &LoadRequest) -> Result<(), LoadError> {
        let known = match self.places.get(place) {
            Some(target) if same(&target.request, request) => return Ok(()),
            // One generation cannot have two versions.
            Some(target) => target.request.generation,
            None => self.gone.get(place).copied().unwrap_or(0).max(self.change),
        };
        // 0 is no generation: without any, whoever comes last is right.
        if known > 0 && request.generation <= known { Err(LoadError::Stale { known }) } else { Ok(()) }
    }
}

impl Targets {
    /// What is remembered from before the process started, and is to be brought back.
    pub(crate) fn remembered(requests: BTreeMap<Place, LoadRequest>) -> Self {
        let target = |request| Target { request, progress: Progress::Loading };
        let places = requests.into_iter().map(|(place, request)| (place, target(request))).collect();
        Self(Mutex::new(Table { places, ..Table::default() }))
    }

    /// Refuses what is stale. A request that the place is meant to serve already is not.
    pub(crate) fn check(&self, place: &Place, request: &LoadRequest) -> Result<(), LoadError> {
        self.table().check(place, request)
    }

    /// Takes over what somebody asks for, who is about to load it. Gives what the place was meant to serve before, or
    /// refuses what is stale.
    pub(crate) fn raise(&self, place: &Place, request: &LoadRequest) -> Result<Option<Target>, LoadError> {
        let mut table = self.table();
        table.check(place, request)?;
        let before = table.places.get(place).cloned();
        let progress = match &before {
            Some(target) if same(&target.request, request) && target.progress != Progress::Waiting => return Ok(before),
            _ => Progress::Loading,
        };
        table.places.insert(place.clone(), Target { request: request.clone(), progress });
        Ok(before)
    }

    /// Takes over the backend's list, where it is newer. Gives the places that are to serve nothing any more.
    pub(crate) fn follow(&self, list: &Desired) -> Vec<Place> {
        let mut table = self.table();
        if list.change < table.change {
            return Vec::new();
        }
        table.change = list.change;
        let mut listed = BTreeSet::new();
        for model in &list.models {
            let place = (model.model_name.clone(), model.load.environment.clone());
            let newer = match table.places.get(&place) {
                Some(Target { request, .. }) => model.load.generation >= request.generation && !same(request, &model.load),
                None => table.gone.get(&place).is_none_or(|gone| model.load.generation > *gone),
            };
            if newer {
                let target = Target { request: model.load.clone(), progress: Progress::Waiting };
                table.places.insert(place.clone(), target);
            }
            listed.insert(place);
        }
        // A place that a call filled after the list was made is not in it yet. A list that has seen no change at all does
        // not know what was here before it.
        let gone = |(place, target): &(&Place, &Target)| {
            !listed.contains(*place) && list.change > 0 && target.request.generation <= list.change
        };
        table.places.iter().filter(gone).map(|(place, _)| place.clone()).collect()
    }

    /// Says how far a place is with a request, unless it is meant to serve another by now.
    pub(crate) fn settle(&self, place: &Place, request: &LoadRequest, progress: Progress) {
        if let Some(target) = self.table().places.get_mut(place).filter(|target| same(&target.request, request)) {
            target.progress = progress;
        }
    }

    /// Puts back what a place was meant to serve before a request.
    pub(crate) fn restore(&self, place: &Place, request: &LoadRequest, before: Option<Target>) {
        let mut table = self.table();
        if table.places.get(place).is_some_and(|target| same(&target.request, request)) {
            match before {
                Some(before) => table.places.insert(place.clone(), before),
                None => table.places.remove(place),
            };
        }
    }

    /// Refuses to take a place out of service for what is older than it.
    pub(crate) fn check_unload(&self, place: &Place, generation: u64) -> Result<(), LoadError> {
        let known = self.table().places.get(place).map_or(0, |target| target.request.generation);
        if generation < known { Err(LoadError::Stale { known }) } else { Ok(()) }
    }

    /// Notes that a place is meant to serve nothing any more. Says whether it was.
    pub(crate) fn remove(&self, place: &Place, generation: u64) -> bool {
        let mut table = self.table();
        if generation > 0 {
            let gone = table.gone.entry(place.clone()).or_default();
            *gone = generation.max(*gone);
        }
        table.places.remove(place).is_some()
    }

    /// Every place's target.
    pub(crate) fn all(&self) -> BTreeMap<Place, Target> {
        self.table().places.clone()
    }

    /// What the backend is told.
    pub(crate) fn report(&self) -> Vec<ServedModel> {
        let models = self.all().into_iter().map(|((model_name, environment), Target { request, progress })| ServedModel {
            model_name,
            environment,
            version: request.version,
            generation: request.generation,
            state: match progress {
                Progress::Ready => ServedState::Ready,
                Progress::Waiting | Progress::Loading => ServedState::Loading,
                Progress::Failed { detail, .. } => ServedState::Failed { detail },
            },
        });
        models.collect()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two requests are for the same files by the same deployment.
pub(crate) fn same(one: &LoadRequest, other: &LoadRequest) -> bool {
    (one.generation, one.version, &one.sha256) == (other.generation, other.version, &other.sha256)
}
