//! A provider in under a hundred lines: a JSON file says which release serves.
//!
//! `cargo run --example minimal_provider` reads one, goes back one release, and looks. A provider
//! of the bot's own lives in `bot/providers/src`, and has a `Kind` by which the configuration knows
//! it: `bot/providers/src/releases/settings.rs` shows how little that is.

use anyhow::anyhow;
use async_trait::async_trait;
use rollback_bot::clock::Clock;
use rollback_domain::{
    grammar::Target,
    history::History,
    identity::RollbackId,
    people::Person,
    plan::{Aim, Basis, Plan},
    platform::{About, Effects, Holds, Order, Progress, ProviderError, Receipt, Timing},
    release::{Candidate, Pin, Release, Surface, Survey, Way},
    risk::{Risk, RiskRules},
};
use rollback_providers::Provider;
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

/// `{"live": "v2", "releases": ["v2", "v1"]}`, newest first.
struct JsonFile(PathBuf);

impl JsonFile {
    fn read(&self) -> Result<Value, ProviderError> {
        let contents = fs::read(&self.0).ok();
        let contents = contents.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let why = format!("{} is no JSON. Look at it.", self.0.display());
        contents.ok_or(ProviderError::Refused(why))
    }

    fn surface(contents: &Value) -> Surface {
        Surface {
            name: "file".into(),
            live: contents["live"].as_str().map(str::to_owned),
        }
    }
}

#[async_trait]
impl Provider for JsonFile {
    fn effects(&self, _way: Way) -> Effects {
        Effects {
            platform: "JSON file".into(),
            restores: vec!["the name in the file".into()],
            leaves: vec!["everything else".into()],
            after: None,
            holds: Holds::Not,
            undoable: true,
            class: Risk::Toggle,
            timing: Timing::default(),
            outage: None,
        }
    }

    async fn survey(&self, _about: &About) -> Result<Survey, ProviderError> {
        let contents = self.read()?;
        let names = contents["releases"].as_array().into_iter().flatten();
        let candidate = |name| Candidate {
            release: Release::unknown(name),
            barred: None,
            barred_forward: None,
        };
        Ok(Survey {
            candidates: names.filter_map(Value::as_str).map(candidate).collect(),
            surfaces: vec![Self::surface(&contents)],
            pin: Pin::NotNeeded,
            ..Survey::default()
        })
    }

    async fn act(&self, order: &Order) -> Result<Receipt, ProviderError> {
        let mut contents = self.read()?;
        contents["live"] = json!(order.plan.to.id);
        // Half a file is never there: until the rename nothing was done, and after it all of it.
        let next = self.0.with_extension("next");
        fs::write(&next, contents.to_string())
            .and_then(|()| fs::rename(&next, &self.0))
            .map_err(|error| ProviderError::Refused(format!("Nothing was changed: {error}.")))?;
        Ok(Receipt {
            said: format!("the file says {}", order.plan.to.id),
            ..Receipt::default()
        })
    }

    async fn observe(&self, order: &Order) -> Result<Progress, ProviderError> {
        let surface = Self::surface(&self.read()?);
        if surface.live.as_ref() != Some(&order.plan.to.id) {
            return Ok(Progress::NotAsked {
                why: format!("the file says {:?}", surface.live),
            });
        }
        Ok(Progress::Serving {
            surfaces: vec![surface],
            pin: Pin::NotNeeded,
            said: "written".into(),
        })
    }

    async fn unpin(&self, _before: &Value) -> Result<String, ProviderError> {
        Err(ProviderError::Refused("Nothing is held off here.".into()))
    }

    async fn check(&self) -> Result<String, ProviderError> {
        Ok(format!("the file says {}", self.read()?["live"]))
    }
}

/// What the bot does with it, without the approval in between.
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(&file, r#"{"live": "v2", "releases": ["v2", "v1"]}"#)?;
    let provider = JsonFile(file.path().to_owned());
    println!("check:   {}", provider.check().await?);

    let survey = provider.survey(&About::default()).await?;
    let aim = Aim {
        target: Target::Previous,
        utc_offset: 0,
        undoes: None,
        part: None,
    };
    let basis = Basis {
        service: &rollback_domain::identity::ServiceKey::new("frontend", "production"),
        survey: &survey,
        effects: &provider.effects(Way::Back),
        history: &History::default(),
        risks: &RiskRules::default(),
    };
    let now = Clock::real().now();
    let plan = Plan::draw(basis, &aim, now).map_err(|refusal| anyhow!("{refusal}"))?;
    let from = plan.from.as_ref().map_or("nothing", |from| from.label());
    println!(
        "plan:    {from} → {} ({}), class {}",
        plan.to.label(),
        plan.chosen,
        plan.risk
    );

    let order = Order {
        rollback: RollbackId::new(1),
        memory: survey.memory,
        plan,
        step: 0,
        asked_at: Some(now),
        reason: Some("checkout is down".into()),
        by: Person::new("U1", "sam"),
        tasks: vec![],
        undoes: None,
    };
    println!("act:     {}", provider.act(&order).await?.said);
    match provider.observe(&order).await? {
        Progress::Serving { surfaces, said, .. } => println!("observe: {said}, {surfaces:?}"),
        other => println!("observe: {other:?}"),
    }
    Ok(())
}
