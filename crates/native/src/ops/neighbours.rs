//! `neighbours`: what the nearest training rows, or those within a radius, have in common. `KNeighborsClassifier`,
//! `KNeighborsRegressor`, `RadiusNeighborsClassifier`, `RadiusNeighborsRegressor`, `LocalOutlierFactor`.

use crate::{
    Answer, BadGraph, Matrix, Prediction, Refused, Value, Wanted,
    answer::argmax,
    file::Fields,
    math::pairwise_sum,
    operator::Operate,
    search::{Found, Search},
};

#[derive(Debug)]
pub(crate) struct Neighbours {
    search: Search,
    among: Among,
    /// Whether a neighbour counts by the inverse of its distance.
    weighted: bool,
    says: Says,
}

#[derive(Debug, Clone, Copy)]
enum Among {
    Nearest(usize),
    Within(f64),
}

#[derive(Debug)]
enum Says {
    /// `lonely`: the class of a row without neighbours; such rows are refused where there is none.
    Classes { labels: Vec<u32>, count: usize, lonely: Option<usize> },
    /// `[points, width]`
    Values { targets: Vec<f64>, width: usize },
    /// Of each point, the distance to its farthest neighbour and its density: `LocalOutlierFactor`.
    Density { reach: Vec<f64>, densities: Vec<f64>, offset: f64 },
}

impl Operate for Neighbours {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let search = Search::read(fields.inner("search")?)?;
        let among = if fields.has("radius") {
            Among::Within(fields.number("radius")?)
        } else {
            let nearest = fields.count("nearest")?;
            if nearest == 0 || nearest > search.count {
                return fields.wrong("nearest", "as many as there are points at most");
            }
            Among::Nearest(nearest)
        };
        let says = match fields.word("says")? {
            "classes" => {
                let (labels, count) = (fields.u32s("labels")?, fields.count("classes")?);
                let lonely = if fields.has("lonely") { Some(fields.count("lonely")?) } else { None };
                let known = |label: usize| label < count;
                if labels.len() != search.count
                    || count > search.count
                    || !labels.iter().all(|label| known(*label as usize))
                    || !lonely.is_none_or(known)
                {
                    return fields.wrong("labels", "a class for each point");
                }
                Says::Classes { labels, count, lonely }
            }
            "values" => {
                let width = fields.count("width")?;
                Says::Values { targets: fields.f64s_of("targets", search.count.saturating_mul(width))?, width }
            }
            "density" => Says::Density {
                reach: fields.f64s_of("reach", search.count)?,
                densities: fields.f64s_of("densities", search.count)?,
                offset: fields.number("offset")?,
            },
            _ => return fields.wrong("says", "a known word"),
        };
        Ok(Self { search, among, weighted: fields.flag("weighted")?, says })
    }

    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let x = x.dense(self.search.features)?;
        match &self.says {
            Says::Classes { labels, count, lonely } => self.classes(&x, wanted, (labels, *count, *lonely)),
            Says::Values { targets, width } => {
                let mut values = Matrix::zeros(x.rows, *width);
                let (mut into, mut terms) = (values.each_row_mut(), Vec::new());
                self.each(&x, |found, weights| {
                    let Some(into) = into.next() else { return Ok(()) };
                    let total = if self.weighted { pairwise_sum(weights) } else { count(found.places.len()) };
                    for (at, value) in into.iter_mut().enumerate() {
                        let target = |place: &u32| targets[*place as usize * width + at];
                        terms.clear();
                        terms.extend(found.places.iter().zip(weights).map(|(place, weight)| target(place) * weight));
                        *value = if terms.is_empty() { f64::NAN } else { pairwise_sum(&terms) / total };
                    }
                    Ok(())
                })?;
                drop(into);
                Ok(Answer::values(values))
            }
            Says::Density { reach, densities, offset } => {
                let mut scores = Matrix { rows: x.rows, width: 1, values: Vec::with_capacity(x.rows), single: false };
                let mut terms = Vec::new();
                self.each(&x, |found, _| {
                    let near = found.distances.iter().zip(&found.places);
                    terms.clear();
                    terms.extend(near.map(|(distance, place)| distance.max(reach[*place as usize])));
                    let density = 1.0 / (pairwise_sum(&terms) / count(terms.len()) + 1e-10);
                    terms.clear();
                    terms.extend(found.places.iter().map(|place| densities[*place as usize] / density));
                    scores.values.push(-(pairwise_sum(&terms) / count(terms.len())) - offset);
                    Ok(())
                })?;
                Ok(Answer::inliers(scores))
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count")]
fn count(count: usize) -> f64 {
    count as f64
}

impl Neighbours {
    /// Tells `each` the neighbours of every row and their weights.
    fn each(&self, x: &Matrix, mut each: impl FnMut(&Found, &[f64]) -> Result<(), Refused>) -> Result<(), Refused> {
        let mut found = Found::room(if let Among::Nearest(count) = self.among { count } else { 0 });
        let mut weights = Vec::new();
        for row in x.each_row() {
            match self.among {
                Among::Nearest(_) => self.search.nearest(row, &mut found),
                Among::Within(radius) => self.search.within(row, radius, &mut found),
            }
            weights.clear();
            if self.weighted {
                weights.extend(found.distances.iter().map(|distance| 1.0 / distance));
                if weights.iter().any(|weight| weight.is_infinite()) {
                    for weight in &mut weights {
                        *weight = f64::from(u8::from(weight.is_infinite()));
                    }
                }
            } else {
                weights.resize(found.places.len(), 1.0);
            }
            each(&found, &weights)?;
        }
        Ok(())
    }

    /// As `predict_proba`; where weights count, the labels are of sums in another order, as `weighted_mode` has it.
    fn classes(
        &self,
        x: &Matrix,
        wanted: Wanted,
        (labels, count, lonely): (&[u32], usize, Option<usize>),
    ) -> Result<Answer, Refused> {
        let mut shares = Matrix::zeros(x.rows, count);
        let (mut into, mut chosen, mut terms) = (shares.each_row_mut(), Vec::new(), Vec::new());
        let by_mode = self.weighted && matches!(self.among, Among::Nearest(_));
        self.each(x, |found, weights| {
            let Some(into) = into.next() else { return Ok(()) };
            for (place, weight) in found.places.iter().zip(weights) {
                into[labels[*place as usize] as usize] += weight;
            }
            if found.places.is_empty() {
                let Some(class) = lonely else { return Err(Refused::rows("no neighbours are within the model's radius")) };
                into[class] = 1.0;
            }
            if by_mode && weights.iter().all(|weight| *weight == 0.0) {
                return Err(Refused::rows("all neighbours are infinitely far away"));
            }
            if by_mode {
                let mut best = (0, 0.0);
                for class in (0..).take(count) {
                    terms.clear();
                    let of_class = |place: &u32| if labels[*place as usize] == class { 1.0 } else { 0.0 };
                    terms.extend(found.places.iter().zip(weights).map(|(place, weight)| weight * of_class(place)));
                    let sum = pairwise_sum(&terms);
                    best = if sum > best.1 { (class, sum) } else { best };
                }
                chosen.push(best.0);
            }
            let sum = pairwise_sum(into);
            if sum != 0.0 {
                for share in into {
                    *share /= sum;
                }
            }
            Ok(())
        })?;
        drop(into);
        let prediction = wanted.prediction.then(|| Prediction::Labels(if by_mode { chosen } else { argmax(&shares) }));
        Ok(Answer { prediction, probabilities: wanted.probabilities.then_some(shares), decision: None })
    }
}
