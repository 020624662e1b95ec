//! The code host: verify a webhook, say which files a push changed, fetch the tree of a commit; look at a repository, and
//! set its webhook up.
//!
//! Two hosts stand behind one [`Host`]: GitHub over its REST API, and the git remote that mlsys serves itself,
//! whose pushes are announced by webhooks of GitHub's own shape. Which notebooks a push runs is not decided here.

mod error;
mod git;
mod github;
mod host;
mod local;
mod naming;
mod overview;
mod payload;
mod signature;
mod tree;
mod webhook;

pub use contract::FileChanges;
pub use error::ForgeError;
pub use github::GitHub;
pub use host::{Host, Hosts};
pub use local::{LocalGit, Outgoing};
pub use naming::named_repo;
pub use overview::{Branch, Overview};
pub use signature::{Signature, SignatureError, sign, verify};
pub use webhook::{Delivery, GitRef, PayloadError, Push, parse};
