//! A platform that the configuration describes: which calls it takes, and where in its answers
//! what stands.
//!
//! `command` and `http` are this, with programs and with requests. Whatever a call answers, it is
//! *accepted* and nothing more: what serves is read afterwards. A change is asked for once; where
//! it is not known what became of it, only looking leads on.

pub(crate) mod call;
pub(crate) mod fields;
pub mod presets;
mod progress;
mod releases;
pub(crate) mod settings;
pub(crate) mod template;

use crate::{Provider, registry::ProviderSettings};
use async_trait::async_trait;
use call::{Accepted, Call, Connection, Purpose};
use fields::{Misfit, rows};
use progress::{Look, progress};
use releases::{candidates, content, content_of_row, request_id};
use reqwest::Client;
use rollback_domain::{
    platform::{About, DryRun, Effects, Order, Progress, ProviderError, Receipt},
    release::{Candidate, Pin, Release, Surface, Survey, Way},
    risk::Risk,
};
use rollback_http::{cut, one_line};
use serde_json::{Map, Value, json};
use settings::{Description, JOB, LIVE, When};
use std::sync::Arc;
use template::Values;

/// The longest reason that a call is filled with, in characters.
const REASON_AT_MOST: usize = 200;
/// The step in which automatic deploys are held off, where that comes last.
const PIN_STEP: u32 = 1;

/// A platform that is asked by one kind of call.
#[derive(Clone, Debug)]
pub(crate) struct Configured<C: Call> {
    http: Client,
    described: Description<C>,
}

impl<C: Call> ProviderSettings for Description<C> {
    fn identity(&self) -> String {
        self.roll_back.call.identity(&self.shared, &self.values)
    }

    fn class(&self) -> Option<Risk> {
        Some(self.effects.class)
    }

    fn connect(&self, http: &Client) -> Arc<dyn Provider> {
        Arc::new(Configured {
            http: http.clone(),
            described: self.clone(),
        })
    }
}

/// What was read of what serves.
struct Reading {
    candidates: Vec<Candidate>,
    surfaces: Vec<Surface>,
    /// What the platform itself calls what serves.
    live: Option<String>,
    in_flight: Option<String>,
    pin: Pin,
    kept: Map<String, Value>,
}

impl<C: Call> Configured<C> {
    fn platform(&self) -> &str {
        &self.described.effects.platform
    }

    /// Makes a call, with these values besides the ones that all calls have.
    async fn send(
        &self,
        call: &C,
        values: &Values,
        purpose: Purpose<'_>,
    ) -> Result<Accepted, ProviderError> {
        let within = match purpose {
            Purpose::Read(_) => self.described.read_within,
            Purpose::Change(_) => self.described.roll_back_within,
        };
        let connection = Connection {
            platform: self.platform(),
            http: &self.http,
            shared: &self.described.shared,
            values,
            within,
        };
        call.send(connection, purpose).await
    }

    /// Makes a call that reads, and reads its answer.
    async fn read(&self, call: &C, values: &Values, what: &str) -> Result<Value, ProviderError> {
        let accepted = self.send(call, values, Purpose::Read(what)).await?;
        C::document(&accepted.body).map_err(|misfit| self.unfit(what, &misfit))
    }

    /// What is wrong with an answer that was read.
    fn unfit(&self, what: &str, misfit: &Misfit) -> ProviderError {
        ProviderError::Refused(format!(
            "{}'s answer about {what} is not what the configuration says: {}. Compare it with the platform's answer, and correct the call or its pointers.",
            self.platform(),
            misfit.clause()
        ))
    }

    /// Reads everything.
    async fn look(&self) -> Result<Reading, ProviderError> {
        let described = &self.described;
        let values = &described.values;
        let list = self.read(&described.list, values, "its releases");
        let (list, live) = match &described.live.call {
            None => (list.await?, None),
            Some(call) => {
                let live = self.read(call, values, "what serves");
                let (list, live) = tokio::try_join!(list, live)?;
                (list, Some(live))
            }
        };
        let candidates = candidates(&described.releases, &list)
            .map_err(|misfit| self.unfit("its releases", &misfit))?;
        let answer = live.as_ref().unwrap_or(&list);
        let mut reading = self
            .serving(answer, live.is_none(), candidates)
            .map_err(|misfit| self.unfit("what serves", &misfit))?;
        reading.pin = self.pin_state(answer, reading.live.as_deref()).await?;
        Ok(reading)
    }

