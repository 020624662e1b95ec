//! One operator a file.

pub(crate) mod bisect;
pub(crate) mod categorical;
pub(crate) mod chain;
pub(crate) mod check;
pub(crate) mod forest;
pub(crate) mod gaussians;
pub(crate) mod impute;
pub(crate) mod isolation;
pub(crate) mod join;
pub(crate) mod likeness;
pub(crate) mod linear;
pub(crate) mod matrix;
pub(crate) mod median;
pub(crate) mod nearest;
pub(crate) mod neighbours;
pub(crate) mod network;
pub(crate) mod one_hot;
pub(crate) mod poll;
pub(crate) mod prior;
pub(crate) mod scale;
pub(crate) mod scores;
pub(crate) mod trees;
pub(crate) mod xgboost_linear;
pub(crate) mod split;
pub(crate) mod votes;
