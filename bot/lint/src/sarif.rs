//! What was found, as SARIF 2.1.0, which code hosts show beside the lines.

use crate::{File, Finding, RULES, Rule};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The report as SARIF 2.1.0.
pub fn sarif(files: &[File]) -> Value {
    let rules: Vec<&Rule> = RULES.iter().copied().flatten().collect();
    let results = files.iter().flat_map(|file| {
        let findings = file.findings.as_ref().ok().into_iter().flatten();
        findings.map(|finding| result(&file.name, finding, &rules))
    });
    let not_read = files.iter().filter_map(|file| {
        let why = file.findings.as_ref().err()?;
        Some(json!({
            "level": "error",
            "message": { "text": format!("{} {why}.", file.name) },
            "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri(&file.name) } } }],
        }))
    });
    let not_read: Vec<Value> = not_read.collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "rollback-bot lint",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|rule| described(rule)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": not_read.is_empty(),
                "toolExecutionNotifications": not_read,
            }],
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

fn described(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.looks_for },
        "help": { "text": format!("{} Known from: {}.", rule.next_step, rule.source) },
        "defaultConfiguration": { "level": rule.severity.name() },
        "properties": { "group": rule.group.title() },
    })
}

fn result(file: &str, finding: &Finding, rules: &[&Rule]) -> Value {
    let number = rules.iter().position(|rule| rule.id == finding.rule.id);
    let mut message = format!("{} {}", finding.message, finding.rule.next_step);
    for typed in &finding.instead {
        let _ = write!(message, " The bot does it: {typed}");
    }
    json!({
        "ruleId": finding.rule.id,
        "ruleIndex": number,
        "level": finding.rule.severity.name(),
        "message": { "text": message },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(file) },
            "region": {
                "startLine": finding.start.line,
                "startColumn": finding.start.column,
                "endLine": finding.end.line,
                "endColumn": finding.end.column,
            },
        }}],
    })
}

/// A path as a reference: relative to where the linter was started, or from the root.
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    let path = path.strip_prefix("./").unwrap_or(path);
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                uri.push(char::from(byte));
            }
            byte => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_reference_whatever_is_in_it() {
        assert_eq!(uri("./docs/a b.md"), "docs/a%20b.md");
        assert_eq!(uri("/srv/é:x.md"), "file:///srv/%C3%A9%3Ax.md");
    }
}
