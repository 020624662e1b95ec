//! Tables in Google `BigQuery`: the same that a folder or bucket has, kept by a service.
//!
//! Rows come by the Storage Read API as Arrow, in streams that are read apart, and go as Parquet files, which are staged in a bucket
//! and become part of a table by one load job: whole or not at all. The job's id says which change it is, so that `BigQuery` itself
//! refuses to make it twice.
//!
//! A version is a moment: that of the table's last change, in milliseconds since 1970. A table is read as it was then for as long as
//! `BigQuery` remembers (seven days, unless the dataset says otherwise).
//!
//! | module | knows |
//! |---|---|
//! | `place` | the address, the credentials, what names stand for |
//! | `rest` | requests, when they are made again, and what a refusal means |
//! | `types` | the types that columns have |
//! | `table` | which tables there are, and a table as it is or was |
//! | `pages` | rows by pages of JSON: a table's first |
//! | `proto`, `session` | rows by the Storage Read API |
//! | `fit` | with which columns rows can become part of a table |
//! | `load` | changes |

mod fit;
mod load;
mod pages;
mod place;
mod proto;
mod rest;
mod session;
mod table;
mod types;

pub(crate) use fit::{columns_of, fitting, holds};
pub(crate) use place::{BigQuery, SCHEME};
pub(crate) use table::Found;
