//! Why a version is not put into service.

use std::io;

use crate::serve::NoMemory;

/// Why a model was not put into service, or not taken out of it. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// Its files are not there, not allowed, or not the right ones.
    #[error(transparent)]
    Artifact(#[from] artifacts::Error),
    /// The model does not start, or does not pass its self-test.
    #[error(transparent)]
    Model(#[from] scoring::LoadError),
    /// It takes more memory than all models may.
    #[error(transparent)]
    TooLarge(#[from] NoMemory),
    /// What is said of where it comes from does not hold.
    #[error(transparent)]
    Provenance(#[from] provenance::Refused),
    /// Nothing is said of where it comes from, which is required.
    #[error("nothing signed says where this version comes from, and REQUIRE_PROVENANCE is set")]
    NoProvenance,
    /// The request's digest is not one.
    #[error("sha256 must be 64 lower-case hex digits")]
    BadDigest,
    /// It is not served there.
    #[error("the model is not served in that environment")]
    NotServed,
    /// A version that is to share requests is not served there.
    #[error("version {version} is not served in that environment; load it first")]
    NotLoaded {
        /// The version.
        version: u64,
    },
    /// Requests can't be shared out so.
    #[error("{0}")]
    BadShares(&'static str),
    /// A newer deployment was here before.
    #[error("generation {known} of this model was here before")]
    Stale {
        /// The newest generation that is known of the place.
        known: u64,
    },
    /// The server cannot remember what is deployed.
    #[error("{0}")]
    State(#[from] io::Error),
    /// The load ended unexpectedly.
    #[error("the load ended unexpectedly")]
    Lost,
}

impl LoadError {
    /// The stable word.
    pub(crate) fn code(&self) -> &'static str {
        use artifacts::Error as Artifact;
        use scoring::LoadError as Model;
        match self {
            Self::Artifact(Artifact::DigestMismatch { .. }) => "digest_mismatch",
            Self::Artifact(Artifact::Missing { .. }) => "artifact_missing",
            Self::Artifact(Artifact::Refused { .. }) => "uri_refused",
            Self::Artifact(Artifact::BadManifest { .. }) | Self::Model(Model::BadManifest(_)) => "bad_manifest",
            Self::Model(Model::NoEnvironment(_)) => "environment_missing",
            Self::Model(Model::NotStarted(_)) => "model_not_started",
            Self::Model(Model::SelfTest(_)) => "self_test_failed",
            Self::TooLarge(_) => "model_too_large",
            Self::Provenance(_) => "provenance_refused",
            Self::NoProvenance => "provenance_missing",
            Self::BadDigest | Self::BadShares(_) => "bad_request",
            Self::NotServed => "model_not_found",
            Self::NotLoaded { .. } => "version_not_loaded",
            Self::Stale { .. } => "stale_generation",
            Self::Artifact(Artifact::Conflict { .. } | Artifact::Denied { .. } | Artifact::Unavailable { .. })
            | Self::State(_)
            | Self::Lost => "storage_failed",
        }
    }
}
