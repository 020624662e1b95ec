//! What each place is meant to serve: the newest that anyone asked for, and how far it is.
//!
//! Generations only go up. What is older than what a place is meant to serve is refused or passed over, whoever says it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use contract::{Desired, DesiredModel, Environment, LoadRequest, ModelName, ServedModel, ServedState};

use crate::{
    load::LoadError,
    serve::{Place, place_of},
};

/// How far a version is.
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

impl Progress {
    /// Whether it is not known yet if it will be served.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self, Self::Waiting | Self::Loading)
    }

    /// It could not be loaded.
    pub(crate) fn failed(error: &LoadError) -> Self {
        Self::Failed { code: error.code(), detail: error.to_string() }
    }
}

/// A version that a place is meant to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) wanted: DesiredModel,
    pub(crate) progress: Progress,
}

impl Target {
    fn is(&self, request: &LoadRequest) -> bool {
        same(&self.wanted.load, request)
    }
}

/// What every place is meant to serve.
#[derive(Debug, Default)]
pub(crate) struct Targets(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    places: BTreeMap<Place, Vec<Target>>,
    /// The generations with which calls took models out of service.
    gone: BTreeMap<Place, u64>,
    /// The greatest of the lists that were followed.
    change: u64,
}

impl Table {
    fn check(&self, place: &Place, request: &LoadRequest) -> Result<(), LoadError> {
        let targets = self.places.get(place);
        let is_known = targets.is_some_and(|targets| targets.iter().any(|target| target.is(request)));
        if is_known { Ok(()) } else { self.check_generation(place, request.generation) }
    }

    /// Refuses what is not newer than what is known of a place.
    fn check_generation(&self, place: &Place, generation: u64) -> Result<(), LoadError> {
        let known = match self.places.get(place) {
            Some(targets) => newest(targets),
            None => self.gone.get(place).copied().unwrap_or(0),
        };
        // A list that has seen this generation would have it. One generation cannot have two versions.
        let known = known.max(self.change);
        // 0 is no generation: without any, whoever comes last is right.
        if known > 0 && generation <= known { Err(LoadError::Stale { known }) } else { Ok(()) }
    }

    /// Whether a list knows more of a place than what it is meant to serve now.
    fn is_older(&self, place: &Place, change: u64, wanted: &[DesiredModel]) -> bool {
        let listed = wanted.iter().map(|model| model.load.generation).max().unwrap_or(0);
        match self.places.get(place) {
            Some(targets) => newest(targets) <= change.max(listed),
            None => self.gone.get(place).is_none_or(|gone| listed > *gone),
        }
    }
}

impl Targets {
    /// What is remembered from before the process started, and is to be brought back.
    pub(crate) fn remembered(places: BTreeMap<Place, Vec<DesiredModel>>) -> Self {
        let target = |wanted| Target { wanted, progress: Progress::Loading };
        let places = places.into_iter().map(|(place, models)| (place, models.into_iter().map(target).collect())).collect();
        Self(Mutex::new(Table { places, ..Table::default() }))
    }

    /// Refuses what is stale. A version that the place is meant to serve already is not.
    pub(crate) fn check(&self, place: &Place, request: &LoadRequest) -> Result<(), LoadError> {
        self.table().check(place, request)
    }

    /// Takes over what somebody asks for, who is about to load it: all of the place, unless the version has a share of it
    /// already. Gives what the place was meant to serve before, or refuses what is stale.
    pub(crate) fn raise(&self, place: &Place, request: &LoadRequest) -> Result<Vec<Target>, LoadError> {
        let mut table = self.table();
        table.check(place, request)?;
        let targets = table.places.entry(place.clone()).or_default();
        let before = targets.clone();
        match targets.iter_mut().find(|target| target.is(request)) {
            Some(target) if target.progress == Progress::Waiting => target.progress = Progress::Loading,
            Some(_) => {}
            None => {
                let wanted = DesiredModel::whole(place.0.clone(), request.clone());
                *targets = vec![Target { wanted, progress: Progress::Loading }];
            }
        }
        Ok(before)
    }

    /// Takes over how a place's requests are to be shared out among versions that it serves. Gives what it was meant to serve
    /// before; nothing where it is meant to serve just that already. Refuses what is stale.
    pub(crate) fn share(
        &self,
        place: &Place,
        generation: u64,
        wanted: &[DesiredModel],
    ) -> Result<Option<Vec<Target>>, LoadError> {
        let mut table = self.table();
        let before = table.places.get(place).cloned().unwrap_or_default();
        if let Err(stale) = table.check_generation(place, generation) {
            let share = |model: &DesiredModel| (model.load.version, model.weight, model.shadow);
            let is_meant = |wanted| before.iter().any(|target| share(&target.wanted) == share(wanted));
            let is_so = before.len() == wanted.len() && wanted.iter().all(is_meant);
            return if is_so { Ok(None) } else { Err(stale) };
        }
        let target = |wanted: &DesiredModel| Target { wanted: wanted.clone(), progress: Progress::Ready };
        table.places.insert(place.clone(), wanted.iter().map(target).collect());
        Ok(Some(before))
    }

