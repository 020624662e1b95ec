//! Notebooks, as far as they have run.

use contract::PipelineId;

use crate::{
    Lease, Pipelines, StoreError,
    db::fields::{self, Fields},
    pipelines::leases::fenced,
};

impl Pipelines {
    /// Keeps a pipeline's notebook, in nbformat JSON, in place of the one before.
    pub async fn save_notebook(&self, lease: &Lease, content: &[u8]) -> Result<(), StoreError> {
        let content =
            std::str::from_utf8(content).map_err(|_| StoreError::Corrupt("a notebook that is no UTF-8".to_owned()))?;
        let mut write = fenced(&self.database, lease).await?;
        let save = sqlx::query(
            "INSERT INTO notebooks (pipeline_id, content) VALUES ($1, $2)
             ON CONFLICT (pipeline_id) DO UPDATE SET content = excluded.content",
        );
        write.run(save.bind(lease.pipeline_id.to_string()).bind(fields::text(content))).await?;
        write.commit().await
    }

    /// A pipeline's notebook, once it has been read: as it was pushed, then as far as it has run.
    pub async fn notebook(&self, id: PipelineId) -> Result<Option<String>, StoreError> {
        let query = sqlx::query("SELECT content FROM notebooks WHERE pipeline_id = $1");
        let row = self.database.optional(query.bind(id.to_string())).await?;
        row.map(|row| Fields(&row).get("content")).transpose()
    }
}
