//! Which version answers, how many requests it may have in hand, when its model sleeps, and what is counted of them.

mod memory;
mod meter;
mod registry;
mod sleep;
mod version;

pub(crate) use memory::{Memory, NoMemory};
pub(crate) use meter::Protocol;
pub(crate) use registry::{Deployment, Place, Registry, Unserved, place_of};
pub(crate) use sleep::expected_size;
pub(crate) use version::{Parts, Version};
