//! Models as a caller has them: loaded from a folder, asked with typed rows.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{path::PathBuf, time::Duration};

use contract::{Column, ColumnType, ModelManifest};
use scoring::{
    BadCell, Batch, Cell, Cells, Extras, LoadError, Model, Numbers, Output, PredictError, Runtime, RuntimeConfig, Schema,
    Texts, find_onnxruntime,
};
use tempfile::TempDir;
use testkit::{packaged, python};

/// A packaged model's folder, and its manifest.
fn fixture(name: &str) -> (PathBuf, ModelManifest) {
    let folder = packaged(name);
    let manifest = serde_json::from_slice(&std::fs::read(folder.join("metadata.json")).unwrap()).unwrap();
    (folder, manifest)
}

async fn runtime(folder: &TempDir) -> Runtime {
    runtime_with(folder, None).await
}

async fn runtime_with(folder: &TempDir, memory_limit: Option<u64>) -> Runtime {
    let config = RuntimeConfig {
        onnxruntime_library: find_onnxruntime(&python()).await.unwrap(),
        python: python(),
        environments_directory: folder.path().join("environments"),
        programs: folder.path().join("programs"),
        threads: 2,
        queue: 4,
        prediction_limit: Duration::from_secs(30),
        memory_limit,
    };
    Runtime::open(config).unwrap()
}

/// Rows of a model whose columns are numbers.
fn table(schema: &Schema, rows: &[&[f64]]) -> Batch {
    let Schema::Table(schema) = schema else { panic!("a table") };
    let mut columns = schema.empty();
    for (row, values) in rows.iter().enumerate() {
        for (at, value) in values.iter().enumerate() {
            Cell { column: &schema.columns[at], cells: &mut columns[at], row }.float(*value).unwrap();
        }
        schema.fill(&mut columns, row + 1).unwrap();
    }
    Batch::Table { rows: rows.len(), columns }
}

#[tokio::test]
async fn a_graph_answers_typed_rows_with_typed_predictions() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime(&folder).await;
    let (files, manifest) = fixture("flowers");
    let model = Model::load(&files, &manifest, &runtime).await.unwrap();
    let prediction = model.predict(table(model.schema(), &[&[5.1, 0.2], &[6.0, 1.5]]), Extras::default()).await.unwrap();
    let Output::Classes { labels, probabilities: Some(Numbers { values, width }) } = prediction.output else {
        panic!("classes")
    };
    let classes = manifest.classes.unwrap().len();
    assert!(labels.len() == 2 && labels.iter().all(|label| *label < classes), "{labels:?}");
    assert_eq!((values.len(), width), (2 * classes, Some(classes)));

    let (files, manifest) = fixture("prices");
    let model = Model::load(&files, &manifest, &runtime).await.unwrap();
    let rows = Batch::Array { shape: vec![2, 3], cells: Cells::Float(vec![1.0, 2.0, 3.0, 4.5, 5.0, 6.0]) };
    let Output::Numbers(numbers) = model.predict(rows, Extras::default()).await.unwrap().output else { panic!("numbers") };
    assert!(numbers.values.len() == 2 && numbers.values.iter().all(|value| value.is_finite()));
    let crooked = Batch::Array { shape: vec![2, 3], cells: Cells::Float(vec![1.0]) };
    assert!(matches!(model.predict(crooked, Extras::default()).await, Err(PredictError::Failed(_))), "and nothing breaks");
}

#[tokio::test]
async fn a_child_process_answers_and_ends_with_its_model() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime(&folder).await;
    let (files, manifest) = fixture("boosted");
    let model = Model::load(&files, &manifest, &runtime).await.unwrap();
    let prediction =
        model.predict(table(model.schema(), &[&[f64::NAN, 7.0], &[1.0, 2.0]]), Extras::default()).await.unwrap();
    let Output::Classes { labels, probabilities: Some(Numbers { values, width }) } = prediction.output else {
        panic!("classes")
    };
    assert_eq!((labels.len(), values.len(), width), (2, 4, Some(2)));
    assert!(prediction.spent.computing > Duration::ZERO);
    drop(model);
    tokio::time::timeout(Duration::from_secs(9), runtime.close()).await.unwrap();
}

#[tokio::test]
async fn objects_are_compared_with_what_the_notebook_answered_number_by_number() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime(&folder).await;
    let (files, manifest) = fixture("telling");
    Model::load(&files, &manifest, &runtime).await.unwrap();
    let (files, manifest) = fixture("mistelling");
    let said = Model::load(&files, &manifest, &runtime).await.unwrap_err().to_string();
    assert!(said.contains("1 of 3 predictions differ"), "{said}");
}

#[tokio::test]
async fn a_model_that_takes_more_memory_than_it_may_is_told_by_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime_with(&folder, Some(20 << 20)).await;
    let (files, manifest) = fixture("boosted");
    let said = Model::load(&files, &manifest, &runtime).await.unwrap_err().to_string();
    assert!(said.contains("over the limit of 20 MiB") && said.contains("MODEL_MEMORY_LIMIT_MB"), "{said}");
}

