//! Who may do what, and who did. Nothing is kept that lets somebody in: of cookies, keys and tokens only the SHA-256, of
//! passwords what argon2 makes of them.
//!
//! | module | keeps |
//! |---|---|
//! | `people` | who may sign in |
//! | `grants` | what people and keys may |
//! | `issuers` | people whom an issuer vouches for |
//! | `sessions` | browsers that are signed in |
//! | `tokens` | what lets somebody in once |
//! | `keys` | what programs show |
//! | `subjects` | what a request is about: the repository and the model it belongs to |
//! | `audit` | who did what |

mod audit;
mod grants;
mod issuers;
mod keys;
mod people;
mod sessions;
mod subjects;
mod tokens;

use contract::{Grant, KeyId, PersonId, SessionId};
use jiff::Timestamp;

pub(crate) use audit::record;
pub use audit::{AuditEntry, AuditFilter, NewAuditEntry};
pub use issuers::FromIssuer;
pub use keys::{Key, NewKey};
pub use people::{NewPerson, Person, PersonChange};
pub use sessions::{NewSession, Session};
pub use subjects::Subject;
pub use tokens::Purpose;

use crate::db::database::Database;

/// People, sessions, keys and the audit log. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Access {
    pub(crate) database: Database,
}

/// Somebody who showed what lets them in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The person; of a key, who made it.
    pub person: PersonId,
    /// The person's login; of a key, its beginning and its name.
    pub name: String,
    /// The session.
    pub session: Option<SessionId>,
    /// The key.
    pub key: Option<KeyId>,
    /// What they may.
    pub grants: Vec<Grant>,
    /// When what they showed expires.
    pub expires_at: Option<Timestamp>,
    /// Whether it is time to write down that it was used.
    pub unnoted: bool,
}

/// How seldom it is written down that a key or a session was used, in milliseconds.
const NOTED_EVERY: i64 = 60_000;
