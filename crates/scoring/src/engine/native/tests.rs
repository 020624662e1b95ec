use contract::Column;

use super::{turn::Caller, *};

/// A transformer that doubles a column.
fn doubling() -> Loaded {
    let header = r#"{"arrays":[["f64",1]],"transforms":true,
        "root":{"op":"scale","width":1,"steps":[{"do":"multiply","by":{"array":0}}]}}"#;
    let length = (header.len() + 16).next_multiple_of(8) - 16;
    let mut file = b"MLSYSNV1".to_vec();
    file.extend((length as u64).to_le_bytes());
    file.extend(format!("{header:length$}").bytes());
    file.extend(2_f64.to_le_bytes());
    let element = Column { name: "inputs".to_owned(), column_type: ColumnType::Double, required: true, nullable: false };
    let axes = vec![None, Some(1)];
    let schema = Arc::new(Schema::Array(crate::ArraySchema { dtype: "float64".to_owned(), axes, element }));
    Loaded { graph: Graph::read(&file).expect("a graph"), schema, nested: false }
}

#[test]
fn blocks_are_computed_in_order_until_the_caller_has_gone() {
    let (model, rows) = (doubling(), 5 * BLOCK + 3);
    let values: Vec<_> = (0_u16..).map(f64::from).take(rows).collect();
    let batch = Batch::Array { shape: vec![rows, 1], cells: Cells::Float(values.clone()) };
    let caller = Caller::default();
    let gone = Arc::clone(&caller.gone);
    let patience = Patience { gone: Some(&gone), deadline: None };
    let Ok((Output::Numbers(doubled), None)) = model.compute(&batch, Extras::default(), 3, &patience) else {
        panic!("numbers")
    };
    assert_eq!(doubled.values, values.iter().map(|value| value * 2.0).collect::<Vec<_>>());
    drop(caller);
    let late = Patience { gone: None, deadline: Some(Instant::now()) };
    for patience in [patience, late] {
        assert!(matches!(model.compute(&batch, Extras::default(), 3, &patience), Err(PredictError::TimedOut)));
    }
}
fn engine(limit: Duration) -> NativeEngine {
    let (model, threads) = (Arc::new(doubling()), Arc::new(Semaphore::new(4)));
    NativeEngine { model, pace: Duration::ZERO, threads, count: 2, in_hand: Arc::default(), limit }
}

/// How many permits are left, and how many requests want one.
fn taken(engine: &NativeEngine) -> (usize, usize) {
    (engine.threads.available_permits(), engine.in_hand.load(Ordering::Relaxed))
}

fn ones(rows: usize) -> Batch {
    Batch::Array { shape: vec![rows, 1], cells: Cells::Float(vec![1.0; rows]) }
}

#[tokio::test]
async fn a_turn_is_given_back_however_it_ends() {
    let engine = engine(Duration::from_mins(10));
    let turn = async || engine.turn().await.expect("a turn");
    let first = turn().await;
    assert_eq!(taken(&engine), (3, 1));
    drop(first);
    assert_eq!(taken(&engine), (4, 0));
    let lost = turn().await.run(|_| -> Result<(), _> { panic!("on purpose") }).await;
    assert!(matches!(lost, Err(PredictError::Failed(_))), "{lost:?}");
    let late = |here: &Computing| here.predict(&ones(3 * BLOCK), Extras::default(), Some(Instant::now()));
    assert!(matches!(turn().await.run(late).await, Err(PredictError::TimedOut)));
    let misfit = |here: &Computing| {
        let other = Batch::Table { rows: 1, columns: Vec::new() };
        here.predict(&other, Extras::default(), None)
    };
    assert!(matches!(turn().await.run(misfit).await, Err(PredictError::Failed(_))));
    assert_eq!(taken(&engine), (4, 0));

    // Whoever asked goes while it is worked on, which is noticed before the next rows.
    let (began, has_begun) = tokio::sync::oneshot::channel();
    let (gone, has_gone) = std::sync::mpsc::channel();
    let (told, said) = tokio::sync::oneshot::channel();
    let work = move |here: &Computing| {
        began.send(()).expect("it is waited for");
        has_gone.recv().expect("they go");
        told.send(here.predict(&ones(1), Extras::default(), None)).map_err(|_| PredictError::TimedOut)
    };
    let asking = tokio::spawn(turn().await.run(work));
    has_begun.await.expect("it begins");
    asking.abort();
    assert!(asking.await.expect_err("it was ended").is_cancelled());
    assert_eq!(taken(&engine), (3, 1), "its thread is still busy");
    gone.send(()).expect("it waits");
    assert!(matches!(said.await, Ok(Err(PredictError::TimedOut))));
    drop(engine.threads.acquire_many(4).await.expect("all of them"));
    assert_eq!(taken(&engine), (4, 0));
}

#[tokio::test]
async fn who_gets_no_turn_in_time_is_told() {
    let engine = engine(Duration::from_millis(10));
    let mut turns = Vec::new();
    for _ in 0..4 {
        turns.push(engine.turn().await.expect("a turn"));
    }
    assert!(matches!(engine.turn().await, Err(PredictError::TimedOut)));
    assert_eq!(taken(&engine), (0, 4));
    turns.clear();
    assert_eq!(taken(&engine), (4, 0));
}
