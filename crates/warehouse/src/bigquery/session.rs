//! Rows by the Storage Read API: a session is a table as it was at one moment, in streams that are read apart, for six hours.
//! Source: [its guide](https://cloud.google.com/bigquery/docs/reference/storage) and the comments of its
//! [messages](https://github.com/googleapis/googleapis/blob/master/google/cloud/bigquery/storage/v1/storage.proto).

use std::{sync::Arc, time::Duration};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::{convert::try_schema_from_ipc_buffer, reader::StreamDecoder, writer::StreamWriter};
use arrow_schema::{ArrowError, SchemaRef};
use futures_util::{Stream, stream};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::OnceCell;
use tonic::{
    Code, Request, Status, Streaming,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, ClientTlsConfig, Endpoint},
};
use tonic_prost::ProstCodec;

use super::{
    BigQuery, Found,
    place::{Tokens, token},
    proto::{
        ARROW, CREATE_READ_SESSION, CreateReadSessionRequest, Moment, READ_ROWS, ReadRowsRequest, ReadRowsResponse,
        ReadSession, TableModifiers, TableReadOptions,
    },
    rest::{CREDENTIALS, spread},
};
use crate::{Error, TableName, read::conform};

/// Google's own.
const SERVER: &str = "https://bigquerystorage.googleapis.com";
/// How long a connection may take to be made, and an answer or the next rows.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_mins(1);
/// How often it is asked again that may be answered later, and how long it is waited before: each time twice as long.
const TRIES: u32 = 6;
const WAIT: Duration = Duration::from_millis(500);
/// How long one message with rows may be.
const LONGEST: usize = 128 << 20;
/// How many rows go on at once.
const BATCH: usize = 8192;

/// What sessions are read with.
pub(super) struct Reader {
    /// Nothing if an emulator's is not known.
    server: Option<String>,
    tokens: Tokens,
    channel: OnceCell<Channel>,
}

impl Reader {
    /// Of Google, or of an emulator.
    pub fn new(is_emulator: bool, endpoint: Option<&str>, tokens: Tokens) -> Self {
        let server = match (is_emulator, endpoint) {
            (false, _) => Some(SERVER.to_owned()),
            (true, Some(host)) if !host.contains("://") => Some(format!("http://{host}")),
            (true, endpoint) => endpoint.map(str::to_owned),
        };
        Self { server, tokens, channel: OnceCell::new() }
    }

    async fn client(&self) -> Result<Grpc<Channel>, Error> {
        let server = self.server.as_deref().ok_or_else(|| objects::Error::Refused {
            uri: "BIGQUERY_EMULATOR_HOST".to_owned(),
            reason: "BIGQUERY_STORAGE_GRPC_ENDPOINT must say where the same emulator serves the Storage Read API",
        })?;
        let open = async || {
            let endpoint = Endpoint::from_shared(server.to_owned())?.connect_timeout(CONNECT);
            let endpoint = if server.starts_with("https://") {
                endpoint.tls_config(ClientTlsConfig::new().with_native_roots())?
            } else {
                endpoint
            };
            Ok::<_, tonic::transport::Error>(endpoint.connect_lazy())
        };
        let failed =
            |error: tonic::transport::Error| objects::Error::Unavailable { path: server.to_owned(), source: error.into() };
        let channel = self.channel.get_or_try_init(open).await.map_err(failed)?;
        Ok(Grpc::new(channel.clone()).max_decoding_message_size(LONGEST))
    }

    /// A call with who asks, and what Google finds the right machine by.
    async fn call<M>(&self, message: M, name: &str, value: &str) -> Result<Request<M>, Error> {
        let mut request = Request::new(message);
        let header = |text: String, called: &str| {
            let odd = |_| objects::Error::Refused { uri: called.to_owned(), reason: "it can be no header" };
            text.parse::<MetadataValue<Ascii>>().map_err(odd)
        };
        let routing = format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
        request.metadata_mut().insert("x-goog-request-params", header(routing, value)?);
        if let Some(token) = token(&self.tokens).await? {
            let mut bearer = header(format!("Bearer {token}"), "the token")?;
            bearer.set_sensitive(true);
            request.metadata_mut().insert("authorization", bearer);
        }
        Ok(request)
    }

    async fn create(&self, asked: &CreateReadSessionRequest, table: &str) -> Result<Result<ReadSession, Status>, Error> {
        let mut client = self.client().await?;
        let request = self.call(asked.clone(), "read_session.table", table).await?;
        let answer = async {
            client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
            let path = PathAndQuery::from_static(CREATE_READ_SESSION);
            let codec = ProstCodec::<CreateReadSessionRequest, ReadSession>::default();
            client.unary(request, path, codec).await.map(tonic::Response::into_inner)
        };
        Ok(in_time(answer).await)
    }

