//! A message as the request that it would be over REST.

use std::{borrow::Cow, collections::HashMap};

use serde_json::{Map, Value};

use super::{
    super::{
        datatype::Datatype,
        element::Element,
        request::{Data, Input, Output, Parameters, Request, refuse_unknown},
    },
    proto::{
        InferParameter, InferTensorContents, ModelInferRequest, infer_parameter::ParameterChoice,
        model_infer_request::InferInputTensor,
    },
};

/// What is asked, and its tensors. Outputs are raw where inputs are.
pub(super) fn read(message: &ModelInferRequest) -> Result<(Request<'_>, Vec<Input<'_>>), String> {
    let raw = &message.raw_input_contents;
    if message.inputs.is_empty() {
        return Err("there are no inputs".to_owned());
    }
    if !raw.is_empty() && raw.len() != message.inputs.len() {
        return Err("raw_input_contents must have the elements of every input, or be empty".to_owned());
    }
    let input = |(at, input)| self::input(at, input, raw.get(at).map(AsRef::as_ref));
    let inputs = message.inputs.iter().enumerate().map(input).collect::<Result<_, _>>()?;
    let mut of_all = parameters(&message.parameters)?;
    of_all.binary_data_output = Some(!raw.is_empty());
    let output = |(name, of_it): (&String, _)| Ok(Output { name: name.clone(), parameters: Some(parameters(of_it)?) });
    let outputs =
        message.outputs.iter().map(|asked| output((&asked.name, &asked.parameters))).collect::<Result<_, String>>()?;
    let id = (!message.id.is_empty()).then(|| message.id.clone());
    Ok((Request::of(id, of_all, outputs), inputs))
}

fn input<'m>(at: usize, input: &'m InferInputTensor, raw: Option<&'m [u8]>) -> Result<Input<'m>, String> {
    let parameters = parameters(&input.parameters)?;
    refuse_unknown(Some(&parameters))?;
    let known = Datatype::of_name(&input.datatype);
    let datatype = known.ok_or_else(|| format!("input {at} (from 0) has a datatype that is not served"))?;
    let shape = input.shape.iter().map(|length| usize::try_from(*length)).collect::<Result<_, _>>();
    // MLServer's client sends contents without elements beside raw ones.
    let contents = input.contents.as_ref().filter(|contents| raw.is_none() || **contents != InferTensorContents::default());
    let data = match (raw, contents) {
        (Some(raw), None) => Data::Binary(raw),
        (None, Some(contents)) => Data::Typed(contents),
        (None, None) => return Err(format!("input {at} (from 0) has no contents")),
        (Some(_), Some(_)) => return Err(format!("input {at} (from 0) has both contents and raw contents")),
    };
    Ok(Input {
        name: Cow::Borrowed(&input.name),
        shape: shape.map_err(|_| format!("input {at} (from 0) has a negative length in its shape"))?,
        datatype,
        content_type: parameters.content_type,
        data,
    })
}

/// What is said of a request, a tensor or an output.
fn parameters(said: &HashMap<String, InferParameter>) -> Result<Parameters, String> {
    if said.is_empty() {
        return Ok(Parameters::default());
    }
    let value = |parameter: &InferParameter| match &parameter.parameter_choice {
        None => Value::Null,
        Some(ParameterChoice::BoolParam(value)) => (*value).into(),
        Some(ParameterChoice::Int64Param(value)) => (*value).into(),
        Some(ParameterChoice::StringParam(value)) => value.clone().into(),
        Some(ParameterChoice::DoubleParam(value)) => (*value).into(),
        Some(ParameterChoice::Uint64Param(value)) => (*value).into(),
    };
    let json: Map<_, _> = said.iter().map(|(key, parameter)| (key.clone(), value(parameter))).collect();
    serde_json::from_value(json.into()).map_err(|_| "a parameter has a value of another type than it takes".to_owned())
}

/// Each element of a tensor, from the list of its datatype.
pub(in super::super) fn each(
    contents: &InferTensorContents,
    datatype: Datatype,
    mut put: impl FnMut(Result<Element<'_>, &'static str>) -> Result<(), String>,
) -> Result<(), String> {
    match datatype {
        Datatype::Bool => contents.bool_contents.iter().try_for_each(|value| put(Ok(Element::Bool(*value)))),
        Datatype::Int8 | Datatype::Int16 | Datatype::Int32 => {
            contents.int_contents.iter().try_for_each(|value| put(Ok(Element::Whole((*value).into()))))
        }
        Datatype::Int64 => contents.int64_contents.iter().try_for_each(|value| put(Ok(Element::Whole((*value).into())))),
        Datatype::Uint8 | Datatype::Uint16 | Datatype::Uint32 => {
            contents.uint_contents.iter().try_for_each(|value| put(Ok(Element::Whole((*value).into()))))
        }
        Datatype::Uint64 => contents.uint64_contents.iter().try_for_each(|value| put(Ok(Element::Whole((*value).into())))),
        Datatype::Fp16 => Err("FP16 must come as raw contents".to_owned()),
        Datatype::Fp32 => contents.fp32_contents.iter().try_for_each(|value| put(Ok(Element::Number((*value).into())))),
        Datatype::Fp64 => contents.fp64_contents.iter().try_for_each(|value| put(Ok(Element::Number(*value)))),
        Datatype::Bytes => contents
            .bytes_contents
            .iter()
            .try_for_each(|text| put(std::str::from_utf8(text).map(Element::Text).map_err(|_| "bytes that are not UTF-8"))),
    }
}
