//! Tables for people: each column is as wide as what stands in it.

/// Prints rows below their heads. A head that begins with `>` has its column at the right.
pub(crate) fn print<const N: usize>(heads: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
    let at_right = heads.map(|head| head.starts_with('>'));
    let words = heads.map(|head| head.strip_prefix('>').unwrap_or(head));
    lines(&words, &at_right, rows.into_iter().map(Vec::from).collect());
}

/// The same for as many columns as there are, with any heads.
pub(crate) fn print_columns(heads: &[&str], rows: Vec<Vec<String>>) {
    lines(heads, &vec![false; heads.len()], rows);
}

fn lines(heads: &[&str], at_right: &[bool], rows: Vec<Vec<String>>) {
    let words = heads.iter().map(|head| (*head).to_owned()).collect();
    let rows: Vec<_> = std::iter::once(words).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<_> = (0..heads.len()).map(width).collect();
    for row in &rows {
        let cells =
            row.iter().zip(&widths).zip(at_right).map(|((text, width), at_right)| {
                if *at_right { format!("{text:>width$}") } else { format!("{text:width$}") }
            });
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}
