//! Compressed bodies: the JSON and the tensors together.

use std::{
    borrow::Cow,
    io::{self, Read},
};

use axum::http::HeaderValue;
use flate2::read::{GzDecoder, ZlibDecoder};

use crate::api::decode::room;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Deflate,
}

impl Encoding {
    /// What a header says, if that is known.
    pub(super) fn of(header: Option<&HeaderValue>) -> Option<Self> {
        match header.map(HeaderValue::as_bytes) {
            None | Some(b"identity") => Some(Self::Identity),
            Some(b"gzip") => Some(Self::Gzip),
            Some(b"deflate") => Some(Self::Deflate),
            Some(_) => None,
        }
    }

    /// The body as it was before.
    pub(super) fn inflate(self, body: &[u8]) -> Result<Cow<'_, [u8]>, String> {
        match self {
            Self::Identity => Ok(Cow::Borrowed(body)),
            Self::Gzip => read(GzDecoder::new(body), body.len()),
            Self::Deflate => read(ZlibDecoder::new(body), body.len()),
        }
        .map_err(|_| "the body is not compressed as Content-Encoding says, or too long".to_owned())
    }
}

fn read<'b>(decoder: impl Read, length: usize) -> io::Result<Cow<'b, [u8]>> {
    let most = room(length);
    let mut inflated = Vec::new();
    decoder.take(most as u64 + 1).read_to_end(&mut inflated)?;
    if inflated.len() > most { Err(io::Error::other("too long")) } else { Ok(Cow::Owned(inflated)) }
}
