//! What is asked, before its tensors are read.

use std::{borrow::Cow, num::NonZeroUsize};

use scoring::{Batch, Schema};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{
    answer::{OUTPUTS, Wanted, wanted},
    datatype::Datatype,
    grpc::InferTensorContents,
    rows,
};
use crate::{api::decode, serve::Version};

/// A request for inference.
#[derive(Deserialize)]
pub(super) struct Request<'b> {
    pub(super) id: Option<String>,
    pub(super) parameters: Option<Parameters>,
    #[serde(borrow)]
    inputs: Vec<RawInput<'b>>,
    outputs: Option<Vec<Output>>,
}

/// What is said of a request, a tensor or an output beside what it is. More may be said, and is passed over.
#[derive(Default, Deserialize)]
pub(super) struct Parameters {
    pub(super) content_type: Option<String>,
    /// How long a tensor is that follows the JSON.
    binary_data_size: Option<usize>,
    /// Whether an output is to follow the JSON.
    binary_data: Option<bool>,
    /// Whether all are that do not say themselves.
    pub(super) binary_data_output: Option<bool>,
    /// How long whoever asks waits, in microseconds, as of Triton's clients; 0 is no limit.
    pub(super) timeout: Option<u64>,
    /// Of an output's classes, so many of the most probable, as Triton has it.
    classification: Option<NonZeroUsize>,
    /// What is passed over would be missed.
    shared_memory_region: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct RawInput<'b> {
    #[serde(borrow)]
    name: Cow<'b, str>,
    shape: Vec<usize>,
    #[serde(borrow)]
    datatype: Cow<'b, str>,
    parameters: Option<Parameters>,
    #[serde(borrow)]
    data: Option<&'b RawValue>,
}

/// An output that is asked for.
#[derive(Deserialize)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) parameters: Option<Parameters>,
}

/// A tensor whose elements were not read yet.
pub(super) struct Input<'b> {
    pub(super) name: Cow<'b, str>,
    pub(super) shape: Vec<usize>,
    pub(super) datatype: Datatype,
    pub(super) content_type: Option<String>,
    pub(super) data: Data<'b>,
}

/// Where a tensor's elements are.
#[derive(Clone, Copy)]
pub(super) enum Data<'b> {
    Json(&'b RawValue),
    Binary(&'b [u8]),
    /// In the lists that gRPC has for them.
    Typed(&'b InferTensorContents),
}

impl<'b> Request<'b> {
    /// A request whose tensors are elsewhere.
    pub(super) fn of(id: Option<String>, parameters: Parameters, outputs: Vec<Output>) -> Self {
        Self { id, parameters: Some(parameters), inputs: Vec::new(), outputs: Some(outputs) }
    }

    /// Reads a request, and the tensors that follow it.
    pub(super) fn read(json: &'b [u8], tensors: &'b [u8]) -> Result<(Self, Vec<Input<'b>>), String> {
        let mut request: Self = serde_json::from_slice(json).map_err(|error| decode::explain(&error))?;
        let inputs = std::mem::take(&mut request.inputs);
        if inputs.is_empty() {
            return Err("\"inputs\" is empty".to_owned());
        }
        Ok((request, located(inputs, tensors)?))
    }

    /// The rows that its tensors hold.
    pub(super) fn rows(&self, schema: &Schema, inputs: &[Input<'_>]) -> Result<Batch, String> {
        let whole = self.parameters.as_ref().and_then(|parameters| parameters.content_type.as_deref());
        rows::rows(schema, whole, inputs)
    }

    /// The outputs that are asked for, of those that a version has.
    pub(super) fn outputs(&self, version: &Version) -> Result<Vec<Wanted>, String> {
        let all_binary = self.parameters.as_ref().and_then(|parameters| parameters.binary_data_output).unwrap_or(false);
        let mut outputs = Vec::new();
        for Output { name, parameters } in self.outputs.iter().flatten() {
            let parameters = parameters.as_ref();
            refuse_unknown(parameters)?;
            let is_binary = parameters.and_then(|parameters| parameters.binary_data).unwrap_or(all_binary);
            let best = parameters.and_then(|parameters| parameters.classification);
            outputs.push(wanted((name, best), is_binary, version)?);
            if outputs.len() > OUTPUTS {
                return Err("an output is asked for twice".to_owned());
            }
        }
        if outputs.is_empty() {
            outputs.push(Wanted::predictions(all_binary));
        }
        Ok(outputs)
    }
}

/// Each input with its elements: those that are not in the JSON follow it, one after the other.
fn located<'b>(inputs: Vec<RawInput<'b>>, mut tensors: &'b [u8]) -> Result<Vec<Input<'b>>, String> {
    let mut all = Vec::with_capacity(inputs.len());
    for (at, RawInput { name, shape, datatype, parameters, data }) in inputs.into_iter().enumerate() {
        refuse_unknown(parameters.as_ref())?;
        let parameters = parameters.unwrap_or_default();
        let known = Datatype::of_name(&datatype);
        let datatype = known.ok_or_else(|| format!("input {at} (from 0) has a datatype that is not served"))?;
        let data = match (data, parameters.binary_data_size) {
            (Some(data), None) => Data::Json(data),
            (None, Some(size)) => {
                let (tensor, rest) = tensors
                    .split_at_checked(size)
                    .ok_or_else(|| format!("the body ends before the tensor of input {at} (from 0) does"))?;
                tensors = rest;
                Data::Binary(tensor)
            }
            (None, None) => return Err(format!("input {at} (from 0) has no \"data\"")),
            (Some(_), Some(_)) => return Err(format!("input {at} (from 0) has both \"data\" and \"binary_data_size\"")),
        };
        all.push(Input { name, shape, datatype, content_type: parameters.content_type, data });
    }
    if tensors.is_empty() { Ok(all) } else { Err("the body goes on after the last tensor".to_owned()) }
}

/// What would be answered otherwise than asked.
pub(super) fn refuse_unknown(parameters: Option<&Parameters>) -> Result<(), String> {
    match parameters {
        Some(Parameters { shared_memory_region: Some(_), .. }) => Err("shared memory is not served".to_owned()),
        _ => Ok(()),
    }
}