    /// Takes over the backend's list, where it is newer. Gives the places that are to serve nothing any more.
    pub(crate) fn follow(&self, list: &Desired) -> Vec<Place> {
        let mut table = self.table();
        if list.change < table.change {
            return Vec::new();
        }
        table.change = list.change;
        let mut listed = BTreeMap::<Place, Vec<DesiredModel>>::new();
        for model in &list.models {
            let models = listed.entry(place_of(model)).or_default();
            // A version is at a place once.
            match models.iter_mut().find(|other| other.load.version == model.load.version) {
                Some(other) if other.load.generation < model.load.generation => *other = model.clone(),
                Some(_) => {}
                None => models.push(model.clone()),
            }
        }
        // A place that a call filled after the list was made is not in it yet. A list that has seen no change at all does
        // not know what was here before it.
        let gone = |(place, targets): &(&Place, &Vec<Target>)| {
            !listed.contains_key(*place) && list.change > 0 && newest(targets) <= list.change
        };
        let gone = table.places.iter().filter(gone).map(|(place, _)| place.clone()).collect();
        for (place, wanted) in listed {
            if table.is_older(&place, list.change, &wanted) {
                let known = table.places.remove(&place).unwrap_or_default();
                let progress = |wanted: &DesiredModel| {
                    let known = known.iter().find(|target| target.is(&wanted.load));
                    known.map_or(Progress::Waiting, |target| target.progress.clone())
                };
                let targets = wanted.into_iter().map(|wanted| Target { progress: progress(&wanted), wanted });
                table.places.insert(place, targets.collect());
            }
        }
        gone
    }

    /// Says how far a version is, unless the place is not meant to serve it any more.
    pub(crate) fn settle(&self, place: &Place, request: &LoadRequest, progress: Progress) {
        let mut table = self.table();
        let target = table.places.get_mut(place).and_then(|targets| targets.iter_mut().find(|target| target.is(request)));
        if let Some(target) = target {
            target.progress = progress;
        }
    }

    /// Puts back what a place was meant to serve before a request.
    pub(crate) fn restore(&self, place: &Place, request: &LoadRequest, before: Vec<Target>) {
        let mut table = self.table();
        if table.places.get(place).is_some_and(|targets| targets.iter().any(|target| target.is(request))) {
            if before.is_empty() {
                table.places.remove(place);
            } else {
                table.places.insert(place.clone(), before);
            }
        }
    }

    /// Refuses to take a place out of service for what is older than it.
    pub(crate) fn check_unload(&self, place: &Place, generation: u64) -> Result<(), LoadError> {
        let known = self.table().places.get(place).map_or(0, |targets| newest(targets));
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

    /// What every place is meant to serve.
    pub(crate) fn all(&self) -> BTreeMap<Place, Vec<Target>> {
        self.table().places.clone()
    }

    /// What a place is meant to serve.
    pub(crate) fn at(&self, place: &Place) -> Vec<Target> {
        self.table().places.get(place).cloned().unwrap_or_default()
    }

    /// The highest environment that is meant to serve a model, in this version if one is named.
    pub(crate) fn environment(&self, name: &ModelName, version: Option<u64>) -> Option<Environment> {
        let table = self.table();
        let named = |target: &Target| version.is_none_or(|version| target.wanted.load.version == version);
        let places = table.places.iter().filter(|(place, targets)| place.0 == *name && targets.iter().any(named));
        places.map(|(place, _)| &place.1).max_by_key(|environment| environment.rank()).cloned()
    }

    /// What the backend is told.
    pub(crate) fn report(&self) -> Vec<ServedModel> {
        let served = |Target { wanted, progress }| ServedModel {
            model_name: wanted.model_name,
            environment: wanted.load.environment,
            version: wanted.load.version,
            generation: wanted.load.generation,
            state: match progress {
                Progress::Ready => ServedState::Ready,
                Progress::Waiting | Progress::Loading => ServedState::Loading,
                Progress::Failed { detail, .. } => ServedState::Failed { detail },
            },
        };
        self.all().into_values().flatten().map(served).collect()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The greatest generation.
fn newest(targets: &[Target]) -> u64 {
    targets.iter().map(|target| target.wanted.load.generation).max().unwrap_or(0)
}

/// Whether two requests are for the same files by the same deployment.
pub(crate) fn same(one: &LoadRequest, other: &LoadRequest) -> bool {
    (one.generation, one.version, &one.sha256) == (other.generation, other.version, &other.sha256)
}
