//! What is known of a pipeline besides its record.

use contract::{GateReport, PipelineId};

use crate::{
    Lease, Pipelines, StoreError,
    db::fields::{Fields, json},
    pipelines::leases::fenced,
};

/// What is known of a pipeline besides its record.
#[derive(Debug, Clone, PartialEq)]
pub struct Details {
    /// Whether a person started it, not a push.
    pub manual: bool,
    /// The delivery that started it.
    pub delivery_id: Option<String>,
    /// How many lines its log has.
    pub log_lines: u64,
    /// What the gates decided, once they have.
    pub gate_report: Option<GateReport>,
}

impl Pipelines {
    /// What is known of a pipeline besides its record. [`StoreError::NotFound`] if there is none.
    pub async fn details(&self, id: PipelineId) -> Result<Details, StoreError> {
        let query = sqlx::query(
            "SELECT manual, delivery_id, judgement, COALESCE(
                 (SELECT last_seq FROM log_chunks WHERE pipeline_id = $1 ORDER BY first_seq DESC LIMIT 1), 0) AS log_lines
             FROM pipelines WHERE id = $1",
        );
        let row = self.database.optional(query.bind(id.to_string())).await?.ok_or(StoreError::NotFound)?;
        let fields = Fields(&row);
        let has_report = fields.get::<Option<String>>("judgement")?.is_some();
        Ok(Details {
            manual: fields.flag("manual")?,
            delivery_id: fields.get("delivery_id")?,
            log_lines: fields.count("log_lines")?,
            gate_report: has_report.then(|| fields.json("judgement")).transpose()?,
        })
    }

    /// Keeps what the gates decided, in place of what they decided before.
    pub async fn record_gate_report(&self, lease: &Lease, report: &GateReport) -> Result<(), StoreError> {
        let mut write = fenced(&self.database, lease).await?;
        let record = sqlx::query("UPDATE pipelines SET judgement = $2 WHERE id = $1");
        write.run(record.bind(lease.pipeline_id.to_string()).bind(json(report)?)).await?;
        write.commit().await
    }
}
