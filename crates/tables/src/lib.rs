//! Batch predictions: a table's rows through a model into a table.
//!
//! The input is read as it was when the job was made ([`plan`]), in shards of whole row groups. Whoever scores a shard
//! ([`score`]) writes one file that no table has yet. When all shards are done, their files become part of the output in one
//! change, which bears the job's name ([`commit`]): the output has every row once, or none, whoever dies on the way and however
//! often a shard is begun again.
//!
//! | module | knows |
//! |---|---|
//! | `request` | what somebody asks for, and how it becomes a batch prediction |
//! | `spec` | what is to be done |
//! | `plan` | whether that can be done, and in which shards |
//! | `answer` | a model's answers as columns |
//! | `shard` | one shard: read, scored, written |
//! | `rows` | which of some rows can be scored, and what comes of them |
//! | `commit` | the end |
//!
//! Deliberately not here: who works on which shard, and where models come from.

mod answer;
mod commit;
mod error;
mod plan;
mod request;
mod rows;
mod shard;
mod spec;

pub use commit::{commit, discard, remove};
pub use error::Error;
pub use plan::{Plan, plan};
pub use request::{BatchRequest, Sources, WriteDisposition};
pub use shard::{Shard, ShardFiles, Told, score};
pub use spec::{OnReject, OutputNames, Piece, Request, Spec};
