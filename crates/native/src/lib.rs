//! Fitted estimators as graphs of plain data, computed in the arithmetic of the library that fitted them.
//!
//! The packager writes a graph: a tree of operators with their parameters, in one versioned format (`docs/native-format.md`).
//! [`Graph::read`] checks all of it, so that nothing in a file can loop, overflow or read out of bounds later;
//! [`Graph::answer`] computes predictions for rows, [`Graph::explain`] what they are made of; [`verify`] compares them with the
//! estimator's own.
//!
//! | module | its one job |
//! |---|---|
//! | `file` | the format: a JSON header and arrays of numbers behind it |
//! | `value` | what flows between operators: columns, matrices, sparse matrices |
//! | `answer` | what an estimator says of rows |
//! | `explain` | what each input column adds to that |
//! | `operator` | the list of operators |
//! | `kernel` | how alike a row and points are |
//! | `lanes` | a row and several points at once |
//! | `math` | what several operators compute |
//! | `ops` | one operator a file |
//! | `search` | which points are near a row |
//! | `sort` | distances in their order |
//! | `proof` | rows with the estimator's own answers |
//!
//! Architecture invariant: no I/O, no threads, no code from a file.

#![expect(clippy::float_cmp, reason = "numbers are to be equal to the last bit")]

mod answer;
mod explain;
mod file;
mod kernel;
mod lanes;
mod math;
mod operator;
mod ops;
mod proof;
mod search;
mod sort;
mod value;

pub use answer::{Answer, Prediction, Wanted};
pub use explain::{Explained, Explanation};
pub use file::BadGraph;
pub use operator::{Decides, Graph, Input, Refused};
pub use proof::{MARGIN, TOLERANCE, Verified, rows, verify};
pub use value::{Column, Matrix, Sparse, Table, Value};
