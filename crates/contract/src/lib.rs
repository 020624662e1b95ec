//! What crosses a process boundary: identifiers, jobs, tasks, statuses, log lines, the model manifest, grants.
//!
//! Every type here is plain data with one JSON form. What a value *means* is decided in `pipeline`; how it is
//! stored or sent is the adapters' business.

mod access;
mod batch;
mod canary;
mod changes;
mod data;
mod gates;
mod id;
mod job;
mod log;
mod manifest;
mod names;
mod parameter;
mod pipeline;
mod problem;
mod readiness;
mod schedule;
mod secret;
mod serving;
mod task;
mod words;

pub use access::{AccessList, Grant, ListedKey, Role, Scope};
pub use batch::{BatchShard, BatchStatus};
pub use canary::{CanaryOutcome, CanaryRules, CanaryVerdict, OnPass};
pub use changes::FileChanges;
pub use data::{DataAccess, DataGrant, DataKind, DataPlace, DataPlaceError, DataRead, PLACES_PER_REPO, TableRead};
pub use gates::{Champion, GateReport, GateResult};
pub use id::{
    ApprovalId, BatchId, CommitSha, FiringId, IdError, KeyId, ModelName, PersonId, PipelineId, RepoName, ScheduleId,
    SessionId, TaskId,
};
pub use job::Job;
pub use log::{LogEnd, LogFrame, LogLine, NewLine, Stream};
pub use manifest::{
    Column, ColumnType, ConvertedModel, ExampleInputs, ExampleRows, Flavour, InputExample, MANIFEST_FILE, MODEL_FILE,
    ModelFile, ModelManifest, NATIVE_FILE, NativeModel, ONNX_FILE, OnnxLayout, PROVENANCE_FILE, Signature, Task, TensorSpec,
    is_sha256,
};
pub use names::Names;
pub use parameter::{Parameter, ParameterType};
pub use pipeline::{Phase, PhaseRecord, PhaseStatus, PipelineRecord, PipelineStatus};
pub use problem::Problem;
pub use readiness::{Readiness, ReadyStatus};
pub use schedule::{FiringCause, FiringStatus, Misfire, Overlap, RegistryScan, Retraining, ScheduleKind};
pub use secret::{RunSecrets, SECRET_MIN, SECRETS_PER_REPO, SECRETS_PER_RUN, SecretName, SecretNameError, check_secret};
pub use serving::{
    Desired, DesiredModel, Environment, LoadRequest, LoadedModel, ServedModel, ServedState, ServerReport, Share,
    TrafficRequest, UnloadRequest,
};
pub use task::{CanaryWatch, Leftovers, TaskPayload, TaskStatus};
