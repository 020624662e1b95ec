//! What a repository's `mlsys.toml` declares, and what schedules are in general.
//!
//! Such a file has gates, which its notebooks' models must pass beside those that the notebooks set, and schedules. It belongs to the
//! notebooks of its folder, and of those below that have none of their own ([`files`]). Schedules are as the files say at the head of one branch of
//! the repository ([`branches`]): not what a push brings counts but what is there then, so that no older push can undo a newer one.
//!
//! | module | knows |
//! |---|---|
//! | `work` | what a schedule has done, whoever makes it, and what must hold of it |
//! | `file` | a file's text: what it declares, or what is wrong with it and where |
//! | `schedules` | the half of that which is about schedules |
//! | `files` | where such files are |
//! | `allowed` | what a repository's files may have done |
//! | `difference` | what is to be done so that the schedules are as the files say |

mod allowed;
mod difference;
mod file;
mod files;
mod schedules;
mod work;

pub use allowed::{Data, branches, refusal};
pub use difference::{Difference, Done, DoneWhat, Report, Repository, difference};
pub use file::{File, Problem};
pub use files::{Read, all, at, belonging};
pub use schedules::Declared;
pub use work::{Invalid, NAME_MAX, Work, check_name, check_policies};
