//! Who may do what. Pure: whoever asks knows the caller's grants, what is asked about, and the time.
//!
//! | module | has |
//! |---|---|
//! | `action` | what can be asked for, and the role that each takes |
//! | `decide` | whether somebody's grants allow it, and of which things |

mod action;
mod decide;

pub use action::{Action, allows};
pub use decide::{Decision, Object, allowed_everywhere, decide, decide_anywhere, refusal, scope};
