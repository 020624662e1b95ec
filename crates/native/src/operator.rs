//! The list of operators, and the graph that they make.

use crate::{
    Answer, BadGraph, Explanation, Prediction, Value, Wanted,
    explain::Traced,
    file::{Fields, File, bad},
    ops,
};

/// Why rows are not answered.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The estimator refuses such rows. The text quotes no value.
    #[error("{0}")]
    Rows(String),
    /// The graph does not fit together. It was not verified, or the rows are not those of its inputs.
    #[error("the graph does not fit: {0}")]
    Misfit(String),
}

impl Refused {
    pub(crate) fn rows(reason: impl Into<String>) -> Self {
        Self::Rows(reason.into())
    }

    pub(crate) fn misfit(reason: impl Into<String>) -> Self {
        Self::Misfit(reason.into())
    }
}

/// One step of a graph: a transformer, an estimator, or both.
pub(crate) trait Operate: Sized {
    /// Reads the parameters and checks them: afterwards, no input makes it panic or loop.
    fn read(fields: Fields<'_>) -> Result<Self, BadGraph>;

    /// What `transform` does.
    fn transform<'a>(&'a self, _: Value<'a>) -> Result<Value<'a>, Refused> {
        Err(Refused::misfit("an estimator where a transformer must be"))
    }

    /// What `predict`, `predict_proba` and `decision_function` do, as far as they are wanted.
    fn answer(&self, _: &Value<'_>, _: Wanted) -> Result<Answer, Refused> {
        Err(Refused::misfit("a transformer where an estimator must be"))
    }

    /// Whether each column that comes out of `transform` is made of the one in its place alone.
    const EACH: bool = false;

    /// Of each of the `width` columns that come out of `transform`, what it is made of, where those that go in are made `of` one
    /// input column each; none where several are mixed.
    fn origins(&self, of: &[u32], width: usize) -> Option<Vec<u32>> {
        if Self::EACH && width == of.len() {
            return Some(of.to_vec());
        }
        match of.split_first() {
            Some((only, others)) if others.iter().all(|origin| origin == only) => Some(vec![*only; width]),
            _ => (width == 0).then(Vec::new),
        }
    }

    /// [`Operate::transform`], and what each column that comes out is made of.
    fn trace<'a>(&'a self, x: Traced<'a>) -> Result<Traced<'a>, Refused> {
        let Traced { value, origins } = x;
        let value = self.transform(value)?;
        match self.origins(&origins, value.width()) {
            Some(origins) if origins.len() == value.width() => Ok(Traced { value, origins }),
            _ => Err(Refused::rows(
                "this model can't be explained by input column: one of its steps makes features of several columns at once",
            )),
        }
    }

    /// How much each of `columns` input columns adds to what the estimator says.
    fn explain(&self, _: &Traced<'_>, _columns: usize) -> Result<Explanation, Refused> {
        Err(Refused::rows("estimators of this kind are not explained: linear models, and trees that are summed up, are"))
    }
}

macro_rules! operators {
    ($($name:literal => $variant:ident($of:ty),)*) => {
        /// Every operator.
        #[derive(Debug)]
        pub(crate) enum Operator {
            $($variant(Box<$of>),)*
        }

        impl Operate for Operator {
            fn read(fields: Fields<'_>) -> Result<Self, BadGraph> {
                match fields.word("op")? {
                    $($name => {
                        fields.hold(size_of::<$of>());
                        <$of as Operate>::read(fields).map(|read| Self::$variant(Box::new(read)))
                    })*
                    other => bad(format!("there is no operator {other:?}; a newer mlsys may have it")),
                }
            }

            fn transform<'a>(&'a self, x: Value<'a>) -> Result<Value<'a>, Refused> {
                match self {
                    $(Self::$variant(operator) => operator.transform(x),)*
                }
            }

            fn answer(&self, x: &Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
                match self {
                    $(Self::$variant(operator) => operator.answer(x, wanted),)*
                }
            }

            fn trace<'a>(&'a self, x: Traced<'a>) -> Result<Traced<'a>, Refused> {
                match self {
                    $(Self::$variant(operator) => operator.trace(x),)*
                }
            }

            fn explain(&self, x: &Traced<'_>, columns: usize) -> Result<Explanation, Refused> {
                match self {
                    $(Self::$variant(operator) => operator.explain(x, columns),)*
                }
            }
        }
    };
}

operators! {
    "average" => Average(ops::average::Average),
    "bins" => Bins(ops::bins::Bins),
    "bisect" => Bisect(ops::bisect::Bisect),
    "calibrate" => Calibrate(ops::calibrate::Calibrate),
    "categorical" => Categorical(ops::categorical::Categorical),
    "center" => Center(ops::center::Center),
    "chain" => Chain(ops::chain::Chain),
    "check" => Check(ops::check::Check),
    "chi2_map" => Chi2Map(ops::chi2_map::Chi2Map),
    "classifier_chain" => ClassifierChain(ops::classifier_chain::ClassifierChain),
    "constant" => Constant(ops::constant::Constant),
    "fill" => Fill(ops::fill::Fill),
    "gather" => Gather(ops::gather::Gather),
    "gaussians" => Gaussians(ops::gaussians::Gaussians),
    "impute" => Impute(ops::impute::Impute),
    "indicate" => Indicate(ops::indicate::Indicate),
    "interpolate" => Interpolate(ops::interpolate::Interpolate),
    "isolation" => Isolation(ops::isolation::Isolation),
    "iterate" => Iterate(ops::iterate::Iterate),
    "join" => Join(ops::join::Join),
    "labels" => Labels(ops::labels::Labels),
    "likeness" => Likeness(ops::likeness::Likeness),
    "linear" => Linear(ops::linear::Linear),
    "lookup" => Lookup(ops::lookup::Lookup),
    "map" => Map(ops::map::Map),
    "matrix" => AsMatrix(ops::matrix::AsMatrix),
    "median" => Median(ops::median::Median),
    "nearest" => Nearest(ops::nearest::Nearest),
    "nearest_code" => NearestCode(ops::nearest_code::NearestCode),
    "neighbour_impute" => NeighbourImpute(ops::neighbour_impute::NeighbourImpute),
    "neighbours" => Neighbours(ops::neighbours::Neighbours),
    "network" => Network(ops::network::Network),
    "normalize" => Normalize(ops::normalize::Normalize),
    "one_hot" => OneHot(ops::one_hot::OneHot),
    "one_vs_one" => OneVsOne(ops::one_vs_one::OneVsOne),
    "one_vs_rest" => OneVsRest(ops::one_vs_rest::OneVsRest),
    "pairwise" => Pairwise(ops::pairwise::Pairwise),
    "poll" => Poll(ops::poll::Poll),
    "polynomial" => Polynomial(ops::polynomial::Polynomial),
    "pool" => Pool(ops::pool::Pool),
    "power" => Power(ops::power::Power),
    "prior" => Prior(ops::prior::Prior),
    "project" => Project(ops::project::Project),
    "propagate" => Propagate(ops::propagate::Propagate),
    "quantile" => Quantile(ops::quantile::Quantile),
    "restore" => Restore(ops::restore::Restore),
    "scale" => Scale(ops::scale::Scale),
    "scores" => Scores(ops::scores::Scores),
    "sketch" => Sketch(ops::sketch::Sketch),
    "spline" => Splines(ops::spline::Splines),
    "split" => Split(ops::split::Split),
    "succession" => Succession(ops::succession::Succession),
    "take" => Take(ops::take::Take),
    "text" => Text(ops::text::Text),
    "tfidf" => Tfidf(ops::tfidf::Tfidf),
    "threshold" => Threshold(ops::threshold::Threshold),
    "trees" => Trees(ops::trees::Trees),
    "untarget" => Untarget(ops::untarget::Untarget),
    "vote" => Vote(ops::vote::Vote),
    "votes" => Votes(ops::votes::Votes),
    "xgboost_linear" => XgboostLinear(ops::xgboost_linear::XgboostLinear),
}

impl Fields<'_> {
    /// The operator in a field.
    pub(crate) fn operator(&self, field: &str) -> Result<Operator, BadGraph> {
        Operator::read(self.inner(field)?)
    }

