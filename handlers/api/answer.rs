//! Writes answers as JSON.

use crate::{
    api::{RefusalView, RollbackResponse, TimelineView},
    commands::export::Attachment,
    engine::Error,
};
use axum::{
    Json,
    body::Body,
    http::{
        StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use rollback_domain::{
    grammar::{ExportFormat, Misread},
    refusal::Refusal,
};
use tokio_util::io::ReaderStream;

/// The answer to a request that was accepted.
pub enum Reply {
    /// It was done or refused, or this is where things stand.
    Done(RollbackResponse),
    /// A job goes on with it, and its result is not known yet.
    Later(RollbackResponse),
    /// A part of a timeline.
    Timeline(TimelineView),
    /// A timeline as a file of this format.
    File(Attachment, ExportFormat),
}

/// Why a request was not accepted.
pub struct Problem {
    pub status: StatusCode,
    code: &'static str,
    sentence: String,
}

impl Problem {
    /// A body that is not understood.
    pub fn misread(sentence: String) -> Self {
        Problem {
            status: StatusCode::BAD_REQUEST,
            code: "MISREAD",
            sentence,
        }
    }

    /// A key of the caller's own that came with another request before.
    pub fn reused_key() -> Self {
        Problem {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            ..Problem::misread(
                "This Idempotency-Key came with another request before. Use a new key for each request. Nothing was run.".into(),
            )
        }
    }

    /// A body that is too large, or too slow.
    pub fn too_large(sentence: String) -> Self {
        Problem {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            ..Problem::misread(sentence)
        }
    }

    /// Something that is only in Slack.
    pub fn elsewhere(sentence: String) -> Self {
        Problem {
            status: StatusCode::NOT_FOUND,
            ..Problem::misread(sentence)
        }
    }

    /// A refusal that has a status of its own.
    pub fn refused(status: StatusCode, refusal: &Refusal) -> Self {
        Problem {
            status,
            code: refusal.code(),
            sentence: refusal.to_string(),
        }
    }

    /// A file that could not be written.
    pub fn unwritten(why: &str) -> Self {
        Problem {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "UNWRITTEN",
            sentence: format!(
                "The timeline could not be put into a file: {why}. The operator finds the reason in the log; `rollback-bot timeline` shows the entries."
            ),
        }
    }

    /// Nothing can be accepted now.
    pub fn busy(why: &str) -> Self {
        let refusal = Refusal::Busy { why: why.into() };
        Problem::refused(StatusCode::SERVICE_UNAVAILABLE, &refusal)
    }
}

impl From<Misread> for Problem {
    fn from(misread: Misread) -> Self {
        Problem::misread(misread.to_string())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        tracing::error!(%error, "a request with a token could not be accepted");
        Problem::busy("the database does not answer")
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Problem::from(Error::from(error))
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        match self {
            Reply::Done(response) => Json(response).into_response(),
            Reply::Later(response) => (StatusCode::ACCEPTED, Json(response)).into_response(),
            Reply::Timeline(timeline) => Json(timeline).into_response(),
            Reply::File(attachment, format) => file(attachment, format),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let response = refusal(self.code, self.sentence);
        (self.status, Json(response)).into_response()
    }
}

/// A file that is saved and not shown, whoever asks for it.
fn file(attachment: Attachment, format: ExportFormat) -> Response {
    let Attachment { name, written } = attachment;
    let kind = match format {
        ExportFormat::Markdown => "text/markdown; charset=utf-8",
        ExportFormat::Json => "application/json",
        ExportFormat::Csv => "text/csv; charset=utf-8",
        ExportFormat::Html => "text/html; charset=utf-8",
    };
    let headers = [
        (CONTENT_TYPE, kind.to_owned()),
        (CONTENT_LENGTH, written.bytes.to_string()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    let file = tokio::fs::File::from_std(written.file);
    (headers, Body::from_stream(ReaderStream::new(file))).into_response()
}

/// A body that says only why nothing was done.
pub fn refusal(code: &str, sentence: String) -> RollbackResponse {
    RollbackResponse {
        text: sentence.clone(),
        refused: Some(RefusalView {
            code: code.to_owned(),
            sentence,
        }),
        ..RollbackResponse::default()
    }
}
