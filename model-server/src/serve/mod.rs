//! Which version answers, how many requests it may have in hand, when its model sleeps, what is counted of them, and which
//! other versions compute them as well.

mod admission;
mod agreement;
mod memory;
mod meter;
mod registry;
mod shadow;
mod sleep;
mod split;
mod version;

pub(crate) use memory::{Memory, NoMemory};
pub(crate) use meter::Protocol;
pub(crate) use registry::{Chosen, Deployment, Place, Registry, Unserved, place_of};
pub(crate) use shadow::Answered;
pub(crate) use sleep::expected_size;
pub(crate) use split::Key;
pub(crate) use version::{Parts, Version};
