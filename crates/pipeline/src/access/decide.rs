//! Whether somebody's grants allow something.

use std::collections::BTreeSet;

use contract::{Grant, ModelName, RepoName, Role, Scope};
use jiff::Timestamp;

use super::{Action, allows};

/// What is asked about. Neither: everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    /// The repository it belongs to.
    pub repo: Option<RepoName>,
    /// The model it belongs to.
    pub model: Option<ModelName>,
}

impl Object {
    /// Everything there is.
    pub fn everything() -> Self {
        Self::default()
    }

    /// What a grant is for.
    pub fn of(grant: &Grant) -> Self {
        Self { repo: grant.repo.clone(), model: grant.model.clone() }
    }
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may be done.
    Allowed,
    /// It takes this role, for what is asked about.
    NeedsRole(Role),
}

/// Whether somebody with these grants may do something, now, with what is asked about.
pub fn decide(grants: &[Grant], action: &Action, object: &Object, now: Timestamp) -> Decision {
    decided(grants.iter().any(|grant| in_force(grant, action, now) && covers(grant, object)), action)
}

/// Whether somebody with these grants may do something with anything at all: what is asked about is not known yet.
pub fn decide_anywhere(grants: &[Grant], action: &Action, now: Timestamp) -> Decision {
    decided(grants.iter().any(|grant| in_force(grant, action, now)), action)
}

/// Of which things somebody with these grants may do something: a list shows them these, and no others. Nothing, where
/// [`decide_anywhere`] refuses.
pub fn scope(grants: &[Grant], action: &Action, now: Timestamp) -> Scope {
    let (mut repos, mut models) = (BTreeSet::new(), BTreeSet::new());
    for grant in grants.iter().filter(|grant| in_force(grant, action, now)) {
        match (&grant.repo, &grant.model) {
            (None, None) => return Scope::Everything,
            (Some(repo), None) => drop(repos.insert(repo.clone())),
            (None, Some(model)) => drop(models.insert(model.clone())),
            // Nobody can be given one: see `Grant::check`.
            (Some(_), Some(_)) => {}
        }
    }
    Scope::Only { repos, models }
}

/// All that somebody with these grants may do with everything.
pub fn allowed_everywhere(grants: &[Grant], now: Timestamp) -> Vec<Action> {
    let everything = Object::everything();
    Action::all().into_iter().filter(|action| decide(grants, action, &everything, now) == Decision::Allowed).collect()
}

/// What somebody is told who may not do something: the role that it takes.
pub fn refusal(action: &Action, object: &Object) -> String {
    let of = match (&object.repo, &object.model) {
        (_, Some(model)) => format!(" for the model {model}"),
        (Some(repo), None) => format!(" for the repository {repo}"),
        (None, None) => String::new(),
    };
    let role = action.least_role();
    let an = if matches!(role, Role::Operator | Role::Admin) { "an" } else { "a" };
    format!("this takes {an} {role}'s rights{of}; ask whoever administers this mlsys for the role {role}")
}

fn decided(allowed: bool, action: &Action) -> Decision {
    if allowed { Decision::Allowed } else { Decision::NeedsRole(action.least_role()) }
}

/// Whether a grant's role may, and the grant has not expired.
fn in_force(grant: &Grant, action: &Action, now: Timestamp) -> bool {
    let in_time = grant.expires_at.is_none_or(|end| now < end);
    let here = match (&grant.environment, action) {
        (None, _) => true,
        (Some(given), Action::Predict(Some(asked))) => given == asked,
        // Where it happens is not known, or is nowhere.
        (Some(_), _) => false,
    };
    in_time && here && allows(grant.role, action)
}

/// Whether a grant is for what is asked about. One that is for both a repository and a model is for what belongs to both.
fn covers(grant: &Grant, object: &Object) -> bool {
    let repo = grant.repo.as_ref().is_none_or(|repo| object.repo.as_ref() == Some(repo));
    let model = grant.model.as_ref().is_none_or(|model| object.model.as_ref() == Some(model));
    repo && model
}
