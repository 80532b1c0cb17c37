//! One gRPC call on an HTTP/2 stream: a message in, a message or an error out.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http_body::Frame;
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Body as _, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
};
use tonic::{Code, Status, body::Body};

use super::budget::Held;

const CONTENT: HeaderValue = HeaderValue::from_static("application/grpc");

/// A flag that says whether the message is compressed, and four bytes that say how long it is.
const PREFIX: usize = 5;

/// Reads the one message of a request, and holds it. A message of more than `most` bytes is refused, before it is read if it says so.
///
/// # Errors
///
/// In the codes and, where clients go by them, the words of a server that is written in Go.
pub(super) async fn read(request: Request<Incoming>, most: usize, held: &mut Held) -> Result<Bytes, Status> {
    let encoding = request.headers().get("grpc-encoding").cloned();
    let mut body = request.into_body();
    let (mut whole, mut bytes, mut received) = (None, BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Status::cancelled(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if !held.add(data.len()) {
            return Err(overloaded());
        }
        received += data.len();
        if bytes.is_empty() && body.is_end_stream() && data.len() >= PREFIX {
            // The whole message in one frame, as most are: there is no need to copy it.
            whole = Some(data);
            break;
        }
        bytes.put(data);
        check_size(&bytes, most)?;
    }
    let message = message(whole.unwrap_or_else(|| bytes.freeze()), encoding.as_ref(), most)?;
    // What was compressed takes more than what has come.
    if held.add(message.len().saturating_sub(received)) { Ok(message) } else { Err(overloaded()) }
}

/// Takes a message out of its frame.
fn message(mut bytes: Bytes, encoding: Option<&HeaderValue>, most: usize) -> Result<Bytes, Status> {
    if bytes.is_empty() {
        return Err(Status::internal("the request has no message"));
    }
    check_size(&bytes, most)?;
    if bytes.len() < PREFIX {
        return Err(Status::internal("the request ends within its message"));
    }
    let compressed = bytes.get_u8() != 0;
    let length = bytes.get_u32() as usize;
    if bytes.len() != length {
        return Err(Status::internal("the request does not have the one message that it says it has"));
    }
    if !compressed {
        return Ok(bytes);
    }
    match encoding.map(HeaderValue::as_bytes) {
        Some(b"gzip") => decompress(&bytes, most),
        other => {
            let encoding = String::from_utf8_lossy(other.unwrap_or_default());
            let message = format!("grpc: Decompressor is not installed for grpc-encoding {encoding:?}");
            Err(Status::unimplemented(message))
        }
    }
}

fn decompress(bytes: &[u8], most: usize) -> Result<Bytes, Status> {
    use std::io::Read as _;

    let mut message = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    flate2::read::GzDecoder::new(bytes).take(limit).read_to_end(&mut message).map_err(|error| {
        Status::internal(format!("grpc: failed to decompress the received message: {error}"))
    })?;
    if message.len() > most { Err(too_large(message.len(), most)) } else { Ok(message.into()) }
}

/// Refuses a message that says, or shows, that it is larger than messages may be.
fn check_size(bytes: &[u8], most: usize) -> Result<(), Status> {
    let announced = match bytes {
        [_, a, b, c, d, ..] => u32::from_be_bytes([*a, *b, *c, *d]) as usize,
        _ => 0,
    };
    let size = announced.max(bytes.len().saturating_sub(PREFIX));
    if size > most { Err(too_large(size, most)) } else { Ok(()) }
}

/// SDKs look for these words, to tell their users which of their payloads was too large.
fn too_large(size: usize, most: usize) -> Status {
    Status::resource_exhausted(format!("grpc: received message larger than max ({size} vs. {most})"))
}

/// The server holds as much as it may.
fn overloaded() -> Status {
    Status::resource_exhausted("the server has too many large requests and answers in hand")
}

/// An answer, which is held until it is on its way.
pub(super) fn answer(message: &[u8], mut held: Held) -> Response<Body> {
    if !held.add(message.len()) {
        return error(&overloaded());
    }
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    let Ok(length) = u32::try_from(message.len()) else {
        return error(&Status::internal("the answer is too large for gRPC"));
    };
    frame.put_u32(length);
    frame.put(message);
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let mut response =
        Response::new(Body::new(Message { data: Some((frame.freeze(), held)), trailers: Some(trailers) }));
    response.headers_mut().insert(CONTENT_TYPE, CONTENT);
    response
}

/// An error, with its details.
pub(super) fn error(status: &Status) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(CONTENT_TYPE, CONTENT);
    if status.add_header(response.headers_mut()).is_err() {
        let code = HeaderValue::from(Code::Internal as i32);
        response.headers_mut().insert("grpc-status", code);
    }
    response
}

/// What is no gRPC at all.
pub(super) fn not_grpc(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    response
}

/// One message and the trailers behind it.
struct Message {
    data: Option<(Bytes, Held)>,
    trailers: Option<HeaderMap>,
}

impl http_body::Body for Message {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let data = self.data.take().map(|(data, _)| Frame::data(data));
        Poll::Ready(data.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn framed(flag: u8, length: u32, bytes: &[u8]) -> Bytes {
        let mut frame = vec![flag];
        frame.extend(length.to_be_bytes());
        frame.extend(bytes);
        frame.into()
    }

    fn check(frame: Bytes, encoding: Option<&'static str>, expected: Result<&[u8], (Code, &str)>) {
        let encoding = encoding.map(HeaderValue::from_static);
        match (message(frame, encoding.as_ref(), 8), expected) {
            (Ok(message), Ok(expected)) => assert_eq!(message, expected),
            (Err(status), Err((code, words))) => {
                assert_eq!(status.code(), code);
                assert!(status.message().contains(words), "{}", status.message());
            }
            (read, expected) => panic!("{read:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn a_message_is_read_out_of_its_frame() {
        check(framed(0, 3, b"abc"), None, Ok(b"abc"));
        check(framed(0, 0, b""), None, Ok(b""));
    }

    #[test]
    fn a_compressed_message_is_read() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"abc").expect("into memory");
        let bytes = encoder.finish().expect("into memory");
        let frame = framed(1, bytes.len() as u32, &bytes);
        let encoding = HeaderValue::from_static("gzip");
        assert_eq!(message(frame.clone(), Some(&encoding), 64).expect("a message"), "abc");
        let status = message(frame, Some(&encoding), 2).unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let internal = |words| Err((Code::Internal, words));
        check(Bytes::new(), None, internal("no message"));
        check(framed(0, 0, b"").split_to(3), None, internal("ends within"));
        check(framed(0, 3, b"ab"), None, internal("does not have the one message"));
        check(framed(0, 1, b"ab"), None, internal("does not have the one message"));
        check(framed(1, 1, b"a"), Some("br"), Err((Code::Unimplemented, "grpc-encoding \"br\"")));
        check(framed(1, 2, b"ab"), Some("gzip"), internal("failed to decompress"));
        let words = "grpc: received message larger than max (4294967295 vs. 8)";
        check(framed(0, u32::MAX, b"ab"), None, Err((Code::ResourceExhausted, words)));
    }
}
