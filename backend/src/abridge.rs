//! A notebook small enough to be looked at: what its cells printed at length is cut, and each such cell can be had whole.
//!
//! Only what is cut is decoded; everything else passes through as it is kept.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// All text of one cell's outputs, in bytes.
const TEXT: usize = 32 << 10;
/// All else that the notebook's outputs hold, tables and pictures, in bytes of JSON. What comes later is left out.
const RICH: usize = 16 << 20;

type Object<'a> = BTreeMap<String, Cow<'a, RawValue>>;

/// What is left of something that was too long.
enum Left {
    Part(Box<RawValue>),
    Nothing,
}

/// The notebook with its outputs cut where they are long. A cell that lost something has its whole size, in bytes of JSON, in
/// `metadata.mlsys.abridged`. `None`: nothing is too long, or it is no notebook.
pub(crate) fn abridged(notebook: &str) -> Option<String> {
    let mut rich = RICH;
    let mut root = object(serde_json::from_str(notebook).ok()?)?;
    let cells: Vec<&RawValue> = read(root.get("cells")?)?;
    let cells = each(cells, |cell| abridge_cell(cell, &mut rich).map(Left::Part))?;
    root.insert("cells".to_owned(), write(&cells)?);
    write(&root).map(|root| root.get().to_owned())
}

/// The cell with an id, whole.
pub(crate) fn cell<'a>(notebook: &'a str, id: &str) -> Option<&'a str> {
    #[derive(Deserialize)]
    struct Notebook<'a> {
        #[serde(borrow)]
        cells: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Cell<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
    }
    let Notebook { cells } = serde_json::from_str(notebook).ok()?;
    let found = cells.into_iter().find(|cell| read::<Cell<'_>>(cell).is_some_and(|cell| cell.id == id));
    found.map(RawValue::get)
}

fn abridge_cell(raw: &RawValue, rich: &mut usize) -> Option<Box<RawValue>> {
    let mut cell = object(raw)?;
    let outputs: Vec<&RawValue> = read(cell.get("outputs")?)?;
    let mut text = TEXT;
    let outputs = each(outputs, |output| abridge_output(output, &mut text, rich))?;
    let outputs = write(&outputs)?;
    let mut metadata = cell.get("metadata").and_then(|raw| object(raw)).unwrap_or_default();
    metadata.insert("mlsys".to_owned(), write(&BTreeMap::from([("abridged", raw.get().len())]))?);
    let metadata = write(&metadata)?;
    cell.insert("metadata".to_owned(), metadata);
    cell.insert("outputs".to_owned(), outputs);
    write(&cell).map(Cow::into_owned)
}

fn abridge_output(raw: &RawValue, text: &mut usize, rich: &mut usize) -> Option<Left> {
    let mut output = object(raw)?;
    if let Some(printed) = output.get("text") {
        let short = match cut(printed, text)? {
            short if short.is_empty() => return Some(Left::Nothing),
            short => write(&short)?,
        };
        output.insert("text".to_owned(), short);
        return write(&output).map(|output| Left::Part(output.into_owned()));
    }
    let mut data = object(output.get("data")?)?;
    let plain = data.get("text/plain").and_then(|plain| cut(plain, text));
    let is_rich = |mime: &str| mime != "text/plain";
    let size: usize = data.iter().filter(|(mime, _)| is_rich(mime)).map(|(_, value)| value.get().len()).sum();
    if size <= *rich {
        *rich -= size;
        // Nothing to do, unless its plain text is too long.
        plain.as_ref()?;
    } else {
        data.retain(|mime, _| !is_rich(mime));
    }
    if let Some(plain) = plain {
        data.insert("text/plain".to_owned(), write(&plain)?);
    }
    if data.is_empty() {
        return Some(Left::Nothing);
    }
    let data = write(&data)?;
    output.insert("data".to_owned(), data);
    write(&output).map(|output| Left::Part(output.into_owned()))
}

/// The list with some replaced or left out; `None` where none is.
fn each<'a>(
    list: Vec<&'a RawValue>,
    mut change: impl FnMut(&'a RawValue) -> Option<Left>,
) -> Option<Vec<Cow<'a, RawValue>>> {
    let mut any = false;
    let mut kept = Vec::with_capacity(list.len());
    for one in list {
        match change(one) {
            None => kept.push(Cow::Borrowed(one)),
            Some(left) => {
                any = true;
                if let Left::Part(part) = left {
                    kept.push(Cow::Owned(part));
                }
            }
        }
    }
    any.then_some(kept)
}

/// The beginning of a text that takes more than the room; `None` if it fits, or is no text.
fn cut(raw: &RawValue, room: &mut usize) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Text {
        Whole(String),
        Lines(Vec<String>),
    }
    // JSON is never shorter than its text.
    if raw.get().len() <= *room {
        *room -= raw.get().len();
        return None;
    }
    let mut text = match read(raw)? {
        Text::Whole(text) => text,
        Text::Lines(lines) => lines.concat(),
    };
    let all = text.len();
    text.truncate(text.floor_char_boundary(*room));
    *room -= text.len();
    (text.len() < all).then_some(text)
}

