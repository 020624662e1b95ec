//! What a gate says, as a tree. The parser bounds its depth, so walking it recursively is safe.

use std::collections::BTreeSet;

/// Something that holds or does not.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// Two values compared.
    Compare(Comparison),
    /// The opposite.
    Not(Box<Condition>),
    /// All of them (`and`).
    All(Vec<Condition>),
    /// At least one of them (`or`).
    Any(Vec<Condition>),
}

/// Two values compared.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comparison {
    pub(super) left: Term,
    pub(super) operator: Operator,
    pub(super) right: Term,
}

/// One side of a comparison, with the text its author gave it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Term {
    pub(super) value: Value,
    pub(super) text: String,
}

/// Something with a number.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(f64),
    /// The new model's metric.
    Metric(String),
    /// The deployed version's metric.
    Champion(String),
    Negative(Box<Value>),
    Arithmetic(Box<Value>, Sign, Box<Value>),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// How two values are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
    Times,
    Over,
}

impl Condition {
    /// `metric >= minimum`.
    pub(super) fn at_least(metric: &str, minimum: f64) -> Self {
        Self::Compare(Comparison {
            left: Term { value: Value::Metric(metric.to_owned()), text: metric.to_owned() },
            operator: Operator::GreaterOrEqual,
            right: Term { value: Value::Number(minimum), text: minimum.to_string() },
        })
    }

    /// Whether it reads any metric of the new model.
    pub(super) fn reads_a_metric(&self) -> bool {
        match self {
            Self::Compare(comparison) => !comparison.metrics().is_empty(),
            Self::Not(condition) => condition.reads_a_metric(),
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().any(Self::reads_a_metric),
        }
    }
}

impl Comparison {
    /// The new model's metrics named on either side.
    pub(super) fn metrics(&self) -> BTreeSet<&str> {
        let mut names = self.left.value.metrics();
        names.append(&mut self.right.value.metrics());
        names
    }
}

impl Value {
    /// The new model's metrics named in it.
    pub(super) fn metrics(&self) -> BTreeSet<&str> {
        match self {
            Self::Number(_) | Self::Champion(_) => BTreeSet::new(),
            Self::Metric(name) => BTreeSet::from([name.as_str()]),
            Self::Negative(value) => value.metrics(),
            Self::Arithmetic(left, _, right) => {
                let mut names = left.metrics();
                names.append(&mut right.metrics());
                names
            }
        }
    }

    /// Gives every `champion` that stands alone (its name is empty) the metric it stands for.
    pub(super) fn name_champion(&mut self, metric: &str) {
        match self {
            Self::Champion(name) if name.is_empty() => metric.clone_into(name),
            Self::Negative(value) => value.name_champion(metric),
            Self::Arithmetic(left, _, right) => {
                left.name_champion(metric);
                right.name_champion(metric);
            }
            Self::Number(_) | Self::Metric(_) | Self::Champion(_) => {}
        }
    }
}

impl Operator {
    /// The operator that says the same with the sides exchanged.
    pub(super) fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Equal | Self::NotEqual => self,
        }
    }

    /// Whether it holds between two finite numbers.
    #[expect(clippy::float_cmp, reason = "== and != mean exactly that, as in the notebook")]
    pub(super) fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
        }
    }
}