    /// The operators in a list.
    pub(crate) fn operators(&self, field: &str) -> Result<Vec<Operator>, BadGraph> {
        self.inners(field)?.into_iter().map(Operator::read).collect()
    }
}

/// A fitted estimator.
#[derive(Debug)]
pub struct Graph {
    root: Operator,
    inputs: Vec<Input>,
    transforms: bool,
    bytes: usize,
    decision: Option<Decides>,
    labels: Vec<serde_json::Value>,
}

/// What a decision is the answer of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decides {
    /// `decision_function`.
    DecisionFunction,
    /// `score_samples`, of an estimator without the other.
    ScoreSamples,
}

impl Decides {
    /// The method's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::DecisionFunction => "decision_function",
            Self::ScoreSamples => "score_samples",
        }
    }
}

/// What one input column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// [`crate::Column::Float`].
    Float,
    /// [`crate::Column::Int`].
    Int,
    /// [`crate::Column::Bool`].
    Bool,
    /// [`crate::Column::Text`].
    Text,
}

impl Graph {
    /// Reads a graph and checks all of it.
    ///
    /// # Errors
    /// When it is not one, or one of a newer mlsys.
    pub fn read(bytes: &[u8]) -> Result<Self, BadGraph> {
        let file = File::open(bytes)?;
        let fields = file.fields();
        let input = |word: &Option<String>| match word.as_deref() {
            Some("float") => Ok(Input::Float),
            Some("int") => Ok(Input::Int),
            Some("bool") => Ok(Input::Bool),
            Some("text") => Ok(Input::Text),
            _ => fields.wrong("inputs", "a list of float, int, bool or text"),
        };
        let inputs = if fields.has("inputs") {
            fields.texts("inputs")?.iter().map(input).collect::<Result<_, _>>()?
        } else {
            Vec::new()
        };
        let decision = match if fields.has("decision") { fields.word("decision")? } else { "" } {
            "" => None,
            "decision_function" => Some(Decides::DecisionFunction),
            "score_samples" => Some(Decides::ScoreSamples),
            _ => return fields.wrong("decision", "a method's name"),
        };
        let labels = if fields.has("labels") { fields.scalars("labels")? } else { Vec::new() };
        let (root, transforms) = (fields.operator("root")?, fields.flag("transforms")?);
        Ok(Self { root, inputs, transforms, decision, labels, bytes: file.held() })
    }

