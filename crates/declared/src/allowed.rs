//! What a repository's files may have done. Whoever may push decides what they say, so it is no more than that repository's own.

use contract::{DataAccess, RepoName};
use store::{AllowedData, Store, StoreError};
use warehouse::TableName;

use crate::Work;

/// Which data a repository's files may have read and written: what its notebooks may.
#[derive(Debug, Clone)]
pub struct Data(Vec<AllowedData>);

impl Data {
    /// That of a repository.
    ///
    /// # Errors
    /// The store's.
    pub async fn of(store: &Store, repo: &RepoName) -> Result<Self, StoreError> {
        store.intake.data_of(repo).await.map(Self)
    }

    fn allow(&self, table: &TableName, access: DataAccess) -> bool {
        let table = table.to_string();
        let dataset = table.rsplit_once('.').map_or("", |(dataset, _)| dataset);
        self.0.iter().any(|one| one.place.as_str() == dataset && one.access >= access)
    }
}

/// The branches of a repository's settings whose files count, the first that is there of them: those that are no patterns.
pub fn branches(settings: &str) -> impl Iterator<Item = &str> {
    settings.split(',').map(str::trim).filter(|branch| !branch.is_empty() && !branch.contains(['*', '?', '[', '{', '\\']))
}

/// Why a repository's files may not have this done, if so, and what to do about it; `owner`: whose the model's name is.
#[must_use]
pub fn refusal(repo: &RepoName, data: &Data, owner: Option<&RepoName>, work: &Work) -> Option<(String, String)> {
    match work {
        Work::BatchPrediction(request) => {
            let model = &request.model_name;
            if let Some(owner) = owner.filter(|owner| *owner != repo) {
                let problem = format!("the model {model} belongs to {owner}, not to {repo}");
                return Some((problem, "declare it in that repository, or have an admin hand the name over".to_owned()));
            }
            let (input, outputs) = request.tables().ok()?;
            let wanted = std::iter::once((input, DataAccess::Read))
                .chain(outputs.into_iter().map(|table| (table, DataAccess::Write)));
            let (table, access) = wanted.into_iter().find(|(table, access)| !data.allow(table, *access))?;
            let table = table.to_string();
            let dataset = table.rsplit_once('.').map_or("", |(dataset, _)| dataset);
            let problem = format!("{repo} may not {access} the table {table}");
            let write = if access == DataAccess::Write { " --write" } else { "" };
            let fix = format!("an admin of everything allows it by `mlsys data allow {dataset} --repo {repo}{write}`");
            Some((problem, fix))
        }
        Work::Retraining(retraining) if retraining.repo == *repo => None,
        Work::Retraining(_) | Work::Retention {} | Work::RegistryScan(_) => {
            Some(("a repository's file can't have this done".to_owned(), "make the schedule by hand".to_owned()))
        }
    }
}
