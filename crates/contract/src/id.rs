//! Identifiers, parsed once at the edge.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Why a string is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {value:?}: {rule}")]
pub struct IdError {
    kind: &'static str,
    value: String,
    rule: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(value: &str) -> Result<Self, IdError> {
                Self::try_from(value.to_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(value: String) -> Result<Self, IdError> {
                let check: fn(&str) -> bool = $check;
                if check(&value) {
                    Ok(Self(value))
                } else {
                    // Foreign text may be long: an error message needs only its beginning.
                    let value = value.chars().take(120).collect();
                    Err(IdError { kind: $kind, value, rule: $rule })
                }
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A repository's full name, `owner/name`. Pushes to mlsys's own git remote have the owner `local`.
    RepoName,
    "repository name",
    "must be owner/name, of letters, digits, '.', '_' and '-'",
    |value| {
        let part = |part: &str| {
            !part.is_empty()
                && part.len() <= 100
                && part != "."
                && part != ".."
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        };
        value.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
    }
);

impl RepoName {
    /// The part before the slash.
    pub fn owner(&self) -> &str {
        self.0.split_once('/').map_or("", |(owner, _)| owner)
    }

    /// The part after the slash.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }

    /// Whether the repository lives on mlsys's own git remote.
    pub fn is_local(&self) -> bool {
        self.owner() == "local"
    }
}

text_id!(
    /// A full git object name: 40 (SHA-1) or 64 (SHA-256) lower-case hex digits.
    CommitSha,
    "commit",
    "must be 40 or 64 lower-case hex digits",
    |value| {
        matches!(value.len(), 40 | 64) && value.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    }
);

impl CommitSha {
    /// Git's null object name.
    pub fn null() -> Self {
        Self("0".repeat(40))
    }

    /// Whether this is git's null object name, which stands for "no commit" in a push.
    pub fn is_null(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'0')
    }

    /// The first seven digits, as people write it.
    pub fn short(&self) -> &str {
        &self.0[..7]
    }
}

text_id!(
    /// A model's name: lower-case letters, digits and inner hyphens, at most 63 characters.
    ModelName,
    "model name",
    "must be lower-case letters, digits and hyphens, start and end with a letter or digit, and have at most 63 characters",
    |value| {
        !value.is_empty()
            && value.len() <= 63
            && !value.starts_with('-')
            && !value.ends_with('-')
            && value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    }
);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = "uuid")]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier, later than every earlier one of this process.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(value: &str) -> Result<Self, IdError> {
                Uuid::parse_str(value).map(Self).map_err(|_| IdError {
                    kind: $kind,
                    value: value.chars().take(120).collect(),
                    rule: "must be a UUID",
                })
            }
        }
    };
}

uuid_id!(
    /// A pipeline: one notebook of one commit, from download to deploy. Ordered by creation time (UUID version 7).
    PipelineId,
    "pipeline id"
);

uuid_id!(
    /// A task: a piece of background work that is no pipeline. Ordered by creation time (UUID version 7).
    TaskId,
    "task id"
);

uuid_id!(
    /// A batch prediction. Ordered by creation time (UUID version 7).
    BatchId,
    "batch prediction's id"
);

uuid_id!(
    /// A schedule. Ordered by creation time (UUID version 7).
    ScheduleId,
    "schedule's id"
);

uuid_id!(
    /// One firing of a schedule. Ordered by creation time (UUID version 7).
    FiringId,
    "firing's id"
);

uuid_id!(
    /// A promotion that waits for a second person. Ordered by creation time (UUID version 7).
    ApprovalId,
    "approval id"
);

uuid_id!(
    /// Somebody who may sign in.
    PersonId,
    "person's id"
);

uuid_id!(
    /// A key of a program.
    KeyId,
    "key's id"
);

uuid_id!(
    /// A browser that is signed in.
    SessionId,
    "session's id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_climb_out_of_a_folder_are_refused() {
        for bad in ["", "a", "a/", "/b", "a/b/c", "../b", "a/..", "a/b c", "a/b\n", "a\\b/c"] {
            assert!(bad.parse::<RepoName>().is_err(), "{bad:?}");
        }
        for good in ["octocat/Hello-World", "local/titanic", "a.b/c_d"] {
            assert_eq!(good.parse::<RepoName>().map(|name| name.to_string()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn model_names_follow_the_contract() {
        for bad in ["", "-a", "a-", "A", "a_b", "a b", "ä", &"a".repeat(64)] {
            assert!(bad.parse::<ModelName>().is_err(), "{bad:?}");
        }
        assert!("titanic-survival-2".parse::<ModelName>().is_ok());
    }

    #[test]
    fn the_null_commit_is_known() {
        let null: CommitSha = "0".repeat(40).parse().expect("forty zeros");
        assert!(null.is_null());
        assert_eq!(CommitSha::null(), null);
        assert!("0123".parse::<CommitSha>().is_err());
    }
}
