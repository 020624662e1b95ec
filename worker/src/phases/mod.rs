//! The phases, one file each.

pub mod data;
pub mod deploy;
pub mod download;
pub mod execute;
pub mod register;
pub mod secrets;
pub mod tracking;
pub mod validate;
