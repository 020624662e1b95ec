//! Which version answers, how many requests it may have in hand, and what is counted of them.

mod meter;
mod registry;
mod version;

pub(crate) use meter::Protocol;
pub(crate) use registry::{Deployment, Place, Registry, Unserved, place_of};
pub(crate) use version::Version;
