//! What a push did to a repository's files.

use std::collections::BTreeSet;

/// The files that differ between two commits, by path from the repository's root. A renamed file is one
/// removed and one added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileChanges {
    /// Paths that exist afterwards and did not, or had other content.
    pub added_or_modified: BTreeSet<String>,
    /// Paths that no longer exist.
    pub removed: BTreeSet<String>,
}
