//! `trees`: of each row, the sums of the leaves that it reaches. Decision trees, and all that is made of them: forests and
//! boosted trees of scikit-learn, `XGBoost` and `LightGBM`.
//!
//! A row goes left at a node if its number is not above the threshold. Numbers are compared as 32-bit floats where the library
//! casts rows to them, as doubles elsewhere, and leaves are added in the order of the trees.

mod build;
mod linear;
mod node;
mod shapley;

use std::borrow::Cow;

use self::{
    build::{Built, Nodes},
    linear::Linear,
    node::{Key, LANES, Node, Number as _},
};
use crate::{
    BadGraph, Explanation, Matrix, Refused, Sparse, Value,
    explain::Traced,
    file::Fields,
    operator::{Operate, Operator},
};

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a way in which libraries differ")]
pub(crate) struct Trees {
    columns: usize,
    built: Built,
    /// The columns that nodes look at, ascending.
    used: Vec<u32>,
    /// Of each slot, the place of its column among the used ones, and the column itself.
    used_by_slots: Vec<u32>,
    columns_of_slots: Vec<u32>,
    /// Rows are rounded to 32 bits before anything else.
    single: bool,
    /// Of each column, what becomes of its numbers; empty where nothing does.
    prepare: Vec<Prepare>,
    /// The number that stands for a missing one, besides NaN.
    missing: Option<f64>,
    /// What sparse rows do not hold is missing, instead of 0.
    absent_is_missing: bool,
    /// What the sums start with.
    start: Vec<f64>,
    /// What they start with row by row, instead.
    before: Option<Operator>,
    /// Sums are rounded to 32 bits after each addition.
    single_sums: bool,
    /// What the sums are divided by at the end.
    divide: Option<f64>,
    /// Of each tree, the one sum that it adds to; empty where each tree adds to all.
    groups: Vec<u32>,
    /// `[leaves, 1]` with groups, `[leaves, sums]` without.
    values: Vec<f64>,
    /// Of leaves that hold linear models.
    linear: Option<Linear>,
    /// How many training rows, by weight, reached each leaf: what explanations need.
    covers: Option<Vec<f64>>,
    /// A row becomes which leaves it reaches, 0 and 1, instead of sums.
    one_hot: bool,
}

/// What becomes of a number before it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prepare {
    Nothing,
    /// What is missing, and what `LightGBM` takes for 0, becomes 0.
    MissingIsZero,
    /// What `LightGBM` takes for 0 becomes missing.
    ZeroIsMissing,
    /// What `LightGBM` takes for 0 becomes 0.
    Zero,
}

/// `kZeroThreshold` of `LightGBM`, which is a 32-bit float.
const ZERO: f64 = 1e-35_f32 as f64;

impl Operate for Trees {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let columns = fields.count("columns")?;
        let built = build::read(&fields, columns)?;
        let start = fields.f64s("start")?;
        let groups = if fields.has("groups") { fields.u32s("groups")? } else { Vec::new() };
        if !groups.is_empty() && groups.len() != built.roots.len() || groups.iter().any(|at| *at as usize >= start.len()) {
            return fields.wrong("groups", "the sum of each tree");
        }
        let leaves = built.leaves.iter().map(|leaves| *leaves as usize).sum::<usize>();
        let one_hot = fields.flag("one_hot")?;
        let each = if one_hot {
            0
        } else if groups.is_empty() {
            start.len()
        } else {
            1
        };
        let values = fields.f64s_of("values", leaves.saturating_mul(each))?;
        let prepare = |how: &u8| match how {
            0 => Ok(Prepare::Nothing),
            1 => Ok(Prepare::MissingIsZero),
            2 => Ok(Prepare::ZeroIsMissing),
            3 => Ok(Prepare::Zero),
            _ => fields.wrong("prepare", "of known numbers"),
        };
        let how = if fields.has("prepare") { fields.u8s("prepare")? } else { Vec::new() };
        if !how.is_empty() && how.len() != columns {
            return fields.wrong("prepare", "one number for each column");
        }
        let linear = if fields.has("linear") { Some(Linear::read(fields.inner("linear")?, leaves, columns)?) } else { None };
        if start.is_empty() && !one_hot || linear.is_some() && groups.is_empty() {
            return fields.wrong("start", "a number for each sum");
        }
        let covers = shapley::read_covers(&fields, leaves)?;
        let columns_of_slots = built.slots.iter().map(|(column, _)| *column).collect::<Vec<_>>();
        let mut used = columns_of_slots.clone();
        used.sort_unstable();
        used.dedup();
        let place = |column: &u32| used.binary_search(column).ok().and_then(|place| u32::try_from(place).ok()).unwrap_or(0);
        let used_by_slots = columns_of_slots.iter().map(place).collect();
        Ok(Self {
            columns,
            built,
            used,
            used_by_slots,
            columns_of_slots,
            single: fields.flag("single")?,
            prepare: how.iter().map(prepare).collect::<Result<_, _>>()?,
            missing: if fields.has("missing") { Some(fields.number("missing")?) } else { None },
            absent_is_missing: fields.has("absent_is_missing") && fields.flag("absent_is_missing")?,
            start,
            before: if fields.has("before") { Some(fields.operator("before")?) } else { None },
            single_sums: fields.flag("single_sums")?,
            divide: if fields.has("divide") { Some(fields.number("divide")?) } else { None },
            groups,
            values,
            linear,
            covers,
            one_hot,
        })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        if self.one_hot {
            return self.leaves(&x).map(Value::Sparse);
        }
        self.sums(&x).map(Value::Dense)
    }

    fn explain(&self, x: &Traced<'_>, columns: usize) -> Result<Explanation, Refused> {
        self.attribute(x, columns)
    }
}

