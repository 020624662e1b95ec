//! A gRPC client of a server, over HTTP/2 without TLS.

use std::{
    collections::HashMap,
    pin::Pin,
    task::{Context, Poll},
};

use axum::http::{self, Uri, uri::PathAndQuery};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use proto::{InferParameter, ModelInferRequest, ModelInferResponse, infer_parameter::ParameterChoice};
use tokio::net::TcpStream;
use tonic::{Code, Request, Response, Status, body::Body, client::Grpc};
use tonic_prost::ProstCodec;
use tower::Service;

use crate::harness::{DEADLINE, Server, TOKEN};

/// The messages, as the server has them.
pub mod proto {
    #![expect(
        clippy::doc_markdown,
        clippy::enum_variant_names,
        clippy::struct_field_names,
        clippy::trivially_copy_pass_by_ref,
        reason = "generated"
    )]

    include!(concat!(env!("OUT_DIR"), "/inference.rs"));

    pub mod health {
        include!(concat!(env!("OUT_DIR"), "/grpc.health.v1.rs"));
    }
}

/// A connection of its own, or one that it shares with its clones.
#[derive(Clone)]
pub struct Client {
    grpc: Grpc<Connection>,
    /// What it shows.
    pub shown: Option<String>,
}

#[derive(Clone)]
pub struct Connection(SendRequest<Body>);

impl Service<http::Request<Body>> for Connection {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

impl Client {
    /// One that shows what the backend does.
    pub async fn of(server: &Server) -> Self {
        let origin: Uri = server.url.parse().unwrap();
        let stream = TcpStream::connect(origin.authority().unwrap().as_str()).await.unwrap();
        let (requests, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { grpc: Grpc::with_origin(Connection(requests), origin), shown: Some(format!("Bearer {TOKEN}")) }
    }

    /// One of a connection's calls, which anything can be said of.
    pub fn grpc(&self) -> Grpc<Connection> {
        self.grpc.clone()
    }

    /// Calls a method.
    pub async fn call<M, A>(&self, method: &str, message: M) -> Result<Response<A>, Status>
    where
        M: Message + 'static,
        A: Message + Default + 'static,
    {
        let mut request = Request::new(message);
        if let Some(shown) = &self.shown {
            request.metadata_mut().insert("authorization", shown.parse().unwrap());
        }
        self.send(method, request).await
    }

    pub async fn send<M, A>(&self, method: &str, request: Request<M>) -> Result<Response<A>, Status>
    where
        M: Message + 'static,
        A: Message + Default + 'static,
    {
        let mut grpc = self.grpc();
        grpc.ready().await.unwrap();
        let path: PathAndQuery = format!("/{method}").parse().unwrap();
        let called = grpc.unary(request, path, ProstCodec::default());
        tokio::time::timeout(DEADLINE, called).await.unwrap()
    }

    pub async fn infer(&self, request: ModelInferRequest) -> Result<Response<ModelInferResponse>, Status> {
        self.call("inference.GRPCInferenceService/ModelInfer", request).await
    }

    /// Infers, which must be refused. Gives the status.
    pub async fn refused(&self, request: ModelInferRequest) -> (Code, String) {
        let status = self.infer(request).await.unwrap_err();
        (status.code(), status.message().to_owned())
    }
}

/// A parameter that is a text.
pub fn text(key: &str, value: &str) -> HashMap<String, InferParameter> {
    let parameter = InferParameter { parameter_choice: Some(ParameterChoice::StringParam(value.to_owned())) };
    [(key.to_owned(), parameter)].into()
}

/// A message as a body has it.
pub fn framed(message: &impl Message) -> Vec<u8> {
    let mut body = vec![0];
    body.extend_from_slice(&u32::try_from(message.encoded_len()).unwrap().to_be_bytes());
    message.encode(&mut body).unwrap();
    body
}
