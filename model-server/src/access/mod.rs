//! Who asks, and whether they may. What each role may is decided in `pipeline`; here is found out who asks.
//!
//! A model-server has no database. The backend hands it the SHA-256 of every key that lets somebody in, with what each may,
//! along with what is deployed: about once a second, and only when that has changed. The other way would be to ask the backend
//! about each key that is shown. The list is the simpler one, and better where it matters:
//!
//! - No request that comes here reaches the backend, so nobody can flood it with keys that there are not, and there is nothing
//!   to limit or to remember of them: such a key costs one SHA-256.
//! - All keys go on working while no backend can be reached, also those that nobody has shown before, and after a restart: the
//!   list is kept in `keys.json`. They end when they expire; that one was revoked is learnt when the backend is back.
//! - A key that was revoked ends, and a new one begins, with the next list: within two seconds.
//!
//! | module | has |
//! |---|---|
//! | `keys` | the list, remembered across restarts |
//! | `caller` | who asks, and what they may |

mod caller;
mod keys;

pub(crate) use caller::{Access, Caller};
pub(crate) use keys::Keys;