fn object(raw: &RawValue) -> Option<Object<'_>> {
    let fields: BTreeMap<String, &RawValue> = read(raw)?;
    Some(fields.into_iter().map(|(key, value)| (key, Cow::Borrowed(value))).collect())
}

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

fn write<'a>(value: &impl Serialize) -> Option<Cow<'a, RawValue>> {
    to_raw_value(value).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn notebook(outputs: &Value) -> String {
        let printed =
            json!({"cell_type": "code", "id": "p", "metadata": {"tags": ["a"]}, "source": "x", "outputs": outputs});
        let prose = json!({"cell_type": "markdown", "id": "m", "metadata": {}, "source": "long ".repeat(10_000)});
        json!({"cells": [prose, printed], "metadata": {"a": 1}, "nbformat": 4, "nbformat_minor": 5}).to_string()
    }

    fn printed(text: impl Into<Value>) -> Value {
        json!({"output_type": "stream", "name": "stdout", "text": text.into()})
    }

    /// The outputs that are left.
    fn short(outputs: &Value) -> Value {
        let short = abridged(&notebook(outputs)).expect("something is too long");
        serde_json::from_str::<Value>(&short).expect("JSON")["cells"][1]["outputs"].take()
    }

    #[test]
    fn a_long_text_is_cut_and_the_cell_says_so() {
        for text in [json!("é\n".repeat(20_000)), json!(vec!["é\n"; 20_000])] {
            let whole = notebook(&json!([printed(text)]));
            let mut expected: Value = serde_json::from_str(&whole).expect("JSON");
            let size = expected["cells"][1].to_string().len();
            expected["cells"][1]["metadata"]["mlsys"] = json!({"abridged": size});
            expected["cells"][1]["outputs"] = json!([printed("é\n".repeat(TEXT / 3) + "é")]);
            let short = abridged(&whole).expect("it is too long");
            assert_eq!(serde_json::from_str::<Value>(&short).expect("JSON"), expected);
            assert_eq!(cell(&whole, "p").map(str::len), Some(size));
        }
    }

    #[test]
    fn many_short_texts_of_a_cell_are_cut_like_a_long_one() {
        let outputs: Vec<Value> = (0..100).map(|_| printed("x".repeat(1000))).collect();
        let short = short(&json!(outputs));
        let lengths: Vec<_> =
            short.as_array().expect("outputs").iter().map(|one| one["text"].as_str().map(str::len)).collect();
        assert!(lengths.len() < 40 && lengths.iter().all(|length| *length > Some(0)), "{lengths:?}");
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let outputs = json!([
            printed("\u{1b}".repeat(TEXT - 10)),
            {"output_type": "display_data", "metadata": {}, "data": {"text/plain": "x", "image/png": "A".repeat(1 << 20)}},
            {"output_type": "error", "ename": "E", "evalue": "e", "traceback": ["t".repeat(40_000)]},
        ]);
        assert_eq!(abridged(&notebook(&outputs)), None);
    }

    #[test]
    fn tables_and_pictures_are_left_out_only_where_there_are_too_many() {
        let picture = |plain: Option<&str>| {
            let mut data = json!({"image/png": "A".repeat(5 << 20)});
            if let Some(plain) = plain {
                data["text/plain"] = json!(plain);
            }
            json!({"output_type": "display_data", "metadata": {}, "data": data})
        };
        let (named, bare) = (picture(Some("x")), picture(None));
        let short = short(&json!([named, named, bare, named, bare]));
        let kept = short.as_array().expect("outputs").iter().map(|one| one["data"].as_object().map(serde_json::Map::len));
        assert_eq!(kept.collect::<Vec<_>>(), [Some(2), Some(2), Some(1), Some(1)]);
        assert_eq!(short[3]["data"], json!({"text/plain": "x"}));
    }

    #[test]
    fn a_long_plain_text_beside_a_table_is_cut() {
        let table = |plain: String| json!({"output_type": "execute_result", "metadata": {}, "data": {"text/html": "<table>", "text/plain": plain}});
        assert_eq!(short(&json!([table("x".repeat(TEXT + 1))])), json!([table("x".repeat(TEXT))]));
    }

    #[test]
    fn what_is_no_notebook_is_left_alone() {
        let long = "x".repeat(TEXT * 2);
        for file in [
            String::new(),
            "[]".to_owned(),
            "{}".to_owned(),
            json!({"cells": long}).to_string(),
            json!({"cells": [long, null, {"outputs": [long, null, {"text": {"a": long}}, {"data": {"text/plain": [1, long]}}]}]}).to_string(),
        ] {
            assert_eq!(abridged(&file), None, "{file:.80}");
            assert_eq!(cell(&file, "p"), None);
        }
    }
}
