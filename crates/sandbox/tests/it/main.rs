//! What a confined process can and can't do, and that nothing outlives it.

mod alone;
mod confined;
mod connections;
mod held;
mod offer;
mod outlived;
mod world;

/// The best that this machine offers.
fn settle() {}

/// Whether what is confined has namespaces of its own.
fn has_namespaces() -> bool {
    sandbox::Offer::of_this_machine().namespaces
}
