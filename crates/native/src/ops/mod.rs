//! One operator a file.

pub(crate) mod average;
pub(crate) mod calibrate;
pub(crate) mod chain;
pub(crate) mod check;
pub(crate) mod constant;
pub(crate) mod forest;
pub(crate) mod gather;
pub(crate) mod impute;
pub(crate) mod join;
pub(crate) mod linear;
pub(crate) mod matrix;
pub(crate) mod member;
pub(crate) mod nearest_code;
pub(crate) mod normal;
pub(crate) mod one_hot;
pub(crate) mod one_vs_one;
pub(crate) mod one_vs_rest;
pub(crate) mod pool;
pub(crate) mod propagate;
pub(crate) mod scale;
pub(crate) mod succession;
pub(crate) mod threshold;
pub(crate) mod untarget;
pub(crate) mod vote;
