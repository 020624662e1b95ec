//! What holds for every kind of store.

use std::{collections::BTreeSet, sync::Arc};

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, LargeStringArray, RecordBatch, StringArray, TimestampMicrosecondArray,
    TimestampNanosecondArray, UInt64Array, types::Int8Type,
};
use futures_util::{TryStreamExt, future::join_all};
use warehouse::{Change, Committed, Disposition, Error, TableName};

use crate::place::{Place, batch, of_numbers, one_by_one, rows, table};

/// One column of every type that is kept as it is, each with a gap.
pub(crate) fn every_type() -> RecordBatch {
    let decimals = Decimal128Array::from(vec![Some(12_345), None, Some(-1)]).with_precision_and_scale(9, 2).unwrap();
    let zoned = TimestampMicrosecondArray::from(vec![Some(1_700_000_000_000_001), None, Some(-1)]).with_timezone("UTC");
    batch([
        ("text", Arc::new(StringArray::from(vec![Some(""), None, Some("a\u{0}ü\u{1f600}\"\n")])) as ArrayRef),
        ("long", Arc::new(Int64Array::from(vec![Some(i64::MAX), None, Some(i64::MIN)]))),
        ("integer", Arc::new(Int32Array::from(vec![Some(1), None, Some(-1)]))),
        ("short", Arc::new(Int16Array::from(vec![Some(1), None, Some(-1)]))),
        ("byte", Arc::new(Int8Array::from(vec![Some(1), None, Some(-1)]))),
        ("double", Arc::new(Float64Array::from(vec![Some(0.1), None, Some(f64::NEG_INFINITY)]))),
        ("float", Arc::new(Float32Array::from(vec![Some(0.1), None, Some(-0.0)]))),
        ("truth", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("bytes", Arc::new(BinaryArray::from(vec![Some(&b"\xff\0"[..]), None, Some(b"")]))),
        ("day", Arc::new(Date32Array::from(vec![Some(-719_162), None, Some(20_000)]))),
        ("moment", Arc::new(zoned)),
        ("wall clock", Arc::new(TimestampMicrosecondArray::from(vec![Some(1), None, Some(253_402_300_799_999_999)]))),
        ("amount", Arc::new(decimals)),
    ])
}

pub(crate) async fn rows_of_every_type_come_back_as_they_were(place: Place) {
    let (name, rows) = (table("all_types"), every_type());
    let rows = place.named(&rows);
    place.is_version(place.append(&name, &rows).await.unwrap(), 0);
    place.is_version(place.append(&name, &rows).await.unwrap(), 1);
    let (snapshot, read) = place.read(&name, None).await;
    assert_eq!(snapshot.rows(), Some(6));
    if place.has_log() {
        assert_eq!((snapshot.version(), snapshot.files().len(), snapshot.schema()), (1, 2, rows.schema_ref()));
    }
    let twice = [rows.clone(), rows.clone()];
    assert_eq!(one_by_one(&read, snapshot.schema()), one_by_one(&twice, snapshot.schema()));
    // Some columns, in another order.
    let wanted = ["amount", "text"].map(str::to_owned);
    let some: Vec<_> = snapshot.batches(Some(&wanted), 0..1).unwrap().try_collect().await.unwrap();
    let expected = [rows.project(&[12, 0]).unwrap()];
    let schema = snapshot.select(Some(&wanted)).unwrap();
    assert_eq!(one_by_one(&some, &schema)[..3], one_by_one(&expected, &schema));
    let none = snapshot.batches(Some(&["Amount".to_owned()]), 0..1).map(drop);
    assert!(matches!(none, Err(Error::Unfit { column, .. }) if column == "Amount"));
    // What is kept as another type.
    let texts = DictionaryArray::<Int8Type>::from_iter([Some("a"), None, Some("b")]);
    let moments = TimestampNanosecondArray::from(vec![Some(1_000), None, Some(2_000)]).with_timezone("+02:00");
    let odd = batch([
        ("text", Arc::new(texts) as ArrayRef),
        ("moment", Arc::new(moments)),
        ("large", Arc::new(LargeStringArray::from(vec![Some("x"), None, Some("y")]))),
        ("count", Arc::new(UInt64Array::from(vec![Some(7), None, Some(9)]))),
    ]);
    place.append(&table("odd"), &odd).await.unwrap();
    let (_, read) = place.read(&table("odd"), None).await;
    let zoned = TimestampMicrosecondArray::from(vec![Some(1), None, Some(2)]).with_timezone("UTC");
    let kept = batch([
        ("text", Arc::new(StringArray::from(vec![Some("a"), None, Some("b")])) as ArrayRef),
        ("moment", Arc::new(zoned)),
        ("large", Arc::new(StringArray::from(vec![Some("x"), None, Some("y")]))),
        ("count", Arc::new(Int64Array::from(vec![Some(7), None, Some(9)]))),
    ]);
    assert_eq!(read, [kept]);
}

pub(crate) async fn rows_are_appended_replaced_and_put_where_there_are_none_and_older_versions_stay(place: Place) {
    let name = table("changing");
    let put = async |rows: &RecordBatch, disposition| place.put(&name, std::slice::from_ref(rows), disposition, None).await;
    assert!(matches!(place.warehouse.snapshot(&name, None).await, Err(Error::NoTable { table }) if table == name));
    let first = place.is_version(put(&rows(0..3), Disposition::Empty).await.unwrap(), 0);
    assert!(matches!(put(&rows(0..3), Disposition::Empty).await, Err(Error::NotEmpty { .. })));
    let second = place.is_version(put(&rows(3..5), Disposition::Append).await.unwrap(), 1);
    // Replaced, with other columns.
    let other =
        batch([("n", Arc::new(Int64Array::from(vec![9])) as ArrayRef), ("x", Arc::new(Float64Array::from(vec![0.5])))]);
    let third = place.is_version(put(&other, Disposition::Truncate).await.unwrap(), 2);
    assert_eq!(place.read(&name, None).await.1, [other]);
    for (version, numbers) in [(Some(first), 0..3), (Some(second), 0..5), (Some(third), 9..10), (None, 9..10)] {
        assert_eq!(place.numbers(&name, version).await, numbers.collect::<Vec<_>>());
    }
    let later = place.warehouse.snapshot(&name, Some(7)).await.map(drop);
    let is_none = |oldest, latest| !place.has_log() || (oldest, latest) == (0, 2);
    assert!(
        matches!(later, Err(Error::NoVersion { version: 7, oldest, latest, .. }) if is_none(oldest, latest)),
        "{later:?}"
    );
    // A column may be missing.
    let part = batch([("n", Arc::new(Int64Array::from(vec![10])) as ArrayRef)]);
    put(&part, Disposition::Append).await.unwrap();
    assert_eq!(place.numbers(&name, None).await, [9, 10]);
    // A narrower number becomes the table's.
    let narrow = batch([("n", Arc::new(Int8Array::from(vec![11])) as ArrayRef)]);
    put(&narrow, Disposition::Append).await.unwrap();
    assert_eq!(place.numbers(&name, None).await, [9, 10, 11]);
}

pub(crate) async fn of_many_appends_at_once_none_is_lost_and_of_one_job_there_is_one(place: Place) {
    let name = table("busy");
    let one = async |at: i64| place.append(&name, &rows(at * 10..at * 10 + 10)).await.unwrap();
    let versions: BTreeSet<_> = join_all((0..12).map(one)).await.into_iter().map(|done| format!("{done:?}")).collect();
    assert!(!place.has_log() || versions.len() == 12, "each has a version of its own");
    assert_eq!(place.numbers(&name, None).await, (0..120).collect::<Vec<_>>());
    let again = async |_| place.put(&name, &[rows(120..125)], Disposition::Append, Some("job-7")).await.unwrap();
    let done = join_all((0..6).map(again)).await;
    assert_eq!(done.iter().filter(|done| matches!(done, Committed::Now(_))).count(), 1, "{done:?}");
    place.put(&name, &[rows(125..130)], Disposition::Append, Some("job-8")).await.unwrap();
    assert_eq!(place.put(&name, &[rows(0..1)], Disposition::Truncate, Some("job-7")).await.unwrap(), Committed::Before);
    assert_eq!(place.numbers(&name, None).await, (0..130).collect::<Vec<_>>());
}

pub(crate) async fn what_does_not_fit_is_refused_before_anything_is_written(place: Place) {
    let name = table("strict");
    place.append(&name, &rows(0..3)).await.unwrap();
    let refused = async |rows: RecordBatch| match place.append(&name, &rows).await {
        Err(Error::Unfit { column, reason, .. }) => (column, reason),
        other => panic!("{other:?}"),
    };
    let texts = || Arc::new(StringArray::from(vec!["1"])) as ArrayRef;
    let (column, reason) = refused(batch([("n", texts())])).await;
    assert_eq!((&*column, &*reason), ("n", "its values are of type string, the table's of type long"));
    let (column, reason) = refused(batch([("N", texts())])).await;
    assert_eq!((&*column, &*reason), ("N", "the table has no such column; it has \"n\", \"t\""));
    assert_eq!(refused(batch([("t", texts()), ("T", texts())])).await.0, "T");
    assert_eq!(refused(batch([("n", Arc::new(Float64Array::from(vec![1.0])) as ArrayRef)])).await.0, "n");
    let huge = batch([("n", Arc::new(UInt64Array::from(vec![u64::MAX])) as ArrayRef)]);
    assert!(
        matches!(place.append(&name, &huge).await, Err(Error::Unfit { column, .. }) if column == "n"),
        "a value that the column cannot hold"
    );
    let none = RecordBatch::new_empty(Arc::new(arrow_schema::Schema::empty()));
    assert!(matches!(place.append(&name, &none).await, Err(Error::Unsupported { .. })));
    assert_eq!(place.numbers(&name, None).await, [0, 1, 2]);
    // What was planned for other columns is not put.
    let file = place.file(&name, &[rows(3..4)], Disposition::Append).await.unwrap();
    let schema = rows(0..1).project(&[0]).unwrap().schema();
    place.put(&name, &[batch([("t", texts())])], Disposition::Truncate, None).await.unwrap();
    let change = Change {
        table: &name,
        schema: &schema,
        files: std::slice::from_ref(&file),
        disposition: Disposition::Append,
        job: None,
    };
    assert!(matches!(place.warehouse.commit(change).await, Err(Error::Unfit { column, .. }) if column == "n"));
    place.warehouse.remove_file(&name, &file).await.unwrap();
    place.warehouse.remove_file(&name, &file).await.unwrap();
}

pub(crate) async fn a_table_may_be_wide_long_or_empty(place: Place) {
    let columns =
        (0..500).map(|at| (place.column(&format!("column {at}")), Arc::new(Int64Array::from(vec![at])) as ArrayRef, true));
    let wide = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    place.append(&table("wide"), &wide).await.unwrap();
    assert_eq!(place.read(&table("wide"), None).await.1, [wide]);
    let (long, batches) = (table("long"), (0..40).map(|at| rows(at * 10_000..(at + 1) * 10_000)).collect::<Vec<_>>());
    place.put(&long, &batches, Disposition::Append, None).await.unwrap();
    assert_eq!(place.numbers(&long, None).await, (0..400_000).collect::<Vec<_>>());
    let empty = table("empty");
    place.append(&empty, &rows([])).await.unwrap();
    let (snapshot, read) = place.read(&empty, None).await;
    assert_eq!((snapshot.rows(), snapshot.schema().fields().len(), read.len()), (Some(0), 2, 0));
    place.put(&empty, &[rows(0..2)], Disposition::Empty, None).await.unwrap();
    assert_eq!(place.numbers(&empty, None).await, [0, 1]);
}

pub(crate) async fn tables_are_listed_and_what_is_none_is_passed_over(place: Place) {
    assert_eq!(place.warehouse.tables().await.unwrap(), []);
    let names: [TableName; 4] = match &place.project {
        None => ["b.x.y", "a.x.z", "a.x.y", "län.Käse.表"].map(|name| name.parse().unwrap()),
        // Another one's are not listed, and what a dataset may be called is less.
        Some(own) => {
            testkit::BigQuery::shared().create_dataset(own, "more").await;
            ["more.y", "tests.z", "tests.y", "tests.list"].map(|name| format!("{own}.{name}").parse().unwrap())
        }
    };
    for name in &names {
        place.append(name, &rows(0..1)).await.unwrap();
    }
    // A file of rows that no change names makes no table.
    place.file(&table("unfinished"), &[rows(0..1)], Disposition::Append).await.unwrap();
    let found = place.warehouse.tables().await.unwrap();
    let mut sorted = names.to_vec();
    sorted.sort();
    assert_eq!(found, sorted);
    assert_eq!(place.numbers(&names[3], None).await, [0]);
}

pub(crate) async fn a_table_is_read_in_pieces_and_tells_what_changed_it(place: Place) {
    let name = table("pieces");
    place.append(&name, &rows(0..10)).await.unwrap();
    // Two row groups in one file.
    let many: Vec<_> = (0..20).map(|part| rows(10 + part * 10_000..10 + (part + 1) * 10_000)).collect();
    place.put(&name, &many, Disposition::Append, Some("job-1")).await.unwrap();
    place.append(&name, &rows(0..0)).await.unwrap();
    place.put(&name, &[rows(200_010..200_020)], Disposition::Append, None).await.unwrap();
    let snapshot = place.warehouse.snapshot(&name, None).await.unwrap();
    let parts = snapshot.parts(&["n".to_owned()]).await.unwrap();
    assert_eq!(parts.len(), 4, "{parts:?}");
    assert_eq!(parts.iter().map(|part| part.rows).sum::<u64>(), 200_020);
    let mut numbers = Vec::new();
    for part in parts {
        let said = part.rows;
        let batches: Vec<_> = snapshot.read(vec![part], &["n".to_owned()]).unwrap().try_collect().await.unwrap();
        assert!(batches.iter().all(|batch| batch.num_columns() == 1));
        assert_eq!(batches.iter().map(|batch| batch.num_rows() as u64).sum::<u64>(), said);
        numbers.extend(batches.iter().flat_map(|batch| of_numbers(batch.column(0))));
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..200_020).collect::<Vec<_>>());
    assert_eq!(snapshot.sample(3).await.unwrap().len(), 3);
    let history = snapshot.history(3).await.unwrap();
    if !place.has_log() {
        // It keeps no list of changes.
        assert_eq!((history.len(), history[0].version, history[0].rows), (1, snapshot.version(), Some(200_020)));
        return;
    }
    let told: Vec<_> = history.iter().map(|change| (change.version, change.rows, change.job.as_deref())).collect();
    assert_eq!(told, [(3, Some(10), None), (2, Some(0), None), (1, Some(200_000), Some("job-1"))]);
    assert!(history.iter().all(|change| change.at.is_some() && change.operation.as_deref() == Some("WRITE")));
    assert_eq!(snapshot.history(100).await.unwrap().len(), 4);
}
