//! A strict reader of Prometheus's text format, version 0.0.4.

use std::collections::{BTreeMap, BTreeSet};

/// The labels of a sample.
pub type Labels = BTreeMap<String, String>;

/// What `/metrics` said.
pub struct Exposition {
    samples: BTreeMap<(String, Labels), f64>,
    kinds: BTreeMap<String, String>,
    described: BTreeSet<String>,
}

impl Exposition {
    /// Reads a text, or panics: every sample follows its family's TYPE, families are not torn apart, no sample is there
    /// twice, and histograms add up.
    pub fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line ends");
        let mut read = Self { samples: BTreeMap::new(), kinds: BTreeMap::new(), described: BTreeSet::new() };
        let mut family = String::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(help) = line.strip_prefix("# HELP ") {
                assert!(read.described.insert(help.split_once(' ').unwrap().0.to_owned()), "{line}");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert!(read.kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}");
                name.clone_into(&mut family);
            } else {
                let (name, labels, value) = sample(line);
                let of_family = match read.kinds.get(&family).map(String::as_str) {
                    Some("histogram") => {
                        name.strip_prefix(&family).is_some_and(|part| ["_bucket", "_sum", "_count"].contains(&part))
                    }
                    Some(_) => name == family,
                    None => false,
                };
                assert!(of_family, "{line} after the family {family}");
                assert!(read.samples.insert((name, labels), value).is_none(), "{line}");
            }
        }
        read.check_histograms();
        read
    }

    /// The value of the sample with exactly these labels.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.samples.get(&(name.to_owned(), labels)).copied()
    }

    /// All values of a label.
    pub fn values_of(&self, label: &str) -> BTreeSet<&str> {
        self.samples.keys().filter_map(|(_, labels)| labels.get(label)).map(String::as_str).collect()
    }

    /// The families of ours that have no help.
    pub fn undescribed(&self) -> Vec<&String> {
        self.kinds.keys().filter(|name| !self.described.contains(*name)).collect()
    }

    /// What kind a family is.
    pub fn kind(&self, family: &str) -> Option<&str> {
        self.kinds.get(family).map(String::as_str)
    }

    fn check_histograms(&self) {
        let mut buckets: BTreeMap<(String, Labels), Vec<(f64, f64)>> = BTreeMap::new();
        for ((name, labels), count) in &self.samples {
            if let Some(family) = name.strip_suffix("_bucket") {
                let mut labels = labels.clone();
                let bound = labels.remove("le").unwrap().parse().unwrap();
                buckets.entry((family.to_owned(), labels)).or_default().push((bound, *count));
            }
        }
        for ((family, labels), mut buckets) in buckets {
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{family} {labels:?} {buckets:?}");
            let (bound, all) = buckets.pop().unwrap();
            let count = self.samples[&(format!("{family}_count"), labels)];
            assert!(bound.is_infinite() && (all - count).abs() < f64::EPSILON, "{family}");
        }
    }
}

/// `name{label="value",…} 1.5`
fn sample(line: &str) -> (String, Labels, f64) {
    let (before, value) = line.rsplit_once(' ').unwrap();
    let value = value.parse().unwrap();
    let Some((name, labels)) = before.split_once('{') else {
        return (checked_name(before), Labels::new(), value);
    };
    let mut rest = labels.strip_suffix('}').unwrap();
    let mut read = Labels::new();
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"").unwrap();
        let (value, after) = quoted(after);
        assert!(read.insert(checked_name(label), value).is_none(), "{line}");
        rest = match after.strip_prefix(',') {
            Some(more) => more,
            None if after.is_empty() => after,
            None => panic!("{line}"),
        };
    }
    (checked_name(name), read, value)
}

/// Reads to the closing quote, and returns what is behind it.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match characters.next().unwrap().1 {
                'n' => '\n',
                escaped @ ('"' | '\\') => escaped,
                other => panic!("\\{other}"),
            }),
            other => value.push(other),
        }
    }
    panic!("no closing quote: {text}");
}

fn checked_name(name: &str) -> String {
    let good = |at: usize, byte: u8| byte == b'_' || byte.is_ascii_alphabetic() || (at > 0 && byte.is_ascii_digit());
    assert!(!name.is_empty() && name.bytes().enumerate().all(|(at, byte)| good(at, byte)), "{name:?}");
    name.to_owned()
}
