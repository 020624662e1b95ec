//! A warehouse in a folder, and models that are loaded from theirs.

use std::{path::PathBuf, sync::Arc, time::Duration};

use arrow_array::{Array, RecordBatch};
use contract::ModelManifest;
use futures_util::TryStreamExt;
use scoring::{Model, Runtime, RuntimeConfig, find_onnxruntime};
use tables::{Error, OutputNames, Piece, Plan, Request, Shard, ShardFiles, Told};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use warehouse::{Disposition, Warehouse};

pub struct Place {
    pub warehouse: Warehouse,
    folder: TempDir,
    runtime: Runtime,
}

pub struct Loaded {
    pub manifest: Arc<ModelManifest>,
    pub model: Arc<Model>,
    pub folder: String,
}

impl Place {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let warehouse = Warehouse::open(&folder.path().join("tables").display().to_string(), []).unwrap();
        let python = testkit::python();
        let config = RuntimeConfig {
            onnxruntime_library: find_onnxruntime(&python).await.unwrap(),
            python,
            environments_directory: folder.path().join("environments"),
            programs: folder.path().join("programs"),
            threads: 2,
            queue: 16,
            prediction_limit: Duration::from_mins(1),
            memory_limit: None,
        };
        Self { warehouse, runtime: Runtime::open(config).unwrap(), folder }
    }

    /// Over other tables.
    pub async fn over(warehouse: Warehouse) -> Self {
        Self { warehouse, ..Self::new().await }
    }

    pub async fn model(&self, name: &str) -> Loaded {
        let folder = testkit::packaged(name);
        let manifest: ModelManifest = serde_json::from_slice(&std::fs::read(folder.join("metadata.json")).unwrap()).unwrap();
        let model = Model::load(&folder, &manifest, &self.runtime).await.unwrap();
        Loaded { manifest: Arc::new(manifest), model: Arc::new(model), folder: folder.display().to_string() }
    }

    pub async fn append(&self, table: &str, rows: &RecordBatch) {
        let mut writer = self.warehouse.writer(&table.parse().unwrap(), &rows.schema(), Disposition::Append).await.unwrap();
        writer.write(rows).await.unwrap();
        writer.commit(None).await.unwrap();
    }

    /// Scores all that is planned, each file as a shard of its own, the last one first, and makes it part of the output.
    pub async fn run(&self, plan: &Plan, model: &Loaded, job: &str) -> Result<u64, Error> {
        let files = self.score(plan, model, job).await?;
        tables::commit(&self.warehouse, &plan.spec, job, files).await
    }

    pub async fn score(&self, plan: &Plan, model: &Loaded, job: &str) -> Result<Vec<ShardFiles>, Error> {
        let spec = Arc::new(plan.spec.clone());
        let mut files: Vec<ShardFiles> = Vec::new();
        let mut first_row = plan.rows;
        for part in plan.pieces.iter().flat_map(|piece| &piece.parts).rev() {
            first_row -= part.rows;
            let (manifest, model) = (Arc::clone(&model.manifest), Arc::clone(&model.model));
            let shard = Shard {
                job: job.to_owned(),
                spec: Arc::clone(&spec),
                piece: Piece { first_row, parts: vec![part.clone()] },
                manifest,
                model,
                at_once: 3,
            };
            let told = Arc::new(Told::default());
            let written = tables::score(&self.warehouse, shard, Arc::clone(&told), CancellationToken::new()).await?;
            assert_eq!(told.rows(), part.rows);
            // As it is kept in between.
            let kept = serde_json::to_string(&written).unwrap();
            files.push(serde_json::from_str(&kept).unwrap());
        }
        files.reverse();
        Ok(files)
    }

    /// The rows of a table, in the order of the files that the log names.
    pub async fn rows(&self, table: &str) -> Vec<RecordBatch> {
        let snapshot = self.warehouse.snapshot(&table.parse().unwrap(), None).await.unwrap();
        let rows = snapshot.batches(None, 0..snapshot.files().len()).unwrap().try_collect::<Vec<_>>().await.unwrap();
        let mut rows: Vec<_> = rows.into_iter().filter(|batch| batch.num_rows() > 0).collect();
        // Names of files tell nothing of the order.
        rows.sort_by_key(|batch| column(std::slice::from_ref(batch), "Id").first().and_then(|id| id.parse::<u64>().ok()));
        rows
    }

    pub fn folder_of(&self, table: &str) -> String {
        self.path(table).display().to_string()
    }

    /// How many files of rows lie in a table's folder.
    pub fn files(&self, table: &str) -> usize {
        let entries = std::fs::read_dir(self.path(table)).into_iter().flatten().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".parquet")).count()
    }

    fn path(&self, table: &str) -> PathBuf {
        self.folder.path().join("tables").join(table.replace('.', "/"))
    }
}

pub fn asking(model: &str, input: &str, output: &str) -> Request {
    Request {
        model_name: model.split_once('-').map_or(model, |(name, _)| name).parse().unwrap(),
        version: 7,
        uri: String::new(),
        sha256: String::new(),
        input: input.parse().unwrap(),
        output: output.parse().unwrap(),
        disposition: Disposition::Append,
        id_columns: None,
        on_reject: tables::OnReject::Table,
        names: OutputNames::default(),
        scheduled_for: None,
        asked: String::new(),
    }
}

/// A column's values as texts.
pub fn column(rows: &[RecordBatch], name: &str) -> Vec<String> {
    let text = |batch: &RecordBatch| {
        let Some(column) = batch.column_by_name(name) else { return Vec::new() };
        let texts = arrow_cast::cast(column, &arrow_schema::DataType::Utf8).unwrap();
        let texts: &arrow_array::StringArray = arrow_array::cast::AsArray::as_string(&texts);
        (0..texts.len()).map(|row| texts.value(row).to_owned()).collect()
    };
    rows.iter().flat_map(text).collect()
}

pub fn column_names(rows: &[RecordBatch]) -> Vec<String> {
    rows[0].schema().fields().iter().map(|field| field.name().clone()).collect()
}
