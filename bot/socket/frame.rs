//! What Slack says on a connection.

use crate::handlers::Envelope;
use serde::Deserialize;
use serde_json::Value;

/// One message of Slack's.
#[derive(Debug)]
pub(super) enum Frame {
    /// From now on it sends envelopes here.
    Hello {
        /// How many connections the app has, this one included.
        connections: u64,
        /// For how long this one will be there, in seconds; 0 if Slack does not say it.
        lives_for: u64,
    },
    /// It is about to close this connection.
    Disconnect {
        /// Slack's word for why.
        reason: String,
    },
    /// Something to run and to acknowledge.
    Envelope(Box<Envelope>),
    /// Anything else, which has no id to acknowledge it by.
    Unknown,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Shape {
    r#type: Option<String>,
    num_connections: Option<u64>,
    debug_info: Value,
    reason: Option<String>,
}

impl Frame {
    pub(super) fn read(text: &str) -> Self {
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            return Frame::Unknown;
        };
        if message["envelope_id"].is_string() {
            return match serde_json::from_value(message) {
                Ok(envelope) => Frame::Envelope(Box::new(envelope)),
                Err(_) => Frame::Unknown,
            };
        }
        let shape: Shape = serde_json::from_value(message).unwrap_or_default();
        match shape.r#type.as_deref() {
            Some("hello") => Frame::Hello {
                connections: shape.num_connections.unwrap_or_default(),
                lives_for: shape.debug_info["approximate_connection_time"]
                    .as_u64()
                    .unwrap_or_default(),
            },
            Some("disconnect") => Frame::Disconnect {
                reason: shape.reason.unwrap_or_default(),
            },
            Some(_) | None => Frame::Unknown,
        }
    }
}

/// What Slack's word for why a connection ends means, as a clause.
pub(super) fn meaning(reason: &str) -> &'static str {
    match reason {
        "warning" | "refresh_requested" => "Slack replaces its connections from time to time",
        "link_disabled" => {
            "Socket Mode is switched off in the settings of the Slack app, or its token was revoked"
        }
        "too_many_websockets" => {
            "the Slack app has more than ten connections: run fewer replicas, and nothing else with its token"
        }
        _ => "Slack does not say why",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_slack_says_is_read() {
        // As in Slack's documentation.
        let hello = r#"{"type":"hello","connection_info":{"app_id":"A1234"},"num_connections":2,
            "debug_info":{"host":"applink-1","started":"2020-10-11 12:12:12.120","build_number":54,
            "approximate_connection_time":3600}}"#;
        assert!(matches!(
            Frame::read(hello),
            Frame::Hello {
                connections: 2,
                lives_for: 3600
            }
        ));
        let disconnect = r#"{"type":"disconnect","reason":"link_disabled","debug_info":{"host":"wss-111.slack.com"}}"#;
        let Frame::Disconnect { reason } = Frame::read(disconnect) else {
            panic!("{disconnect}")
        };
        assert_eq!(reason, "link_disabled");
    }

    #[test]
    fn whatever_has_an_id_is_acknowledged() {
        for envelope in [
            r#"{"type":"events_api","envelope_id":"e1","payload":{},"accepts_response_payload":false,"retry_attempt":1,"retry_reason":"timeout"}"#,
            r#"{"type":"something_new","envelope_id":"e1"}"#,
            r#"{"type":"hello","envelope_id":"e1","payload":null}"#,
        ] {
            let Frame::Envelope(read) = Frame::read(envelope) else {
                panic!("{envelope}")
            };
            assert_eq!(read.envelope_id, "e1");
        }
    }

    #[test]
    fn anything_else_is_passed_over() {
        for other in [
            "",
            "not JSON",
            "[]",
            "7",
            "{}",
            r#"{"type":7}"#,
            r#"{"type":"pong"}"#,
        ] {
            assert!(matches!(Frame::read(other), Frame::Unknown), "{other}");
        }
    }
}