    /// How much memory it takes, in bytes: its operators with their arrays and texts, without what the allocator adds.
    pub fn size_bytes(&self) -> usize {
        self.bytes
    }

    /// Whose answer the decision is that is said of rows; none where the estimator has no such method, or the graph was written
    /// before they were named.
    pub fn decides(&self) -> Option<Decides> {
        self.decision
    }

    /// Texts, numbers and truths that the places of [`Prediction::Several`] stand for; none where a row has one label, or numbers.
    pub fn labels(&self) -> &[serde_json::Value] {
        &self.labels
    }

    /// The types of a table's columns; none for an array.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// What the estimator says of some rows. What a transformer gives are the values of a prediction.
    ///
    /// # Errors
    /// When the estimator refuses the rows, or they are not of the graph's inputs.
    pub fn answer(&self, rows: Value<'_>, wanted: Wanted) -> Result<Answer, Refused> {
        if !self.transforms {
            let answer = self.root.answer(&rows, wanted)?;
            if let Some(Prediction::Several { labels, .. }) = &answer.prediction
                && labels.iter().any(|label| *label as usize >= self.labels.len())
            {
                return Err(Refused::misfit("a label that is not one of the graph's"));
            }
            return Ok(answer);
        }
        let transformed = self.root.transform(rows)?;
        let width = transformed.width();
        transformed.into_dense(width).map(Answer::values)
    }

    /// How much each input column adds to what the estimator says of some rows. What is computed and held is bounded: of too much,
    /// fewer rows are to be asked.
    ///
    /// # Errors
    /// When the estimator refuses the rows, can't be explained, or they are too many; the text says which.
    pub fn explain(&self, rows: Value<'_>) -> Result<Explanation, Refused> {
        if self.transforms {
            return Err(Refused::rows("this model is a transformer, whose answers are not explained"));
        }
        let columns = rows.width();
        self.root.explain(&Traced::inputs(rows), columns)
    }
}