#[tokio::test]
async fn a_model_that_is_not_what_its_manifest_says_is_not_given_out() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime(&folder).await;
    for (name, expected) in [
        ("fails-self-test", "its example is not the expected one"),
        ("no-graph", "does not start"),
        ("unstartable", "does not start"),
        ("no-environment", "is not here"),
        ("climbing-environment", "is not here"),
    ] {
        let (files, manifest) = fixture(name);
        let error = Model::load(&files, &manifest, &runtime).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{name}: {error}");
    }
    let (files, manifest) = fixture("flowers");
    let newer = ModelManifest { format: 2, ..manifest };
    assert!(matches!(Model::load(&files, &newer, &runtime).await, Err(LoadError::BadManifest(_))));
}

/// How a value is appended.
type Append = fn(Cell<'_>) -> Result<(), BadCell>;

#[test]
fn a_value_that_a_column_cannot_take_is_refused_by_its_name_and_not_repeated() {
    use ColumnType::{Boolean, Datetime, Double, Float, Integer, Long, String};
    let column = |column_type| Column { name: "Age".to_owned(), column_type, required: true, nullable: false };
    let cells = |column_type| match column_type {
        Boolean => Cells::Bool(Vec::new()),
        Integer | Long => Cells::Int(Vec::new()),
        Float | Double => Cells::Float(Vec::new()),
        String | Datetime => Cells::Text(Texts::default()),
    };
    let values: [(&str, Append, &[ColumnType]); 8] = [
        ("a truth", |cell| cell.bool(true), &[Boolean]),
        ("31337", |cell| cell.int(31337), &[Integer, Long, Float, Double]),
        ("a long one", |cell| cell.int(1 << 40), &[Long, Float, Double]),
        ("an unsigned one", |cell| cell.unsigned(u64::MAX), &[Float, Double]),
        ("31337.5", |cell| cell.float(31337.5), &[Float, Double]),
        ("1e300", |cell| cell.float(1e300), &[Double]),
        ("hunter2", |cell| cell.text("hunter2"), &[String]),
        ("missing", |cell| cell.missing(), &[Float, Double]),
    ];
    for column_type in [Boolean, Integer, Long, Float, Double, String, Datetime] {
        for (what, append, takers) in values {
            // What the model does not look at may be anything.
            let (unseen, mut kept) = (Column { required: false, ..column(column_type) }, cells(column_type));
            append(Cell { column: &unseen, cells: &mut kept, row: 7 }).unwrap();
            assert_eq!(kept.len(), 1, "{what} for {column_type:?}");
            let (column, mut cells) = (column(column_type), cells(column_type));
            let done = append(Cell { column: &column, cells: &mut cells, row: 7 });
            assert_eq!(done.is_ok(), takers.contains(&column_type), "{what} for {column_type:?}");
            assert_eq!(cells.len(), usize::from(done.is_ok()));
            if let Err(error) = done {
                let said = error.to_string();
                assert!(
                    said.contains("column \"Age\", row 7") && !said.contains("31337") && !said.contains("hunter2"),
                    "{said}"
                );
            }
        }
    }
}

/// Lets a future begin.
async fn begin<F: Future + Unpin>(future: &mut F) {
    tokio::select! {
        biased;
        _ = future => panic!("it is not answered yet"),
        () = std::future::ready(()) => {}
    }
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_computed() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime(&folder).await;
    let (files, manifest) = fixture("moody");
    let model = Model::load(&files, &manifest, &runtime).await.unwrap();
    let ask = |command: f64| {
        let cells = Cells::Float(vec![command, 0.0]);
        Box::pin(model.predict(Batch::Array { shape: vec![1, 2], cells }, Extras::default()))
    };
    let count = async || {
        let Output::Json { predictions, .. } = ask(-6.0).await.unwrap().output else { panic!("JSON") };
        serde_json::from_str::<Vec<f64>>(predictions.get()).unwrap()[0]
    };
    let before = count().await;
    // It takes a second; what is asked behind it waits.
    let mut slow = ask(-4.0);
    begin(&mut slow).await;
    let mut left = ask(1.0);
    begin(&mut left).await;
    drop(left);
    slow.await.unwrap();
    assert!((count().await - before - 2.0).abs() < f64::EPSILON, "the slow one, and the count itself");
}

#[tokio::test]
async fn what_models_take_is_measured_or_expected() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime(&folder).await;
    for (name, measured, least) in [("moody", true, 1 << 20), ("prices", false, 100)] {
        let (files, manifest) = fixture(name);
        let memory = Model::load(&files, &manifest, &runtime).await.unwrap().memory();
        assert_eq!(memory.measured, measured);
        assert!(memory.bytes >= least, "{name} takes {} bytes", memory.bytes);
    }
}
