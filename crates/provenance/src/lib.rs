//! Where a model version comes from: said once, when it is registered, and signed, so that nobody can say otherwise later.
//!
//! What is said is an in-toto Statement (v1) whose predicate is SLSA's provenance (v1); it is signed with ed25519, in a DSSE
//! envelope. Its subjects are all files of the version, by their SHA-256, so that it fits no other files.
//!
//! | module | has |
//! |---|---|
//! | `key` | what signs, and what a signature is checked with |
//! | `envelope` | a text and its signatures |
//! | `statement` | what is said of a version, and whether it is said of this one |

mod envelope;
mod key;
mod statement;

pub use envelope::Envelope;
pub use key::{BadKey, PublicKey, SigningKey};
pub use statement::{Facts, Refused, check, sign};
