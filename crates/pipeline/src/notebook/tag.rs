//! The tags of the contract, and what a misspelt one was meant to be.

/// A tag that says what a cell is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Config,
    Data,
    Preprocessing,
    Training,
    Evaluation,
    Export,
    /// papermill's tag: the defaults of a run's parameters.
    Parameters,
}

/// What a tag in a notebook says to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// A tag of the contract.
    Exact(Tag),
    /// Meant for us, but not a tag of the contract; perhaps it is clear which was meant.
    Misspelt(Option<Tag>),
    /// Somebody else's.
    Foreign,
}

impl Tag {
    pub(super) const ALL: [Self; 7] =
        [Self::Config, Self::Data, Self::Preprocessing, Self::Training, Self::Evaluation, Self::Export, Self::Parameters];
    pub(super) const REQUIRED: [Self; 4] = [Self::Config, Self::Preprocessing, Self::Training, Self::Export];

    /// The tag as it stands in a notebook.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Config => "mlops:config",
            Self::Data => "mlops:data",
            Self::Preprocessing => "mlops:preprocessing",
            Self::Training => "mlops:training",
            Self::Evaluation => "mlops:evaluation",
            Self::Export => "mlops:export",
            Self::Parameters => "parameters",
        }
    }

    /// Reads a tag of a notebook.
    pub(super) fn read(tag: &str) -> Reading {
        if let Some(exact) = Self::ALL.into_iter().find(|known| known.as_str() == tag) {
            return Reading::Exact(exact);
        }
        let tag = tag.chars().take(100).flat_map(char::to_lowercase).collect::<String>();
        let Some((prefix, name)) = tag.split_once([':', '-', '_', '.', '/', ' ']) else { return Reading::Foreign };
        if distance(prefix.trim(), "mlops") > 1 {
            return Reading::Foreign;
        }
        match Self::nearest(name.trim()) {
            // Only the colon claims our name space: `mlops-team` is somebody else's tag.
            None if !tag[prefix.len()..].starts_with(':') => Reading::Foreign,
            meant => Reading::Misspelt(meant),
        }
    }

    /// The tag whose name after the colon is nearest to `name`, if any is near: a few letters off, or its beginning.
    fn nearest(name: &str) -> Option<Self> {
        let own_name = |tag: Self| tag.as_str().trim_start_matches("mlops:");
        let starts = |tag: &Self| name.chars().count() >= 3 && own_name(*tag).starts_with(name);
        let nearest = || Self::ALL.into_iter().min_by_key(|tag| distance(name, own_name(*tag)));
        let is_near = |tag: &Self| distance(name, own_name(*tag)) * 3 <= own_name(*tag).len();
        Self::ALL.into_iter().find(starts).or_else(|| nearest().filter(is_near))
    }
}

/// How many letters must be inserted, removed, replaced or exchanged with their neighbour to turn `a` into `b`
/// (optimal string alignment).
pub(super) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = match (i, j) {
                (0, distance) | (distance, 0) => distance,
                _ => {
                    let replaced = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let best = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                    let is_exchange = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                    if is_exchange { best.min(table[i - 2][j - 2] + 1) } else { best }
                }
            };
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_tags_are_recognised_and_others_left_alone() {
        let table = [
            ("mlops:config", Reading::Exact(Tag::Config)),
            ("parameters", Reading::Exact(Tag::Parameters)),
            ("MLOPS:Config", Reading::Misspelt(Some(Tag::Config))),
            ("mlops:trainning", Reading::Misspelt(Some(Tag::Training))),
            ("mlop:train", Reading::Misspelt(Some(Tag::Training))),
            ("mlpos:export", Reading::Misspelt(Some(Tag::Export))),
            ("mlops-preprocess", Reading::Misspelt(Some(Tag::Preprocessing))),
            ("mlops: eval ", Reading::Misspelt(Some(Tag::Evaluation))),
            ("mlops:parameters", Reading::Misspelt(Some(Tag::Parameters))),
            ("mlops:deploy", Reading::Misspelt(None)),
            ("mlops:", Reading::Misspelt(None)),
            ("mlops", Reading::Foreign),
            ("mlops-team", Reading::Foreign),
            ("mlops_config", Reading::Misspelt(Some(Tag::Config))),
            ("", Reading::Foreign),
            ("raises-exception", Reading::Foreign),
            ("injected-parameters", Reading::Foreign),
            ("ops:config", Reading::Foreign),
            ("training", Reading::Foreign),
        ];
        for (tag, expected) in table {
            assert_eq!(Tag::read(tag), expected, "{tag:?}");
        }
    }

    #[test]
    fn distances_count_single_letter_edits() {
        for (a, b, expected) in [("", "", 0), ("abc", "", 3), ("abc", "abd", 1), ("abc", "acb", 1), ("ab", "xabx", 2)] {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }
}
