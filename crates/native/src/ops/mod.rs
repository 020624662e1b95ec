//! One operator a file.

pub(crate) mod chain;
pub(crate) mod check;
pub(crate) mod fill;
pub(crate) mod forest;
pub(crate) mod impute;
pub(crate) mod join;
pub(crate) mod linear;
pub(crate) mod lookup;
pub(crate) mod matrix;
pub(crate) mod one_hot;
pub(crate) mod restore;
pub(crate) mod scale;
pub(crate) mod text;
pub(crate) mod tfidf;
