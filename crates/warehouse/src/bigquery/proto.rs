//! The messages of the Storage Read API, as far as they are used.
//! Source: [google/cloud/bigquery/storage/v1](https://github.com/googleapis/googleapis/tree/master/google/cloud/bigquery/storage/v1).

use prost::Message;

/// Where the calls are.
pub(super) const CREATE_READ_SESSION: &str = "/google.cloud.bigquery.storage.v1.BigQueryRead/CreateReadSession";
pub(super) const READ_ROWS: &str = "/google.cloud.bigquery.storage.v1.BigQueryRead/ReadRows";
/// That rows come as Arrow.
pub(super) const ARROW: i32 = 2;

#[derive(Clone, PartialEq, Message)]
pub(super) struct CreateReadSessionRequest {
    #[prost(string, tag = "1")]
    pub parent: String,
    #[prost(message, optional, tag = "2")]
    pub read_session: Option<ReadSession>,
    #[prost(int32, tag = "3")]
    pub max_stream_count: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ReadSession {
    #[prost(int32, tag = "3")]
    pub data_format: i32,
    #[prost(string, tag = "6")]
    pub table: String,
    #[prost(message, optional, tag = "7")]
    pub table_modifiers: Option<TableModifiers>,
    #[prost(message, optional, tag = "8")]
    pub read_options: Option<TableReadOptions>,
    #[prost(message, repeated, tag = "10")]
    pub streams: Vec<ReadStream>,
    #[prost(int64, tag = "12")]
    pub estimated_total_bytes_scanned: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TableModifiers {
    #[prost(message, optional, tag = "1")]
    pub snapshot_time: Option<Moment>,
}

/// `google.protobuf.Timestamp`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Moment {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TableReadOptions {
    #[prost(string, repeated, tag = "1")]
    pub selected_fields: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ReadStream {
    #[prost(string, tag = "1")]
    pub name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ReadRowsRequest {
    #[prost(string, tag = "1")]
    pub read_stream: String,
    #[prost(int64, tag = "2")]
    pub offset: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ReadRowsResponse {
    #[prost(message, optional, tag = "4")]
    pub arrow_record_batch: Option<ArrowRecordBatch>,
    #[prost(message, optional, tag = "8")]
    pub arrow_schema: Option<ArrowSchema>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ArrowRecordBatch {
    #[prost(bytes = "bytes", tag = "1")]
    pub serialized_record_batch: bytes::Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ArrowSchema {
    #[prost(bytes = "bytes", tag = "1")]
    pub serialized_schema: bytes::Bytes,
}
