//! One operator a file.

pub(crate) mod bins;
pub(crate) mod center;
pub(crate) mod chain;
pub(crate) mod check;
pub(crate) mod chi2_map;
pub(crate) mod forest;
pub(crate) mod impute;
pub(crate) mod indicate;
pub(crate) mod interpolate;
pub(crate) mod iterate;
pub(crate) mod join;
pub(crate) mod linear;
pub(crate) mod map;
pub(crate) mod matrix;
pub(crate) mod neighbour_impute;
pub(crate) mod normalize;
pub(crate) mod one_hot;
pub(crate) mod pairwise;
pub(crate) mod polynomial;
pub(crate) mod power;
pub(crate) mod project;
pub(crate) mod quantile;
pub(crate) mod scale;
pub(crate) mod sketch;
pub(crate) mod spline;
pub(crate) mod take;
