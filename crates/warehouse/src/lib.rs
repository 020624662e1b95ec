//! Tables: read as Arrow batches, written exactly once.
//!
//! A table is named `project.dataset.table` and lies in the folder `{project}/{dataset}/{table}` of a folder or bucket: Parquet
//! files, and beside them a log that says which of them are the table, as the
//! [Delta protocol](https://github.com/delta-io/delta/blob/master/PROTOCOL.md) has it. `DuckDB`, Polars and the notebooks'
//! package read and write the same tables at the same time.
//!
//! A change is one new file in the log, written only where there is none: it is there whole or not at all, and of two at once one
//! comes after the other. A change can name the job it belongs to; a second one of the same job changes nothing.
//!
//! | module | knows |
//! |---|---|
//! | `name` | what tables may be called |
//! | `store` | where they lie, and which there are |
//! | `log` | the log's actions, as they are written |
//! | `checkpoint` | what stands for the beginning of a long log |
//! | `snapshot` | a table as it was after a change |
//! | `types` | the types that columns have, in the log and in Arrow |
//! | `file`, `read`, `write` | rows from and into Parquet files |
//! | `commit` | changes |
//! | `writer` | rows on their way into a table |
//! | `exchange` | CSV and Parquet files that tables come from and go to |

mod checkpoint;
mod commit;
mod error;
mod exchange;
mod file;
mod log;
mod name;
mod read;
mod snapshot;
mod store;
mod types;
mod write;
mod writer;

pub use commit::{Change, Committed, Disposition};
pub use error::Error;
pub use exchange::{Export, FileError, Format, Import};
pub use name::TableName;
pub use snapshot::{DataFile, Snapshot};
pub use store::Warehouse;
pub use types::name_of as type_name;
pub use write::FileWriter;
pub use writer::TableWriter;
