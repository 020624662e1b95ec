//! The Kubernetes runner against a double of Kubernetes that really runs its pods' programs; tasks in a worker's hands.

mod api;
mod cancel;
mod ends;
mod outages;
mod proxy;
mod stage;
mod sweep;
mod tasks;