    /// Reads what serves out of an answer, which may be the list of releases.
    fn serving(
        &self,
        answer: &Value,
        is_list: bool,
        candidates: Vec<Candidate>,
    ) -> Result<Reading, Misfit> {
        let (releases, live) = (&self.described.releases, &self.described.live);
        let own = match (live.is_own, answer.is_array(), answer.get("surfaces")) {
            (true, true, _) => Some(vec![String::new()]),
            (true, false, Some(_)) => Some(vec!["/surfaces".to_owned()]),
            (true, false, None) | (false, _, _) => None,
        };
        let at = live.rows.as_ref().or(is_list.then_some(&releases.rows));
        let at = at.or(own.as_ref());
        let all = match at {
            Some(at) => rows(answer, at)?,
            None => vec![answer],
        };
        let in_flight = all.iter().chain([&answer]).find_map(|row| {
            let condition = live.in_flight.as_ref()?;
            condition.holds(row).then(|| condition.values(row))
        });
        let is_live = |row: &&Value| {
            // A line that does not match says nothing of what serves.
            let is_other = live.id.selects() && live.id.of(row).is_none();
            live.when.holds(row) && !is_other
        };
        let rows: Vec<&Value> = all.into_iter().filter(is_live).collect();
        // Lines of which none matches are something else than what was expected.
        if live.id.selects() && rows.is_empty() && !is_list && answer != &json!([]) {
            let expected = format!("what serves {}", live.id.place());
            return Err(Misfit::new(expected, &answer.to_string()));
        }
        let surfaces = self.surfaces(&rows, is_list, &candidates);
        let is_one = at.is_none() && !live.is_own;
        if is_one && !live.id.fits(answer) {
            let expected = format!("what serves {}", live.id.place());
            return Err(Misfit::new(expected, &answer.to_string()));
        }
        let kept = live
            .keep
            .iter()
            .filter_map(|(name, field)| Some((name.clone(), Value::String(field.of(answer)?))));
        Ok(Reading {
            live: rows.iter().find_map(|row| live.id.of(row)),
            kept: kept.collect(),
            surfaces,
            in_flight,
            candidates,
            pin: Pin::Unknown,
        })
    }

    /// What each of these rows serves.
    fn surfaces(&self, rows: &[&Value], is_list: bool, candidates: &[Candidate]) -> Vec<Surface> {
        let (releases, live) = (&self.described.releases, &self.described.live);
        let surface = |(number, row): (usize, &&Value)| {
            let content = match is_list {
                true => content_of_row(releases, row, candidates),
                false => live
                    .id
                    .of(row)
                    .map(|id| content(candidates, &id).unwrap_or(id)),
            };
            let named = live.name.as_ref().and_then(|name| name.of(row));
            let unnamed = || match rows.len() {
                1 => "production".to_owned(),
                _ => format!("production {number}"),
            };
            Surface {
                name: named.map_or_else(unnamed, |name| cut(&one_line(&name), 80)),
                live: content.map(|id| one_line(&id)),
            }
        };
        (1..).zip(rows).map(surface).collect()
    }

    /// Whether automatic deploys are held off: by an answer of its own, or by that about what
    /// serves.
    async fn pin_state(&self, answer: &Value, live: Option<&str>) -> Result<Pin, ProviderError> {
        let pinning = &self.described.pinning;
        if pinning.when == When::Not {
            return Ok(Pin::NotNeeded);
        }
        let Some((call, switch)) = &pinning.state else {
            return Ok(Pin::Unknown);
        };
        let is_on = match call {
            None => switch.is_on(answer),
            Some(call) => {
                let what = "whether automatic deploys are held off";
                let values = self.values_about(live);
                switch.is_on(&self.read(call, &values, what).await?)
            }
        };
        Ok(match is_on {
            Some(true) => Pin::On,
            Some(false) => Pin::Off,
            None => Pin::Unknown,
        })
    }

    /// What the calls about automatic deploys are filled with.
    fn values_about(&self, live: Option<&str>) -> Values {
        let mut values = self.described.values.clone();
        values.set_known(LIVE, live);
        values
    }

    /// What the calls about one rollback are filled with.
    fn values_of(&self, order: &Order) -> Values {
        let plan = &order.plan;
        let mut values = self.described.values.clone();
        values.set("id", request_id(&plan.to));
        values.set_known("version", plan.to.version.as_deref());
        values.set_known("sha", plan.to.sha.as_deref());
        values.set_known("from", plan.from.as_ref().map(|from| from.id.as_str()));
        values.set("rollback", order.rollback.to_string());
        let reason = order.reason.as_deref().unwrap_or("no reason was written");
        values.set("because", cut(&one_line(reason), REASON_AT_MOST));
        values.set("by", one_line(&order.by.with_agent(order.by.name.clone())));
        values.set_known(JOB, order.memory.get("job").and_then(Value::as_str));
        let kept = order.memory.get("kept").and_then(Value::as_object);
        for (name, value) in kept.into_iter().flatten() {
            values.set_known(name, value.as_str());
        }
        values
    }

