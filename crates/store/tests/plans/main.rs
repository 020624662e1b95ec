//! How both databases go about what the store asks of them, by what they themselves say of the statements that it runs: on
//! tables of hundreds of thousands of rows nothing reads one whole, and nothing sorts one.
#![expect(clippy::unwrap_used, reason = "tests")]

mod fill;
mod postgresql;
mod sqlite;
mod work;