/// Rows, with all columns or with those alone that nodes look at.
struct Rows<'a> {
    matrix: Cow<'a, Matrix>,
    /// Of each slot, where its number is.
    places: &'a [u32],
}

impl Trees {
    /// The sums of borrowed rows.
    pub(crate) fn sums(&self, x: &Value<'_>) -> Result<Matrix, Refused> {
        if self.one_hot {
            return Err(Refused::misfit("leaves where their sums must be"));
        }
        let mut sums = match &self.before {
            Some(before) => before.transform(x.clone())?.into_dense(self.start.len())?,
            None => Matrix::zeros(x.rows(), self.start.len()),
        };
        if self.before.is_none() {
            sums.each_row_mut().for_each(|sums| sums.copy_from_slice(&self.start));
        }
        self.add(&self.rows(x)?, &mut sums);
        if let Some(divide) = self.divide {
            sums.values.iter_mut().for_each(|sum| *sum /= divide);
        }
        sums.single = self.single_sums;
        Ok(sums)
    }

    /// Of sparse rows, there may be far more columns than any node looks at.
    fn rows<'a>(&'a self, x: &'a Value<'_>) -> Result<Rows<'a>, Refused> {
        let Value::Sparse(sparse) = x else {
            return Ok(Rows { matrix: x.dense(self.columns)?, places: &self.columns_of_slots });
        };
        if self.linear.is_some() || sparse.width != self.columns {
            return Ok(Rows { matrix: x.dense(self.columns)?, places: &self.columns_of_slots });
        }
        let mut matrix = Matrix::zeros(sparse.rows(), self.used.len());
        if self.absent_is_missing {
            matrix.values.fill(f64::NAN);
        }
        for (row, into) in matrix.values.chunks_exact_mut(self.used.len().max(1)).enumerate() {
            let (columns, values) = sparse.row(row);
            for (column, value) in columns.iter().zip(values) {
                if let Ok(place) = self.used.binary_search(column) {
                    into[place] = *value;
                }
            }
        }
        Ok(Rows { matrix: Cow::Owned(matrix), places: &self.used_by_slots })
    }

    fn add(&self, x: &Rows<'_>, sums: &mut Matrix) {
        let width = sums.width;
        if let Some(linear) = &self.linear {
            self.each_leaf(x, |tree, row, leaf| {
                let of = &x.matrix.values[row * x.matrix.width..(row + 1) * x.matrix.width];
                let sum = &mut sums.values[row * width + self.groups[tree] as usize];
                *sum += linear.value(leaf, of).unwrap_or(self.values[leaf]);
            });
        } else if self.single_sums {
            self.add_by(x, sums, |one, other| f64::from(f32::cast(one + other)));
        } else {
            self.add_by(x, sums, |one, other| one + other);
        }
    }

    fn add_by(&self, x: &Rows<'_>, sums: &mut Matrix, add: impl Fn(f64, f64) -> f64 + Copy) {
        let width = sums.width;
        match width {
            1 => self.add_few::<1>(x, sums, add),
            _ if !self.groups.is_empty() => self.each_leaf(x, |tree, row, leaf| {
                let sum = &mut sums.values[row * width + self.groups[tree] as usize];
                *sum = add(*sum, self.values[leaf]);
            }),
            2 => self.add_few::<2>(x, sums, add),
            3 => self.add_few::<3>(x, sums, add),
            4 => self.add_few::<4>(x, sums, add),
            _ => self.each_leaf(x, |_, row, leaf| {
                let sums = &mut sums.values[row * width..(row + 1) * width];
                let values = &self.values[leaf * width..(leaf + 1) * width];
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum = add(*sum, *value));
            }),
        }
    }

    /// The same for a number of sums that the compiler knows.
    fn add_few<const WIDTH: usize>(&self, x: &Rows<'_>, sums: &mut Matrix, add: impl Fn(f64, f64) -> f64) {
        let (sums, _) = sums.values.as_chunks_mut::<WIDTH>();
        let (values, _) = self.values.as_chunks::<WIDTH>();
        self.each_leaf(x, |_, row, leaf| {
            let (sums, values) = (&mut sums[row], values[leaf]);
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = add(*sum, value);
            }
        });
    }

    /// Calls `f` with each tree, row and leaf: for a row, in the order of the trees.
    fn each_leaf(&self, x: &Rows<'_>, f: impl FnMut(usize, usize, usize)) {
        match &self.built.nodes {
            Nodes::Narrow(nodes) => self.walk_all(x, |values, at| node::walk(nodes, values, at), |at| nodes[at].leaf(), f),
            Nodes::Single(nodes) => self.walk_all(x, |values, at| node::walk(nodes, values, at), |at| nodes[at].leaf(), f),
            Nodes::Double(nodes) => self.walk_all(x, |values, at| node::walk(nodes, values, at), |at| nodes[at].leaf(), f),
            Nodes::Categories(nodes, sets) => {
                self.walk_all(x, |values, at| node::walk_sets(nodes, sets, values, at), |at| nodes[at].leaf(), f);
            }
        }
    }

    /// `LANES` rows walk down one tree in step; where fewer are left, one row walks down `LANES` trees.
    fn walk_all<K: Key>(
        &self,
        x: &Rows<'_>,
        walk: impl Fn(&[K], [usize; LANES]) -> [usize; LANES],
        leaf: impl Fn(usize) -> usize,
        mut f: impl FnMut(usize, usize, usize),
    ) {
        // The last slot is what leaves look at: it stays 0.
        let length = node::length(self.built.slots.len() + 1);
        let blocks = x.matrix.rows / LANES;
        let mut values = vec![K::default(); length * blocks.max(1)];
        for row in 0..blocks * LANES {
            let block = &mut values[row / LANES * length..];
            self.fill(x, row, |slot, value| block[slot * LANES + row % LANES] = K::of(value));
        }
        for (tree, root) in self.built.roots.iter().enumerate() {
            for (block, values) in values.chunks_exact(length).take(blocks).enumerate() {
                let at = walk(values, [*root as usize; LANES]);
                at.iter().enumerate().for_each(|(lane, at)| f(tree, block * LANES + lane, leaf(*at)));
            }
        }
        for row in blocks * LANES..x.matrix.rows {
            self.fill(x, row, |slot, value| values[slot * LANES..(slot + 1) * LANES].fill(K::of(value)));
            for (chunk, roots) in self.built.roots.chunks(LANES).enumerate() {
                let mut at = [roots[0] as usize; LANES];
                at.iter_mut().zip(roots).for_each(|(at, root)| *at = *root as usize);
                let at = walk(&values[..length], at);
                at.iter().zip(roots).enumerate().for_each(|(lane, (at, _))| f(chunk * LANES + lane, row, leaf(*at)));
            }
        }
    }

    /// Puts the numbers that nodes look at into their places.
    #[expect(clippy::float_cmp, reason = "one number stands for what is missing")]
    fn fill(&self, x: &Rows<'_>, row: usize, mut put: impl FnMut(usize, f64)) {
        let row = &x.matrix.values[row * x.matrix.width..(row + 1) * x.matrix.width];
        for (slot, ((column, negated), place)) in self.built.slots.iter().zip(x.places).enumerate() {
            let mut value = row[*place as usize];
            if self.single {
                value = f64::from(f32::cast(value));
            }
            if self.missing.is_some_and(|missing| missing == value) {
                value = f64::NAN;
            }
            match self.prepare.get(*column as usize) {
                Some(Prepare::MissingIsZero) if value.is_nan() || value.abs() <= ZERO => value = 0.0,
                Some(Prepare::Zero) if value.abs() <= ZERO => value = 0.0,
                Some(Prepare::ZeroIsMissing) if value.abs() <= ZERO => value = f64::NAN,
                _ => {}
            }
            put(slot, if *negated { -value } else { value });
        }
    }

    fn leaves(&self, x: &Value<'_>) -> Result<Sparse, Refused> {
        let x = self.rows(x)?;
        let (rows, trees) = (x.matrix.rows, self.built.roots.len());
        let mut columns = vec![0; rows * trees];
        self.each_leaf(&x, |tree, row, leaf| columns[row * trees + tree] = u32::try_from(leaf).unwrap_or(0));
        let width = self.built.leaves.iter().map(|leaves| *leaves as usize).sum();
        let starts = (0..=rows).map(|row| row * trees).collect();
        Ok(Sparse { width, starts, values: vec![1.0; columns.len()], columns })
    }
}
