//! What a confined process can and can't do, and that nothing outlives it.

mod confined;
mod connections;
mod outlived;
