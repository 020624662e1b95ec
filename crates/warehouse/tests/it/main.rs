//! Tables in a real folder, on a real S3 server, on a double of Google Cloud Storage, and in an emulator of `BigQuery`; and others who read and write them.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bigquery;
mod cases;
mod faults;
mod peers;
mod place;

/// Runs every case on every kind of store.
macro_rules! everywhere {
    ($($case:ident,)*) => {
        mod on_a_folder { $(#[tokio::test] async fn $case() { crate::cases::$case(crate::place::Place::folder()).await; })* }
        mod on_s3 { $(#[tokio::test] async fn $case() { crate::cases::$case(crate::place::Place::s3().await).await; })* }
        mod on_gcs { $(#[tokio::test] async fn $case() { crate::cases::$case(crate::place::Place::gcs()).await; })* }
        mod on_bigquery { $(#[tokio::test] async fn $case() { crate::cases::$case(crate::place::Place::bigquery().await).await; })* }
    };
}

everywhere! {
    rows_of_every_type_come_back_as_they_were,
    rows_are_appended_replaced_and_put_where_there_are_none_and_older_versions_stay,
    of_many_appends_at_once_none_is_lost_and_of_one_job_there_is_one,
    what_does_not_fit_is_refused_before_anything_is_written,
    a_table_is_read_in_pieces_and_tells_what_changed_it,
    a_table_may_be_wide_long_or_empty,
    tables_are_listed_and_what_is_none_is_passed_over,
}
