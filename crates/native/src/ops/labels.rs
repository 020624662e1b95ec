//! `labels`: several labels a row, one for each output, from numbers. What classifiers of several outputs end with:
//! `MultiOutputClassifier` behind a `gather`; trees, neighbours and dummies; and where each output is of 0 or 1, networks,
//! `RidgeClassifier` and `OneVsRestClassifier`. Labels are told by their places in the header's `labels`.

use super::vote::as_place;
use crate::{
    Answer, BadGraph, Matrix, Prediction, Refused, Value, Wanted, answer::first_largest, file::Fields, operator::Operate,
};

#[derive(Debug)]
pub(crate) struct Labels {
    /// The columns of its input.
    width: usize,
    by: By,
}

/// What the label of an output is told by.
#[derive(Debug)]
enum By {
    /// A column for each output: its label's place.
    Place,
    /// Columns for each output, so many: one of them the first largest. Of each column, the place of its label.
    Largest { sizes: Vec<usize>, places: Vec<u32> },
    /// Of each output, the column of its score, and perhaps of its probability: the first label of all, or above the threshold the
    /// second.
    Threshold { scores: Vec<usize>, positives: Vec<usize>, threshold: f64, decides: bool },
}

impl Operate for Labels {
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
        let width = fields.count("width")?;
        if width == 0 {
            return fields.wrong("width", "at least one column");
        }
        let by = match fields.word("by")? {
            "place" => By::Place,
            "largest" => {
                let sizes: Vec<_> = fields.u32s("sizes")?.into_iter().map(|size| size as usize).collect();
                let places = fields.u32s("places")?;
                if sizes.contains(&0) || sizes.iter().sum::<usize>() != width || places.len() != width {
                    return fields.wrong("sizes", "columns for each output, as many as there are places");
                }
                By::Largest { sizes, places }
            }
            "threshold" => {
                let (scores, positives) = (fields.counts("scores")?, fields.counts("positives")?);
                if scores.is_empty() || scores.iter().chain(&positives).any(|at| *at >= width) {
                    return fields.wrong("scores", "places of columns");
                }
                if !positives.is_empty() && positives.len() != scores.len() {
                    return fields.wrong("positives", "none, or as many as there are scores");
                }
                let (threshold, decides) = (fields.number("threshold")?, fields.flag("decides")?);
                By::Threshold { scores, positives, threshold, decides }
            }
            _ => return fields.wrong("by", "a known word"),
        };
        Ok(Self { width, by })
    }

    fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        let x = x.dense(self.width)?;
        let prediction = wanted.prediction.then(|| self.predict(&x)).transpose()?;
        let By::Threshold { scores, positives, decides, .. } = &self.by else {
            return Ok(Answer { prediction, ..Answer::default() });
        };
        let taken = |columns: &[usize]| {
            let values = x.each_row().flat_map(|row| columns.iter().map(|at| row[*at])).collect();
            Matrix { rows: x.rows, width: columns.len(), values, single: x.single }
        };
        Ok(Answer {
            prediction,
            probabilities: (wanted.probabilities && !positives.is_empty()).then(|| taken(positives)),
            decision: (wanted.decision && *decides).then(|| taken(scores)),
        })
    }
}

impl Labels {
    fn predict(&self, x: &Matrix) -> Result<Prediction, Refused> {
        let (width, labels) = match &self.by {
            By::Place => {
                let places = x.values.iter().map(|value| as_place(*value)).collect::<Option<Vec<_>>>();
                (self.width, places.ok_or_else(|| Refused::misfit("a number that is no label's place"))?)
            }
            By::Largest { sizes, places } => {
                let mut labels = Vec::with_capacity(x.rows * sizes.len());
                for row in x.each_row() {
                    let mut start = 0;
                    for size in sizes {
                        labels.push(places[start + first_largest(&row[start..start + size])]);
                        start += size;
                    }
                }
                (sizes.len(), labels)
            }
            By::Threshold { scores, threshold, .. } => {
                let above = |row: &[f64], at: &usize| u32::from(row[*at] > *threshold);
                (scores.len(), x.each_row().flat_map(|row| scores.iter().map(move |at| above(row, at))).collect())
            }
        };
        Ok(Prediction::Several { labels, width })
    }
}