    /// Asks for the release itself.
    async fn roll_back(&self, order: &Order) -> Result<Receipt, ProviderError> {
        let roll_back = &self.described.roll_back;
        let what = format!("go to {}", order.plan.to.label());
        let values = self.values_of(order);
        let accepted = self
            .send(&roll_back.call, &values, Purpose::Change(&what))
            .await?;
        let mut memory = order.memory.as_object().cloned().unwrap_or_default();
        memory.insert("accepted".into(), json!(true));
        if let Some(field) = &roll_back.job {
            let document = C::document(&accepted.body);
            let job = document.and_then(|document| {
                let expected = format!("the request's own id {}", field.place());
                let seen = document.to_string();
                field.of(&document).ok_or(Misfit::new(expected, &seen))
            });
            let job = job.map_err(|misfit| {
                ProviderError::Unanswered(format!(
                    "{} was asked, and its answer is not what the configuration says: {}. I'm checking what serves and won't send the request again.",
                    self.platform(),
                    misfit.clause()
                ))
            })?;
            memory.insert(JOB.into(), json!(cut(&one_line(&job), 200)));
        }
        Ok(Receipt {
            said: accepted.outcome,
            memory: Value::Object(memory),
            ..Receipt::default()
        })
    }

    /// Holds automatic deploys off as the last step. The target serves by now, so a refusal is
    /// told and is no failure of the rollback.
    async fn hold_off_last(&self, order: &Order) -> Result<Receipt, ProviderError> {
        let mut memory = order.memory.as_object().cloned().unwrap_or_default();
        let (outcome, key) = match self.switch(Pin::On).await {
            Ok(outcome) => (outcome, "pinned"),
            Err(ProviderError::Refused(why)) => (
                format!("automatic deploys could not be held off: {why}"),
                "pin_refused",
            ),
            Err(error) => return Err(error),
        };
        memory.insert(key.into(), json!(outcome));
        Ok(Receipt {
            said: outcome,
            memory: Value::Object(memory),
            ..Receipt::default()
        })
    }

    /// Holds automatic deploys off, or lets them go live; gives what was read back, as a clause.
    async fn switch(&self, to: Pin) -> Result<String, ProviderError> {
        let pinning = &self.described.pinning;
        let (call, purpose, done, by_hand) = match to {
            Pin::On => (
                &pinning.pin,
                "hold automatic deploys off",
                "automatic deploys are held off",
                None,
            ),
            Pin::Off | Pin::NotNeeded | Pin::Unknown => (
                &pinning.unpin,
                "let automatic deploys go live",
                "automatic deploys go live again",
                pinning.unpin_by_hand.as_deref(),
            ),
        };
        let before = self.look().await?;
        if before.pin == to {
            return Ok(format!("{done} already (read back), nothing was changed"));
        }
        let Some(call) = call else {
            return Err(ProviderError::Refused(match by_hand {
                Some(by_hand) => format!("{}: {by_hand}", self.platform()),
                None => format!("{}: no call is configured for it.", self.platform()),
            }));
        };
        let values = self.values_about(before.live.as_deref());
        let answer = self.send(call, &values, Purpose::Change(purpose)).await;
        let answer = match answer {
            Ok(accepted) => accepted.outcome,
            // What was done may be more than what was answered: what is read back counts.
            Err(ProviderError::Unanswered(why)) => why,
            Err(error) => return Err(error),
        };
        match self.look().await {
            Ok(now) if now.pin == to => Ok(format!("{done} (read back)")),
            Ok(_) => Err(ProviderError::Busy {
                why: format!(
                    "{} was asked to {purpose} ({answer}), and does not show it. It is asked again; if this stays, look at it there.",
                    self.platform()
                ),
                retry_after: None,
            }),
            Err(error) => Err(ProviderError::Unanswered(format!(
                "{} was asked to {purpose} ({answer}). It was not read back: {error}",
                self.platform()
            ))),
        }
    }

