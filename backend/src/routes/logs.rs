//! A pipeline's log: stored, as a file, and followed over a WebSocket.
//!
//! A follower is served from the store until it has caught up, and from then on by the feed, whose lines are rendered once for
//! all followers. Where the feed leaves a gap, the store fills it. So nobody misses or sees a line twice, however late or
//! slow, and nobody slows the pipeline.

use std::time::Duration;

use axum::{
    Json,
    body::Body,
    extract::{
        Path, Query, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code},
    },
    http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use bus::{LogBatch, LogFeed, News};
use contract::{LogEnd, LogFrame, LogLine, PipelineId, PipelineStatus};
use futures_util::{SinkExt, TryStreamExt};
use serde::Deserialize;
use service::ApiError;
use store::StoreError;

use crate::{
    Backend,
    error::from_store,
    routes::{parse, pipelines::Page},
};

/// How many lines are read and sent at once.
const BATCH: usize = 1000;
/// The most lines of one answer.
const PAGE_MAX: usize = 10_000;
/// A follower that takes no line for so long is let go; it comes back with `after`.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the store is asked when nothing is announced, and the connection is kept warm.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct After {
    /// Lines after this number.
    #[serde(default)]
    after: u64,
    /// At most so many; 1000 when nobody says, never more than 10000.
    limit: Option<usize>,
}

/// Lines of a pipeline's log, in order.
#[utoipa::path(
    get, path = "/api/pipelines/{id}/logs", operation_id = "getLogs", tag = "pipelines", params(After),
    responses((status = OK, body = Page<LogLine>)),
)]
pub(crate) async fn stored(
    State(backend): State<Backend>,
    Path(id): Path<String>,
    Query(query): Query<After>,
) -> Result<Json<Page<LogLine>>, ApiError> {
    let id: PipelineId = parse(&id)?;
    backend.store.pipelines.pipeline(id).await.map_err(from_store)?;
    let limit = query.limit.unwrap_or(BATCH).clamp(1, PAGE_MAX);
    // One more than asked for tells whether there are more now.
    let mut items = backend.store.pipelines.logs(id, query.after, limit + 1).await.map_err(from_store)?;
    let is_cut = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| is_cut).map(|line| line.seq.to_string());
    Ok(Json(Page { items, next }))
}

/// A pipeline's log as a text file, as far as it has got.
#[utoipa::path(
    get, path = "/api/pipelines/{id}/logs.txt", operation_id = "downloadLogs", tag = "pipelines",
    responses((status = OK, body = String, content_type = "text/plain")),
)]
pub(crate) async fn download(State(backend): State<Backend>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let id: PipelineId = parse(&id)?;
    let end = backend.store.pipelines.details(id).await.map_err(from_store)?.log_lines;
    let store = backend.store.clone();
    let text = futures_util::stream::try_unfold(0, move |sent| {
        let store = store.clone();
        async move {
            let wanted = usize::try_from(end.saturating_sub(sent)).unwrap_or(BATCH).min(BATCH);
            let lines = if wanted == 0 { Vec::new() } else { store.pipelines.logs(id, sent, wanted).await? };
            Ok::<_, StoreError>(lines.last().map(|last| (lines.iter().map(text_line).collect::<String>(), last.seq)))
        }
    });
    let text = text.inspect_err(move |error| tracing::error!(pipeline.id = %id, %error, "a log's download was cut off"));
    let name = format!("attachment; filename=\"pipeline-{id}.txt\"");
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CONTENT_DISPOSITION, &name), (CACHE_CONTROL, "no-cache")];
    Ok((headers, Body::from_stream(text)).into_response())
}

/// A line of the text file.
fn text_line(line: &LogLine) -> String {
    let cell = line.cell.map_or(String::new(), |cell| format!(" [{cell}]"));
    format!("{:<30} {:>8}{cell:<5} {}\n", line.at.to_string(), line.phase, line.text)
}

/// `WS /ws/pipelines/{id}/logs?after=`.
pub(crate) async fn follow(
    State(backend): State<Backend>,
    Path(id): Path<String>,
    Query(query): Query<After>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    let id: PipelineId = parse(&id)?;
    backend.store.pipelines.pipeline(id).await.map_err(from_store)?;
    Ok(upgrade.on_upgrade(move |socket| async move {
        let mut follower = Follower { socket, id, sent: query.after };
        if let Err(error) = follower.run(&backend).await {
            tracing::debug!(pipeline.id = %id, error = %error, "a log's follower went away");
        }
    }))
}