    async fn read(&self, stream: &str, offset: i64) -> Result<Result<Streaming<ReadRowsResponse>, Status>, Error> {
        let mut client = self.client().await?;
        let asked = ReadRowsRequest { read_stream: stream.to_owned(), offset };
        let request = self.call(asked, "read_stream", stream).await?;
        let answer = async {
            client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
            let codec = ProstCodec::<ReadRowsRequest, ReadRowsResponse>::default();
            let answer = client.server_streaming(request, PathAndQuery::from_static(READ_ROWS), codec).await;
            answer.map(tonic::Response::into_inner)
        };
        Ok(in_time(answer).await)
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    let late = |_| Err(Status::deadline_exceeded("no answer came in time"));
    tokio::time::timeout(ANSWER, answer).await.unwrap_or_else(late)
}

/// Whether the same may be answered in a moment.
fn may_pass(status: &Status) -> bool {
    use Code::{Aborted, Cancelled, DeadlineExceeded, Internal, ResourceExhausted, Unavailable, Unknown};
    matches!(status.code(), Aborted | Cancelled | DeadlineExceeded | Internal | ResourceExhausted | Unavailable | Unknown)
}

fn failed(table: &TableName, status: &Status) -> Error {
    let (path, said) = (format!("BigQuery, {table}"), status.message().to_owned());
    match status.code() {
        Code::PermissionDenied | Code::Unauthenticated => {
            objects::Error::Denied { path, settings: CREDENTIALS, reason: said }.into()
        }
        _ if may_pass(status) => objects::Error::Unavailable { path, source: said.into() }.into(),
        _ => Error::Unsupported { table: table.clone(), what: format!("BigQuery refuses it: {said}") },
    }
}

/// A table as it was at one moment.
#[derive(Debug)]
pub(crate) struct Session {
    /// The names of its streams.
    pub streams: Vec<String>,
    /// How many bytes all of them are, about.
    pub bytes: u64,
}

impl BigQuery {
    /// Begins to read some columns of a table, in so many streams at most.
    pub async fn session(&self, name: &TableName, found: &Found, columns: &[String], most: i32) -> Result<Session, Error> {
        let session = self.begin(name, columns, most, found.at).await;
        if found.at.is_some() {
            return session;
        }
        // Where nothing has changed since it was looked at, it is what is read. Else it may even have other columns.
        match self.modified(name).await? {
            None => Err(Error::NoTable { table: name.clone() }),
            Some(modified) if modified == found.modified => session,
            Some(modified) => {
                let before = modified.saturating_sub(1).max(found.modified);
                self.begin(name, columns, most, Some(found.looked_at.clamp(found.modified, before))).await
            }
        }
    }

    async fn begin(&self, name: &TableName, columns: &[String], most: i32, at: Option<u64>) -> Result<Session, Error> {
        let [project, dataset, table] = self.parts(name);
        let moment = |millis: u64| Moment {
            seconds: (millis / 1000).cast_signed(),
            // What was changed in this millisecond is part of it.
            nanos: i32::try_from(millis % 1000).unwrap_or(0) * 1_000_000 + 999_000,
        };
        let path = format!("projects/{project}/datasets/{dataset}/tables/{table}");
        let asked = CreateReadSessionRequest {
            parent: format!("projects/{}", self.project()),
            read_session: Some(ReadSession {
                data_format: ARROW,
                table: path.clone(),
                table_modifiers: at.map(|at| TableModifiers { snapshot_time: Some(moment(at)) }),
                read_options: Some(TableReadOptions { selected_fields: columns.to_vec() }),
                ..ReadSession::default()
            }),
            max_stream_count: most,
        };
        let mut tries = 0;
        loop {
            match self.reader.create(&asked, &path).await? {
                Ok(session) => {
                    let streams = session.streams.into_iter().map(|stream| stream.name).collect();
                    let bytes = u64::try_from(session.estimated_total_bytes_scanned).unwrap_or(0);
                    return Ok(Session { streams, bytes });
                }
                Err(status) if may_pass(&status) && tries < TRIES => {
                    tokio::time::sleep(spread(WAIT * 2_u32.pow(tries))).await;
                    tries += 1;
                }
                Err(status) if status.code() == Code::NotFound => return Err(Error::NoTable { table: name.clone() }),
                Err(status) => return Err(failed(name, &status)),
            }
        }
    }

