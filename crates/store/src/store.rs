//! The store, as a process holds it.

use crate::{
    Access, Batches, Intake, Pipelines, Retention, Schedules, SealingKeys, Serving, StoreError, Tasks,
    db::database::Database,
};

/// The store, by subject. Clones share their connections. It belongs to the runtime that it was opened on.
#[derive(Debug, Clone)]
pub struct Store {
    /// Repositories and deliveries.
    pub intake: Intake,
    /// Pipelines and all that belongs to one.
    pub pipelines: Pipelines,
    /// Versions, deployments, model-servers.
    pub serving: Serving,
    /// Background work that is no pipeline.
    pub tasks: Tasks,
    /// Batch predictions and their shards.
    pub batches: Batches,
    /// Schedules and their firings.
    pub schedules: Schedules,
    /// Who may do what, and who did.
    pub access: Access,
    /// What is old enough to go.
    pub retention: Retention,
    database: Database,
}

impl Store {
    /// Opens the database at `sqlite:///path/to/file`, creating the file where it is missing (its directory must exist),
    /// or at `postgres://user:password@host:port/name`, and brings its tables up to date.
    pub async fn open(database_url: &str) -> Result<Self, StoreError> {
        let database = Database::open(database_url).await?;
        Ok(Self {
            intake: Intake::start(&database),
            pipelines: Pipelines { database: database.clone() },
            serving: Serving { database: database.clone() },
            tasks: Tasks { database: database.clone() },
            batches: Batches { database: database.clone() },
            schedules: Schedules { database: database.clone() },
            access: Access { database: database.clone() },
            retention: Retention { database: database.clone() },
            database,
        })
    }

    /// The same, with the keys that secrets are sealed with.
    #[must_use]
    pub fn with_keys(mut self, keys: Option<SealingKeys>) -> Self {
        self.intake.keys = keys;
        self
    }

    /// Waits for running operations and closes the connections. Every later operation fails.
    pub async fn close(&self) {
        self.database.close().await;
    }
}
