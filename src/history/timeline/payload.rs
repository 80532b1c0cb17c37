//! How payloads are written.

use temporalio_common::protos::temporal::api::common::v1::{Payload, Payloads};

use super::Options;

/// `name(1, "x")`
pub(super) fn call(name: &str, arguments: Option<&Payloads>, options: Options) -> String {
    let arguments = arguments.map(|arguments| arguments.payloads.as_slice()).unwrap_or_default();
    // A unit argument is how SDKs pass no argument.
    let arguments = if arguments.iter().all(is_null) { &[] } else { arguments };
    format!("{name}({})", list(arguments, options))
}

/// ` -> 42`
pub(super) fn result(result: Option<&Payloads>, options: Options) -> String {
    let payloads = result.map(|result| result.payloads.as_slice()).unwrap_or_default();
    if payloads.is_empty() { " -> ()".to_owned() } else { format!(" -> {}", list(payloads, options)) }
}

/// Payloads with commas between them.
pub(super) fn payloads(payloads: &Payloads, options: Options) -> String {
    list(&payloads.payloads, options)
}

/// `a=1, b="x"`, by name.
pub(super) fn fields<'a>(
    fields: impl IntoIterator<Item = (&'a String, &'a Payload)>,
    options: Options,
) -> String {
    let mut fields: Vec<_> = fields.into_iter().collect();
    fields.sort_by_key(|(name, _)| *name);
    let fields = fields.iter().map(|(name, value)| format!("{name}={}", payload(value, options)));
    fields.collect::<Vec<_>>().join(", ")
}

fn list(payloads: &[Payload], options: Options) -> String {
    payloads.iter().map(|value| payload(value, options)).collect::<Vec<_>>().join(", ")
}

/// A payload as the value that it holds, if it can be read.
pub(super) fn payload(payload: &Payload, options: Options) -> String {
    let encoding = encoding(payload);
    if is_null(payload) {
        return "()".to_owned();
    }
    if encoding.starts_with("json/")
        && let Ok(text) = std::str::from_utf8(&payload.data)
    {
        return shortened(&one_line(text), options.payload_limit);
    }
    let external: i64 = payload.external_payloads.iter().map(|external| external.size_bytes).sum();
    let bytes = payload.data.len() as i128 + i128::from(external);
    let place = if external > 0 { " stored elsewhere" } else { "" };
    match encoding.as_str() {
        "" => format!("<{bytes} bytes{place}>"),
        encoding => format!("<{bytes} bytes of {encoding}{place}>"),
    }
}

fn encoding(payload: &Payload) -> String {
    payload.metadata.get("encoding").map(|it| String::from_utf8_lossy(it).into_owned()).unwrap_or_default()
}

fn is_null(payload: &Payload) -> bool {
    encoding(payload) == "binary/null"
}

/// JSON over several lines is put on one, anything else has its line feeds escaped.
pub(super) fn one_line(text: &str) -> String {
    if !text.contains(['\n', '\r']) {
        return text.to_owned();
    }
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => value.to_string(),
        Err(_) => text.escape_debug().to_string(),
    }
}

/// The text, or its beginning and `…`.
pub(super) fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
            format!("{kept}…")
        }
    }
}
