//! What alerts lead to: each is mapped to its service and channel, and all of a body is stored at
//! once.

use crate::{
    App,
    alerts::Alert,
    config::{AlertSource, AlertTarget},
    engine::{Error, NewAlerts, Submission},
    metrics::AlertOutcome,
};
use rollback_domain::alert::{AlertState, ReceivedAlert};
use sha2::{Digest, Sha256};

/// The longest part of a digest that is kept: enough to tell alerts apart.
const DIGEST_BYTES: usize = 12;

/// Takes the alerts of a body in, once however often it comes. What no rule fits and what has no
/// channel is only counted.
pub async fn receive(
    app: &App,
    name: &str,
    source: &AlertSource,
    body: &[u8],
    alerts: Vec<Alert>,
) -> Result<(), Error> {
    let mut services: Vec<NewAlerts> = vec![];
    for alert in alerts {
        let Some(target) = source.target(&app.config, &alert.fields) else {
            app.metrics.alert(name, AlertOutcome::Unmapped);
            continue;
        };
        app.metrics.alert(
            name,
            match alert.state {
                AlertState::Firing => AlertOutcome::Firing,
                AlertState::Resolved => AlertOutcome::Resolved,
            },
        );
        let AlertTarget {
            service,
            channel,
            wishes,
        } = target;
        let received = (received(name, alert), wishes);
        let is_same = |one: &&mut NewAlerts| one.service == service && one.channel == channel;
        match services.iter_mut().find(is_same) {
            Some(same) => same.alerts.push(received),
            None => services.push(NewAlerts {
                channel,
                service,
                alerts: vec![received],
                nudge_after: app.config.incidents.nudge_after,
            }),
        }
    }
    if services.is_empty() {
        return Ok(());
    }
    // Replicas that take different bodies lock the rows of services in one order.
    services
        .sort_by(|one, other| (&one.channel, &one.service).cmp(&(&other.channel, &other.service)));
    let key = format!("alert:{name}:{}", digest(&[body]));
    let taken = app.engine.take(&key, Submission::Alerts(services));
    taken.await.map(drop)
}

/// An alert as it is stored: without its labels, which may have anything in them.
fn received(source: &str, alert: Alert) -> ReceivedAlert {
    let Alert {
        fingerprint,
        state,
        started_at,
        ended_at,
        title,
        description,
        link,
        fields: _,
    } = alert;
    ReceivedAlert {
        source: source.to_owned(),
        key: digest(&[fingerprint.as_bytes()]),
        state,
        started_at,
        ended_at,
        title: match title.trim() {
            "" => "alert without a name".to_owned(),
            title => title.to_owned(),
        },
        description,
        link: link.filter(|link| is_plain_address(link)),
    }
    .bounded()
}

/// Whether an address can be shown: it is one of the web, and has no user or password in it.
fn is_plain_address(link: &str) -> bool {
    let url = url::Url::parse(link);
    url.is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
    })
}

fn digest(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
    }
    let digest = digest.finalize();
    hex::encode(&digest[..DIGEST_BYTES])
}
