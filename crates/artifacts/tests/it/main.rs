//! Versions in a real folder, on a real S3 server, and on a double of Google Cloud Storage.
#![expect(clippy::unwrap_used, reason = "tests")]

mod cases;
mod faults;
mod folder;
mod memory;
mod place;

/// Runs every case on every kind of store.
macro_rules! everywhere {
    ($($case:ident,)*) => {
        mod on_a_folder { $(#[tokio::test] async fn $case() { crate::cases::$case(crate::place::Place::folder("")).await; })* }
        mod on_s3 { $(#[tokio::test] async fn $case() { crate::cases::$case(crate::place::Place::s3("").await).await; })* }
        mod on_gcs { $(#[tokio::test] async fn $case() { crate::cases::$case(crate::place::Place::gcs("")).await; })* }
    };
}

everywhere! {
    a_version_is_put_where_the_layout_says_and_fetched_whole,
    what_is_said_of_a_version_goes_where_it_goes_and_stays_what_it_was,
    putting_the_same_again_is_fine_and_other_content_is_a_conflict,
    of_many_puts_at_once_one_content_wins_and_is_whole,
    a_package_that_is_not_what_its_manifest_says_leaves_nothing,
    what_changed_was_cut_short_or_is_gone_is_not_fetched,
    a_put_that_was_cut_off_is_brought_to_its_end_by_the_same_content_only,
    files_may_be_empty_and_have_any_plain_name,
    a_pipelines_packages_are_removed_however_many_there_are,
    a_version_is_copied_byte_for_byte_and_not_at_all_when_a_byte_is_another,
    a_large_file_is_copied_and_taken_over_from_another_store,
    only_a_version_within_the_store_is_read,
}
