//! `pool`: the mean of each cluster of columns. `FeatureAgglomeration`.

use crate::{BadGraph, Matrix, Refused, Value, file::Fields, operator::Operate};

#[derive(Debug)]
pub(crate) struct Pool {
    /// Of each column, its cluster.
    clusters: Vec<usize>,
    /// Of each cluster, how many columns it has.
    sizes: Vec<f64>,
}

impl Operate for Pool {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let clusters = fields.u32s("clusters")?.into_iter().map(|cluster| cluster as usize).collect::<Vec<_>>();
        let count = clusters.iter().max().map_or(0, |last| last + 1);
        if count == 0 || count > clusters.len() {
            return fields.wrong("clusters", "a cluster for each column, none of them empty");
        }
        let mut sizes = vec![0.0; count];
        for cluster in &clusters {
            sizes[*cluster] += 1.0;
        }
        Ok(Self { clusters, sizes })
    }

    fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
        let x = x.into_dense(self.clusters.len())?;
        let mut means = Matrix::zeros(x.rows, self.sizes.len());
        for (row, means) in x.each_row().zip(means.each_row_mut()) {
            for (value, cluster) in row.iter().zip(&self.clusters) {
                means[*cluster] += value;
            }
            for (mean, size) in means.iter_mut().zip(&self.sizes) {
                *mean /= size;
            }
        }
        Ok(Value::Dense(means))
    }
}