struct Follower {
    socket: WebSocket,
    id: PipelineId,
    /// The number of the last line sent.
    sent: u64,
}

/// Why a follower stopped listening to the feed.
enum Pause {
    /// There may be lines that the feed did not bring.
    Gap,
    /// The log ended; it may be opened again by a retry.
    Ended,
    /// The follower left, or the backend stops.
    Over,
}

impl Follower {
    async fn run(&mut self, backend: &Backend) -> anyhow::Result<()> {
        let mut feed = backend.bus.hub.subscribe(self.id);
        loop {
            // The status is read before the lines: when it is final, the lines that follow are all there are.
            let status = backend.store.pipelines.pipeline(self.id).await?.status;
            while self.send_stored(backend).await? == BATCH {}
            if status.is_final() {
                return self.end(status).await;
            }
            match self.listen(backend, &mut feed).await? {
                Pause::Gap => {}
                Pause::Ended => feed = backend.bus.hub.subscribe(self.id),
                Pause::Over => return Ok(()),
            }
        }
    }

    /// Passes on what the feed brings, for as long as it continues what was sent.
    async fn listen(&mut self, backend: &Backend, feed: &mut LogFeed) -> anyhow::Result<Pause> {
        loop {
            tokio::select! {
                news = feed.next() => match news {
                    News::Batch(batch) if batch.first_seq <= self.sent + 1 => self.send_live(&batch).await?,
                    News::Batch(_) | News::Lagged => return Ok(Pause::Gap),
                    News::Ended => return Ok(Pause::Ended),
                },
                () = tokio::time::sleep(KEEP_ALIVE) => {
                    self.send(Message::Ping(bytes::Bytes::new())).await?;
                    return Ok(Pause::Gap);
                }
                () = backend.process.shutdown.cancelled() => {
                    self.close(close_code::RESTART, "this backend is stopping; another one goes on after the last line").await?;
                    return Ok(Pause::Over);
                }
                message = self.socket.recv() => match message {
                    Some(Ok(Message::Close(_))) | None => return Ok(Pause::Over),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error.into()),
                },
            }
        }
    }

    /// Sends the lines of a batch that were not sent yet.
    async fn send_live(&mut self, batch: &LogBatch) -> anyhow::Result<()> {
        let known = usize::try_from(self.sent + 1 - batch.first_seq)?;
        for frame in batch.frames.iter().skip(known) {
            self.feed(Utf8Bytes::try_from(frame.clone())?).await?;
        }
        self.sent = self.sent.max(batch.last_seq);
        self.flush().await
    }

    async fn send_stored(&mut self, backend: &Backend) -> anyhow::Result<usize> {
        let lines = backend.store.pipelines.log_frames(self.id, self.sent, BATCH).await?;
        let count = lines.len();
        for (seq, frame) in lines {
            self.sent = seq;
            self.feed(frame.into()).await?;
        }
        if count > 0 {
            self.flush().await?;
        }
        Ok(count)
    }

    async fn feed(&mut self, frame: Utf8Bytes) -> anyhow::Result<()> {
        Ok(tokio::time::timeout(SEND_TIMEOUT, self.socket.feed(Message::Text(frame))).await??)
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        Ok(tokio::time::timeout(SEND_TIMEOUT, self.socket.flush()).await??)
    }

    async fn end(&mut self, end: PipelineStatus) -> anyhow::Result<()> {
        let text = serde_json::to_string(&LogFrame::End(LogEnd { end }))?;
        self.send(Message::Text(text.into())).await?;
        self.close(close_code::NORMAL, "").await
    }

    /// Says goodbye and waits for the answer, so that the last lines are not lost with the connection.
    async fn close(&mut self, code: u16, reason: &'static str) -> anyhow::Result<()> {
        self.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await?;
        let answer = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        // A peer that doesn't answer is gone all the same.
        drop(tokio::time::timeout(KEEP_ALIVE, answer).await);
        Ok(())
    }

    async fn send(&mut self, message: Message) -> anyhow::Result<()> {
        Ok(tokio::time::timeout(SEND_TIMEOUT, self.socket.send(message)).await??)
    }
}
