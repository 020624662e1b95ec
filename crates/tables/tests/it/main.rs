//! Batch predictions over a real warehouse, with real models: what comes out is what the estimator says of each row.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bigquery;
mod place;

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use tables::{Error, OnReject, OutputNames};
use warehouse::Disposition;

use self::place::{Place, asking, column, column_names};

const COMPARE: &str = include_str!("compare.py");

fn small(number: i64) -> f64 {
    f64::from(i32::try_from(number).unwrap())
}

/// Passengers with gaps; the row's number tells each from the others.
fn passengers(first: i64, rows: i64) -> RecordBatch {
    let numbers = first..first + rows;
    let text = |words: &[&str], step: i64| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(
            numbers.clone().map(|at| words[usize::try_from(at / step).unwrap() % words.len()]),
        ))
    };
    let embarked = ["S", "C", "Q", "nowhere"];
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("Id", Arc::new(Int64Array::from_iter_values(numbers.clone()))),
        ("Name", text(&["Zoë", "O'Neil, \"Al\""], 1)),
        ("Age", Arc::new(numbers.clone().map(|at| (at % 5 != 0).then_some(small(at % 80) + 0.5)).collect::<Float64Array>())),
        ("Fare", Arc::new(Float64Array::from_iter_values(numbers.clone().map(|at| small(at % 97) * 1.25)))),
        ("Pclass", Arc::new(Int64Array::from_iter_values(numbers.clone().map(|at| at % 3 + 1)))),
        ("Sex", text(&["male", "female"], 2)),
        (
            "Embarked",
            Arc::new(
                numbers
                    .clone()
                    .map(|at| (at % 11 != 0).then(|| embarked[usize::try_from(at).unwrap() % 4]))
                    .collect::<StringArray>(),
            ),
        ),
        ("Alone", Arc::new(numbers.clone().map(|at| Some(at % 4 == 0)).collect::<BooleanArray>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_scored_as_the_estimator_would_and_is_in_the_output_once() {
    let place = Place::new().await;
    // Files of their own, one of them longer than what is scored at once.
    for (first, rows) in [(0, 3), (3, 20_000), (20_003, 500)] {
        place.append("a.b.passengers", &passengers(first, rows)).await;
    }
    let model = place.model("titanic-1").await;
    let request = asking("titanic-1", "a.b.passengers", "a.b.scored");
    let plan = tables::plan(&place.warehouse, &model.manifest, request.clone()).await.unwrap();
    assert_eq!((plan.rows, plan.spec.input_version, plan.pieces.len()), (20_503, 2, 1));
    // What comes later is not the job's.
    place.append("a.b.passengers", &passengers(50_000, 10)).await;
    // An attempt that nobody heard of.
    place.score(&plan, &model, "job").await.unwrap();
    assert_eq!(place.files("a.b.scored"), 3);
    let version = place.run(&plan, &model, "job").await.unwrap();
    assert_eq!(place.files("a.b.scored"), 3, "what it wrote is gone");
    let rows = place.rows("a.b.scored").await;
    assert_eq!(column(&rows, "Id"), (0..20_503).map(|id| id.to_string()).collect::<Vec<_>>(), "in the input's order");
    let added = ["Prediction", "PredictionTimestamp", "ModelName", "ModelVersion", "PredictionProbability"];
    let names = ["Id", "Name", "Age", "Fare", "Pclass", "Sex", "Embarked", "Alone"];
    assert_eq!(column_names(&rows), names.into_iter().chain(added).collect::<Vec<_>>());
    let said = testkit::run_python(COMPARE, &[&place.folder_of("a.b.scored"), &model.folder, "1e-6"]);
    assert_eq!(said.trim(), "20503 rows are equal");
    assert_eq!(place.run(&plan, &model, "job").await.unwrap(), version, "once, however often");
    assert_eq!(place.rows("a.b.scored").await.iter().map(RecordBatch::num_rows).sum::<usize>(), 20_503);

    place.run(&tables::plan(&place.warehouse, &model.manifest, request).await.unwrap(), &model, "another").await.unwrap();
    assert_eq!(place.rows("a.b.scored").await.iter().map(RecordBatch::num_rows).sum::<usize>(), 2 * 20_503 + 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_cannot_be_scored_go_to_a_table_of_their_own_or_stop_the_job() {
    let place = Place::new().await;
    let good = passengers(0, 1_000);
    let gap = |at: &[i64]| {
        let mut columns = good.columns().to_vec();
        columns[4] = Arc::new((0..1_000).map(|row| (!at.contains(&row)).then_some(row % 3 + 1)).collect::<Int64Array>());
        RecordBatch::try_new(good.schema(), columns).unwrap()
    };
    place.append("a.b.some", &gap(&[0, 1, 500, 999])).await;
    let model = place.model("titanic-1").await;
    let request = asking("titanic-1", "a.b.some", "a.b.scored");
    let plan = tables::plan(&place.warehouse, &model.manifest, request.clone()).await.unwrap();
    place.run(&plan, &model, "job").await.unwrap();
    let rejects = place.rows("a.b.scored_rejects").await;
    assert_eq!(column(&rejects, "Id"), ["0", "1", "500", "999"]);
    assert!(column(&rejects, "RejectReason").iter().all(|reason| reason.contains("Pclass")), "{rejects:?}");
    assert_eq!(column(&rejects, "ModelVersion"), ["7"; 4]);
    let kept: Vec<_> = (0..1_000).filter(|id| ![0, 1, 500, 999].contains(id)).map(|id| id.to_string()).collect();
    assert_eq!(column(&place.rows("a.b.scored").await, "Id"), kept);

    let stopping = tables::Request { on_reject: OnReject::Stop, output: "a.b.strict".parse().unwrap(), ..request };
    let plan = tables::plan(&place.warehouse, &model.manifest, stopping.clone()).await.unwrap();
    let error = place.run(&plan, &model, "job").await.unwrap_err();
    assert!(matches!(error, Error::Rejected { row: 0, .. }), "{error}");
    assert!(place.warehouse.snapshot(&"a.b.strict".parse().unwrap(), None).await.is_err(), "nothing of it is there");
    assert_eq!(place.files("a.b.strict"), 0);

    // The row is named by its place in the input.
    place.append("a.b.late", &good).await;
    place.append("a.b.late", &gap(&[7])).await;
    let late = tables::Request { input: "a.b.late".parse().unwrap(), ..stopping };
    let plan = tables::plan(&place.warehouse, &model.manifest, late).await.unwrap();
    let said = place.run(&plan, &model, "late").await.unwrap_err().to_string();
    assert!(said.starts_with("row 1007 of the input (from 0)") && said.contains("Pclass"), "{said}");

    place.append("a.b.bad", &gap(&(0..1_000).collect::<Vec<_>>())).await;
    let request = asking("titanic-1", "a.b.bad", "a.b.none");
    let plan = tables::plan(&place.warehouse, &model.manifest, request).await.unwrap();
    place.run(&plan, &model, "job").await.unwrap();
    assert_eq!(place.rows("a.b.none_rejects").await.iter().map(RecordBatch::num_rows).sum::<usize>(), 1_000);
    assert!(place.rows("a.b.none").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn models_of_arrays_in_python_of_texts_and_of_numbers_score_tables_too() {
    let place = Place::new().await;
    let id: ArrayRef = Arc::new(StringArray::from(vec!["x", "y", "z"]));
    let numbers = |values: [f64; 3]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
    let rows =
        [("id", id), ("one", numbers([1.0, 2.0, 3.0])), ("two", numbers([0.5; 3])), ("three", numbers([7.0, 8.0, 9.0]))];
    place.append("a.b.numbers", &RecordBatch::try_from_iter(rows).unwrap()).await;
    let model = place.model("prices").await;
    let mut request = asking("prices", "a.b.numbers", "a.b.prices");
    let error = tables::plan(&place.warehouse, &model.manifest, request.clone()).await.unwrap_err().to_string();
    assert!(error.contains("takes an array of 3 columns") && error.contains("id_columns"), "{error}");
    request.id_columns = Some(vec!["id".to_owned()]);
    request.names = OutputNames { prediction: "price".to_owned(), ..OutputNames::default() };
    let plan = tables::plan(&place.warehouse, &model.manifest, request).await.unwrap();
    place.run(&plan, &model, "job").await.unwrap();
    let scored = place.rows("a.b.prices").await;
    assert_eq!(column_names(&scored), ["id", "price", "PredictionTimestamp", "ModelName", "ModelVersion"]);
    for (said, values) in column(&scored, "price").iter().zip([[1.0, 0.5, 7.0], [2.0, 0.5, 8.0], [3.0, 0.5, 9.0]]) {
        let expected = values[0] * 1.5 - values[1] * 2.0 + values[2] * 0.5 + 10.0;
        assert!((said.parse::<f64>().unwrap() - expected).abs() < 1e-6, "{said} is not {expected}");
    }

    let whole: ArrayRef = Arc::new(Int64Array::from(vec![9, 0, 8]));
    let gaps: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(-1.0)]));
    place
        .append("a.b.pairs", &RecordBatch::try_from_iter_with_nullable([("a", gaps, true), ("b", whole, true)]).unwrap())
        .await;
    let model = place.model("boosted").await;
    let request = asking("boosted", "a.b.pairs", "a.b.levels");
    let plan = tables::plan(&place.warehouse, &model.manifest, request).await.unwrap();
    place.run(&plan, &model, "job").await.unwrap();
    let scored = place.rows("a.b.levels").await;
    assert_eq!(column(&scored, "Prediction"), ["high", "low", "high"]);
    assert!(column(&scored, "PredictionProbability").iter().all(|said| said.parse::<f64>().unwrap() > 0.5));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_before_anything_is_written() {
    let place = Place::new().await;
    let good = passengers(0, 10);
    place.append("a.b.good", &good).await;
    place.append("a.b.empty", &good.slice(0, 0)).await;
    place.append("a.b.few", &good.project(&[0, 2, 3]).unwrap()).await;
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["first"; 10]));
    let mut columns = good.columns().to_vec();
    columns[4] = texts;
    let fields = good
        .schema()
        .fields()
        .iter()
        .zip(&columns)
        .map(|(field, column)| (field.name().clone(), column.clone()))
        .collect::<Vec<_>>();
    place
        .append(
            "a.b.texts",
            &RecordBatch::try_from_iter_with_nullable(fields.iter().map(|(name, column)| (name, column.clone(), true)))
                .unwrap(),
        )
        .await;
    let model = place.model("titanic-1").await;
    let ask = |input: &str, output: &str| asking("titanic-1", input, output);
    let with = |change: &dyn Fn(&mut tables::Request)| {
        let mut asked = ask("a.b.good", "a.b.out");
        change(&mut asked);
        asked
    };
    for (request, says) in [
        (ask("a.b.nothing", "a.b.out"), "no table a.b.nothing"),
        (ask("a.b.empty", "a.b.out"), "a.b.empty has no rows"),
        (ask("a.b.few", "a.b.out"), "lacks \"Pclass\", \"Sex\", \"Alone\""),
        (
            ask("a.b.texts", "a.b.out"),
            "column \"Pclass\": titanic takes whole numbers there, and the column has values of type string",
        ),
        (with(&|request| request.id_columns = Some(vec!["Cabin".to_owned()])), "no such column as \"Cabin\""),
        (with(&|request| request.names.prediction = "age".to_owned()), "two columns \"age\""),
        (with(&|request| request.disposition = Disposition::Empty).clone(), ""),
        (
            with(&|request| {
                request.output = "a.b.good".parse().unwrap();
                request.disposition = Disposition::Truncate;
            }),
            "can't be the input",
        ),
        (
            with(&|request| {
                request.output = "a.b.texts".parse().unwrap();
                request.disposition = Disposition::Empty;
            }),
            "WRITE_EMPTY",
        ),
    ] {
        match tables::plan(&place.warehouse, &model.manifest, request).await {
            Ok(_) => assert_eq!(says, "", "it was planned"),
            Err(error) => assert!(!says.is_empty() && error.to_string().contains(says), "{error}"),
        }
    }
    assert_eq!(place.files("a.b.out"), 0);
}
