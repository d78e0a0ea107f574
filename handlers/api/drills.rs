//! `POST /api/v1/drill/report`: what was drilled in a quarter, as a file.

use super::{
    Endpoint,
    answer::{Problem, Reply},
    answered,
    caller::Caller,
    description::Problems,
};
use crate::{
    App,
    api::{DrillReportRequest, RollbackResponse},
    commands::{self, drill},
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use rollback_domain::{
    drill::Quarter,
    grammar::{ExportFormat, Verb, fields::format_field},
};

/// The report of the drills of a quarter as a file.
#[utoipa::path(
    post, path = "/api/v1/drill/report", request_body = DrillReportRequest, security(("token" = [])),
    responses(
        (
            status = 200,
            description = "The file",
            content((String = "text/markdown"), (String = "text/html"))
        ),
        (status = 403, description = "Not for them", body = RollbackResponse),
        (status = 500, description = "The file could not be written", body = RollbackResponse),
        Problems,
    )
)]
pub async fn drill_report(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let endpoint = Endpoint::looks(Verb::Drill);
    let run = async |caller: &Caller, body: DrillReportRequest| {
        let quarter = quarter(&app, body.quarter.as_deref())?;
        let format = format(body.format.as_deref().unwrap_or_default())?;
        if let Some(refusal) = caller.why_not_look(&app, endpoint).await? {
            commands::record_refusal(&app, &caller.context, endpoint.verb, &refusal).await;
            return Err(Problem::refused(StatusCode::FORBIDDEN, &refusal));
        }
        match drill::report_file(&app, quarter, format).await? {
            Ok(attachment) => Ok(Reply::File(attachment, format)),
            Err(why) => Err(Problem::unwritten(&why)),
        }
    };
    answered(&app, endpoint, headers, body, run).await
}

fn quarter(app: &App, field: Option<&str>) -> Result<Quarter, Problem> {
    let Some(field) = field.map(str::trim).filter(|field| !field.is_empty()) else {
        return Ok(Quarter::of(app.engine.clock.now()));
    };
    field
        .parse()
        .map_err(|_| Problem::misread("`quarter` is not one: write it like \"2026-Q4\".".into()))
}

fn format(field: &str) -> Result<ExportFormat, Problem> {
    match format_field(field)? {
        format @ (ExportFormat::Markdown | ExportFormat::Html) => Ok(format),
        ExportFormat::Json | ExportFormat::Csv => Err(Problem::misread(
            "The report of drills is written as `md` or `html`.".into(),
        )),
    }
}
