//! What a platform's webhook leads to: the services that it names are read at once. What it says
//! has happened is not believed.

use crate::{App, config::Service, engine::Error, store::rollbacks};
use rollback_domain::{changes::Repository, identity::ServiceKey, job::Job};
use std::time::Duration;

/// How soon a platform is read again that was just read, however many webhooks arrive.
const READ_EVERY: Duration = Duration::from_secs(10);

/// What a webhook is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About<'a> {
    /// Something on a platform: the name of its provider, and what the platform calls it.
    Platform(&'static str, &'a str),
    /// A repository on GitHub, as `owner/name`.
    Repository(&'a str),
}

impl About<'_> {
    fn is(&self, service: &Service) -> bool {
        match self {
            About::Platform(provider, name) => {
                let identity = service.platform.identity();
                let mut words = identity.split(' ').map(|word| word.trim_matches('"'));
                words.next() == Some(provider) && words.any(|word| word == *name)
            }
            About::Repository(name) => {
                let repository = service.repository.as_ref();
                let repository = repository.and_then(Repository::on_github);
                repository.is_some_and(|repository| repository.eq_ignore_ascii_case(name))
            }
        }
    }
}

/// Has the platforms of the services read that one of these is about. Gives how many those are.
pub async fn look(app: &App, about: &[About<'_>]) -> Result<usize, Error> {
    let services = app.config.services.iter();
    let concerned = services.filter(|service| about.iter().any(|one| one.is(service)));
    let concerned: Vec<ServiceKey> = concerned.map(|service| service.key.clone()).collect();
    let now = app.engine.clock.now();
    let mut jobs = vec![];
    for service in &concerned {
        let snapshot = rollbacks::snapshot(&app.engine.db, service).await?;
        let again = snapshot.and_then(|(_, read_at)| read_at.checked_add(READ_EVERY).ok());
        let service = service.clone();
        jobs.push((
            Job::Survey { service },
            again.map_or(now, |again| again.max(now)),
        ));
    }
    app.engine.enqueue_at(&jobs).await?;
    Ok(concerned.len())
}