    /// The rows of a stream, as columns of a schema.
    pub fn rows(
        self: &Arc<Self>,
        name: &TableName,
        stream: String,
        schema: &SchemaRef,
    ) -> impl Stream<Item = Result<RecordBatch, Error>> + Send + use<> {
        let reading = Reading {
            bigquery: self.clone(),
            table: name.clone(),
            stream,
            schema: schema.clone(),
            offset: 0,
            answers: None,
            decoder: StreamDecoder::new(),
            waiting: None,
            failures: 0,
        };
        stream::try_unfold(reading, async |mut reading: Reading| Ok(reading.next().await?.map(|rows| (rows, reading))))
    }
}

/// A stream that is being read.
struct Reading {
    bigquery: Arc<BigQuery>,
    table: TableName,
    stream: String,
    schema: SchemaRef,
    /// How many rows have come.
    offset: i64,
    answers: Option<Streaming<ReadRowsResponse>>,
    decoder: StreamDecoder,
    /// Rows that have come and were not passed on.
    waiting: Option<RecordBatch>,
    /// How often in a row it broke off.
    failures: u32,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            if let Some(rows) = self.waiting.take().filter(|rows| rows.num_rows() > 0) {
                let some = rows.slice(0, rows.num_rows().min(BATCH));
                self.waiting = Some(rows.slice(some.num_rows(), rows.num_rows() - some.num_rows()));
                return conform(&some, &self.schema).map(Some).map_err(|(column, error)| self.wrong(&column, &error));
            }
            match self.answer().await? {
                Ok(None) => return Ok(None),
                Ok(Some(answer)) => {
                    let decoded = self.decode(answer).map_err(|error| self.wrong("", &error))?;
                    if let Some(rows) = decoded {
                        self.failures = 0;
                        self.offset += i64::try_from(rows.num_rows()).unwrap_or(0);
                        self.waiting = Some(rows);
                    }
                }
                Err(status) if may_pass(&status) && self.failures < TRIES => {
                    tracing::debug!(%status, table = %self.table, "a read from BigQuery broke off and goes on");
                    self.answers = None;
                    tokio::time::sleep(spread(WAIT * 2_u32.pow(self.failures))).await;
                    self.failures += 1;
                }
                Err(status) if matches!(status.code(), Code::NotFound | Code::FailedPrecondition) => {
                    let what = format!(
                        "what was to be read is kept for six hours, and is gone; begin anew (BigQuery says: {})",
                        status.message()
                    );
                    return Err(Error::Unsupported { table: self.table.clone(), what });
                }
                Err(status) => return Err(failed(&self.table, &status)),
            }
        }
    }

    async fn answer(&mut self) -> Result<Result<Option<ReadRowsResponse>, Status>, Error> {
        if self.answers.is_none() {
            self.decoder = StreamDecoder::new();
            match self.bigquery.reader.read(&self.stream, self.offset).await? {
                Ok(answers) => self.answers = Some(answers),
                Err(status) => return Ok(Err(status)),
            }
        }
        let Some(answers) = &mut self.answers else { return Ok(Ok(None)) };
        Ok(in_time(answers.message()).await)
    }

    fn decode(&mut self, answer: ReadRowsResponse) -> Result<Option<RecordBatch>, ArrowError> {
        if let Some(schema) = answer.arrow_schema {
            // Alone, without an end that some servers put after it.
            let schema = try_schema_from_ipc_buffer(&schema.serialized_schema)?;
            let begun = StreamWriter::try_new(Vec::new(), &schema)?;
            self.decoder.decode(&mut Buffer::from(begun.get_ref().as_slice()))?;
        }
        let Some(rows) = answer.arrow_record_batch else { return Ok(None) };
        self.decoder.decode(&mut Buffer::from(rows.serialized_record_batch))
    }

    fn wrong(&self, column: &str, error: &ArrowError) -> Error {
        let what = format!("its rows are not what its columns say: {column} {error}");
        Error::Unsupported { table: self.table.clone(), what }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn a_refusal_says_whether_it_may_pass() {
        let table: TableName = "a.b.c".parse().expect("a name");
        assert!(matches!(failed(&table, &Status::unavailable("x")), Error::Objects(objects::Error::Unavailable { .. })));
        assert!(matches!(failed(&table, &Status::permission_denied("x")), Error::Objects(objects::Error::Denied { .. })));
        assert!(matches!(failed(&table, &Status::invalid_argument("x")), Error::Unsupported { .. }));
    }

    #[test]
    fn messages_are_as_the_protocol_numbers_them() {
        let asked = ReadRowsRequest { read_stream: "s".to_owned(), offset: 3 };
        assert_eq!(asked.encode_to_vec(), [0x0a, 1, b's', 0x10, 3]);
    }
}