    /// The state of the request, where the platform tells it.
    async fn state(&self, order: &Order) -> Result<Option<(String, bool)>, ProviderError> {
        let Some(observe) = &self.described.observe else {
            return Ok(None);
        };
        let values = self.values_of(order);
        if observe.needs_job && !values.has(JOB) {
            return Ok(None);
        }
        let document = self.read(&observe.call, &values, "the request").await?;
        let Some(state) = observe.state.of(&document) else {
            return Ok(None);
        };
        let has_failed = observe.failed.contains(&state);
        let message = observe.message.as_ref();
        let clause = match message.and_then(|message| message.of(&document)) {
            Some(message) => format!("{state}: {message}"),
            None => state,
        };
        Ok(Some((cut(&one_line(&clause), 200), has_failed)))
    }
}

#[async_trait]
impl<C: Call> Provider for Configured<C> {
    fn effects(&self, _way: Way) -> Effects {
        self.described.effects.clone()
    }

    async fn survey(&self, _about: &About) -> Result<Survey, ProviderError> {
        let reading = self.look().await?;
        let memory = match reading.kept.is_empty() {
            true => Value::Null,
            false => json!({ "kept": reading.kept }),
        };
        Ok(Survey {
            candidates: reading.candidates,
            surfaces: reading.surfaces,
            pin: reading.pin,
            in_flight: reading.in_flight,
            memory,
            ..Survey::default()
        })
    }

    async fn dry_run(
        &self,
        _survey: &Survey,
        to: &Release,
        about: &About,
    ) -> Result<DryRun, ProviderError> {
        let dry_run = DryRun::of(self.effects(about.way));
        Ok(match self.described.pinning.when {
            When::After => DryRun {
                steps: vec![
                    format!("go to {}", to.label()),
                    "hold automatic deploys off".into(),
                ],
                ..dry_run
            },
            When::Not | When::ByItself | When::Before => dry_run,
        })
    }

    async fn act(&self, order: &Order) -> Result<Receipt, ProviderError> {
        match (order.step, self.described.pinning.when) {
            (0, _) => self.roll_back(order).await,
            (PIN_STEP, When::After) => self.hold_off_last(order).await,
            (step, _) => Err(ProviderError::Refused(format!(
                "{} has no step {}. Ask for a new plan.",
                self.platform(),
                step + 1
            ))),
        }
    }

    async fn observe(&self, order: &Order) -> Result<Progress, ProviderError> {
        // What serves counts: a request that the platform does not show any more hides nothing.
        let state = match self.state(order).await {
            Err(ProviderError::Refused(_)) => None,
            state => state?,
        };
        let reading = self.look().await?;
        Ok(progress(
            order,
            Look {
                platform: self.platform(),
                state,
                pins_last: self.described.pinning.when == When::After,
                reading,
            },
        ))
    }

    async fn pin(&self) -> Result<String, ProviderError> {
        match self.described.pinning.when {
            When::Before => self.switch(Pin::On).await,
            When::Not | When::ByItself | When::After => Err(ProviderError::Refused(format!(
                "{}: automatic deploys cannot be held off from here.",
                self.platform()
            ))),
        }
    }

    async fn unpin(&self, _before: &Value) -> Result<String, ProviderError> {
        match self.described.pinning.when {
            When::ByItself | When::Before | When::After => self.switch(Pin::Off).await,
            When::Not => Err(ProviderError::Refused(format!(
                "{}: nothing is pinned, no automatic deploys are held off. The next deploy goes live as it always does.",
                self.platform()
            ))),
        }
    }

    async fn check(&self) -> Result<String, ProviderError> {
        let described = &self.described;
        let pinning = &described.pinning;
        let calls = [Some(&described.list), described.live.call.as_ref()]
            .into_iter()
            .chain([Some(&described.roll_back.call), described.check.as_ref()])
            .chain([described.observe.as_ref().map(|observe| &observe.call)])
            .chain([pinning.pin.as_ref(), pinning.unpin.as_ref()])
            .chain([pinning.state.as_ref().and_then(|(call, _)| call.as_ref())]);
        for call in calls.flatten() {
            if let Some(lack) = call.lacks(&described.shared, &described.values) {
                let platform = self.platform();
                return Err(ProviderError::Refused(format!("{platform}: {lack}.")));
            }
        }
        if let Some(check) = &described.check {
            let purpose = Purpose::Read("whether it can be used");
            self.send(check, &described.values, purpose).await?;
        }
        let reading = self.look().await?;
        let live = reading.surfaces.iter().find_map(|surface| {
            let live = surface.live.as_deref()?;
            let known = reading
                .candidates
                .iter()
                .find(|known| known.release.is(live));
            Some(known.map_or(live, |known| known.release.label()).to_owned())
        });
        Ok(format!(
            "{} releases are listed, {} serves",
            reading.candidates.len(),
            live.as_deref().unwrap_or("nothing that is known")
        ))
    }
}
