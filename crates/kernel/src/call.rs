//! Calls of the launcher's functions inside the kernel: silent, outside the user's history and namespace.

use std::collections::HashMap;

use jupyter_protocol::ExecuteRequest;
use serde_json::Value;

use crate::{Kernel, drive::Ended, literal, wire::Message};

/// The request that calls a function of `launcher/` by name with keyword arguments.
pub(crate) fn request(function: &str, arguments: &Value) -> ExecuteRequest {
    let (function, arguments) = (literal::string(function), literal::string(&arguments.to_string()));
    let mut request = ExecuteRequest::new(format!("__import__('_mlsys_kernel').call({function}, {arguments})"));
    request.silent = true;
    request.store_history = false;
    request.allow_stdin = false;
    request.user_expressions = Some(HashMap::from([("answer".to_owned(), "__import__('_mlsys_kernel').answer".to_owned())]));
    request
}

/// The request that runs a cell.
pub(crate) fn cell_request(source: String) -> ExecuteRequest {
    let mut request = ExecuteRequest::new(source);
    request.silent = false;
    request.store_history = true;
    request.allow_stdin = false;
    request.stop_on_error = true;
    request
}

/// Sends a request; a kernel that cannot be reached is dead or broken.
pub(crate) async fn send(kernel: &mut Kernel, request: ExecuteRequest) -> Result<String, Ended> {
    kernel.wire.execute(request).await.map_err(Ended::Broken)
}

/// What a called function returned, or the traceback it left.
pub(crate) fn answer(mut reply: Message) -> Result<Value, String> {
    let status = reply.text("status").to_owned();
    let mut expressions = reply.take("user_expressions");
    match expressions.pointer_mut("/answer/data/application~1json").map(Value::take) {
        Some(Value::Object(mut answer)) => match answer.remove("ok") {
            Some(value) => Ok(value),
            None => Err(answer.get("error").and_then(Value::as_str).unwrap_or("no answer").to_owned()),
        },
        _ => Err(format!("the kernel gave no answer ({status} {}: {})", reply.text("ename"), reply.text("evalue"))),
    }
}
