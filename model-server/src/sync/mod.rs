//! What is to be served: asked for by calls, listed by the backend, remembered across restarts; and put into service.

mod arrange;
mod backend;
mod deployed;
mod loader;
mod reconcile;
mod share;
mod targets;

pub(crate) use backend::Backend;
pub(crate) use deployed::Deployed;
pub(crate) use loader::Loader;
pub(crate) use reconcile::Reconciler;
pub(crate) use targets::Progress;
