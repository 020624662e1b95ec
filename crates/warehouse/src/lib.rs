//! Tables: read as Arrow batches, written exactly once.
//!
//! A table is named `project.dataset.table`. Most lie in the folder `{project}/{dataset}/{table}` of a folder or bucket: Parquet
//! files, and beside them a log that says which of them are the table, as the
//! [Delta protocol](https://github.com/delta-io/delta/blob/master/PROTOCOL.md) has it. `DuckDB`, Polars and the notebooks'
//! package read and write the same tables at the same time.
//!
//! Others lie in Google `BigQuery`: see [`bigquery`]. Whoever uses tables sees no difference.
//!
//! In a folder or bucket, a change is one new file in the log, written only where there is none: it is there whole or not at all, and of two at once one
//! comes after the other. A change can name the job it belongs to; a second one of the same job changes nothing.
//!
//! | module | knows |
//! |---|---|
//! | `bigquery` | tables in Google `BigQuery` |
//! | `name` | what tables may be called |
//! | `store` | where they lie, and which there are |
//! | `log` | the log's actions, as they are written |
//! | `checkpoint`, `checkpointing` | what stands for the beginning of a long log: read, and written |
//! | `snapshot` | a table as it was after a change |
//! | `types` | the types that columns have, in the log and in Arrow |
//! | `file`, `read`, `write` | rows from and into Parquet files |
//! | `part` | pieces of a table, which are read apart |
//! | `commit` | changes |
//! | `history` | what changed when |
//! | `writer` | rows on their way into a table |
//! | `exchange` | CSV and Parquet files that tables come from and go to |

mod bigquery;
mod checkpoint;
mod checkpointing;
mod commit;
mod error;
mod exchange;
mod file;
mod history;
mod log;
mod name;
mod part;
mod read;
mod snapshot;
mod store;
mod types;
mod write;
mod writer;

pub use arrow_schema::{Field, Schema};
pub use commit::{Change, Committed, Disposition};
pub use error::Error;
pub use exchange::{Export, FileError, Format, Import};
pub use history::Version;
pub use name::TableName;
pub use part::Part;
pub use snapshot::{DataFile, Snapshot};
pub use store::Warehouse;
pub use types::{from_schema_string as schema_of, name_of as type_name, to_schema_string as schema_text};
pub use write::FileWriter;
pub use writer::TableWriter;
