//! Which version answers, how many requests it may have in hand, what is counted of them, and which other versions compute
//! them as well.

mod agreement;
mod meter;
mod registry;
mod shadow;
mod split;
mod version;

pub(crate) use meter::Protocol;
pub(crate) use registry::{Chosen, Deployment, Place, Registry, Unserved, place_of};
pub(crate) use shadow::Answered;
pub(crate) use split::Key;
pub(crate) use version::Version;
