//! One operator a file.

pub(crate) mod bisect;
pub(crate) mod categorical;
pub(crate) mod chain;
pub(crate) mod check;
pub(crate) mod forest;
pub(crate) mod gaussians;
pub(crate) mod impute;
pub(crate) mod join;
pub(crate) mod likeness;
pub(crate) mod linear;
pub(crate) mod matrix;
pub(crate) mod nearest;
pub(crate) mod neighbours;
pub(crate) mod network;
pub(crate) mod one_hot;
pub(crate) mod scale;
pub(crate) mod split;
pub(crate) mod votes;
