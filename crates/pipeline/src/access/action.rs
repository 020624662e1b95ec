//! What can be asked for, and which roles may. The one table of it.

use contract::{Environment, Role};

/// What somebody wants to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// See anything but secrets.
    See,
    /// Ask a model; in this environment. None: which one answers is not known, so it may be any.
    Predict(Option<Environment>),
    /// Run a notebook by hand.
    Run,
    /// End a pipeline.
    Cancel,
    /// Let a pipeline go on from the phase that failed.
    Retry,
    /// Check a notebook.
    Validate,
    /// Take a version over into this environment.
    Promote(Environment),
    /// Put back what was deployed before.
    RollBack(Environment),
    /// Share requests out among versions.
    Traffic,
    /// Say what runs when.
    Schedules,
    /// Send a table through a model.
    BatchPredictions,
    /// Register, change and forget repositories.
    Repositories,
    /// Invite and remove people, and say what they may.
    People,
    /// Make and revoke keys.
    Keys,
    /// Change settings.
    Settings,
    /// Read who did what.
    Audit,
}

impl Action {
    /// Every action, with each environment.
    pub fn all() -> Vec<Self> {
        let mut all = vec![
            Self::See,
            Self::Predict(None),
            Self::Run,
            Self::Cancel,
            Self::Retry,
            Self::Validate,
            Self::Traffic,
            Self::Schedules,
            Self::BatchPredictions,
            Self::Repositories,
            Self::People,
            Self::Keys,
            Self::Settings,
            Self::Audit,
        ];
        for environment in Environment::all() {
            all.push(Self::Predict(Some(environment.clone())));
            all.push(Self::Promote(environment.clone()));
            all.push(Self::RollBack(environment));
        }
        all
    }

    /// The action as a word for programs: without the environment.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::See => "see",
            Self::Predict(_) => "predict",
            Self::Run => "run",
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::Validate => "validate",
            Self::Promote(_) => "promote",
            Self::RollBack(_) => "roll_back",
            Self::Traffic => "traffic",
            Self::Schedules => "schedules",
            Self::BatchPredictions => "batch_predictions",
            Self::Repositories => "repositories",
            Self::People => "people",
            Self::Keys => "keys",
            Self::Settings => "settings",
            Self::Audit => "audit",
        }
    }

    /// The action as a word, with its environment.
    pub fn in_words(&self) -> String {
        match self {
            Self::Predict(Some(environment)) | Self::Promote(environment) | Self::RollBack(environment) => {
                format!("{}:{}", self.as_str(), environment.as_str())
            }
            _ => self.as_str().to_owned(),
        }
    }

    /// The least role that may.
    pub fn least_role(&self) -> Role {
        match self {
            Self::See => Role::Viewer,
            Self::Predict(_) => Role::Predictor,
            Self::Run | Self::Cancel | Self::Retry | Self::Validate => Role::Developer,
            Self::Promote(to) if !is_last(to) => Role::Developer,
            Self::Promote(_) | Self::RollBack(_) | Self::Traffic | Self::Schedules | Self::BatchPredictions => {
                Role::Operator
            }
            Self::Repositories | Self::People | Self::Keys | Self::Settings | Self::Audit => Role::Admin,
        }
    }
}

/// Whether a role may. A developer may whatever a viewer may, an operator whatever a developer may, an admin everything. A
/// predictor is a program: it predicts, and sees nothing.
pub fn allows(role: Role, action: &Action) -> bool {
    match (role, action) {
        (Role::Predictor, action) => matches!(action, Action::Predict(_)),
        (Role::Viewer, Action::Predict(_)) => false,
        // Trying a version out belongs to bringing it there.
        (Role::Developer, Action::Predict(environment)) => environment.as_ref().is_some_and(|one| !is_last(one)),
        (role, action) => role >= action.least_role(),
    }
}

/// Whether an environment is the one that most depends on.
fn is_last(environment: &Environment) -> bool {
    environment.following().is_none()
}
