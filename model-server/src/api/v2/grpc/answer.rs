//! An output as a message.

use std::{collections::HashMap, io};

use scoring::Prediction;
use serde_json::Value;

use super::{
    super::{
        answer::{Elements, Kept, Tensor, tensor},
        datatype::Datatype,
    },
    proto::{
        InferParameter, InferTensorContents, ModelInferResponse, infer_parameter::ParameterChoice,
        model_infer_response::InferOutputTensor,
    },
};
use crate::serve::Version;

/// The answer for what a version said.
///
/// # Errors
/// When a label is not one of the classes, or what is asked for was not said.
pub(super) fn message(
    version: &Version,
    prediction: &Prediction,
    Kept { id, outputs, .. }: Kept,
) -> io::Result<ModelInferResponse> {
    let (mut described, mut raw) = (Vec::with_capacity(outputs.len()), Vec::new());
    for wanted in outputs {
        let Tensor { datatype, shape, elements, of } = tensor(version, prediction, wanted)?;
        let (mut parameters, mut typed) = (HashMap::new(), None);
        if wanted.is_binary {
            let mut binary = Vec::new();
            elements.append(datatype, &mut binary)?;
            raw.push(binary.into());
        } else {
            parameters.insert("content_type".to_owned(), text("np"));
            typed = Some(contents(&elements, datatype)?);
        }
        if let Some(of) = of {
            parameters.insert("of".to_owned(), text(of));
        }
        let shape = shape.into_iter().map(|length| i64::try_from(length).unwrap_or(i64::MAX)).collect();
        let (name, datatype) = (wanted.name().to_owned(), datatype.name().to_owned());
        described.push(InferOutputTensor { name, datatype, shape, parameters, contents: typed });
    }
    Ok(ModelInferResponse {
        model_name: version.manifest.model_name.to_string(),
        model_version: version.number.to_string(),
        id: id.unwrap_or_default(),
        parameters: HashMap::new(),
        outputs: described,
        raw_output_contents: raw,
    })
}

fn text(value: &str) -> InferParameter {
    InferParameter { parameter_choice: Some(ParameterChoice::StringParam(value.to_owned())) }
}

/// The elements in the list of their datatype.
fn contents(elements: &Elements<'_>, datatype: Datatype) -> io::Result<InferTensorContents> {
    let mut contents = InferTensorContents::default();
    match elements {
        Elements::Floats(values) => contents.fp64_contents = values.to_vec(),
        Elements::Values(values) => values.iter().try_for_each(|value| push(&mut contents, value, datatype))?,
        Elements::Owned(values) => values.iter().try_for_each(|value| push(&mut contents, value, datatype))?,
    }
    Ok(contents)
}

fn push(contents: &mut InferTensorContents, value: &Value, datatype: Datatype) -> io::Result<()> {
    let other = || io::Error::other("a value of another type than the others");
    match datatype {
        Datatype::Bool => contents.bool_contents.push(value.as_bool().ok_or_else(other)?),
        Datatype::Int64 => contents.int64_contents.push(value.as_i64().ok_or_else(other)?),
        Datatype::Uint64 => contents.uint64_contents.push(value.as_u64().ok_or_else(other)?),
        Datatype::Bytes => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            contents.bytes_contents.push(text.into_bytes().into());
        }
        // What is no number in JSON was none before.
        _ => contents.fp64_contents.push(value.as_f64().unwrap_or(f64::NAN)),
    }
    Ok(())
}
