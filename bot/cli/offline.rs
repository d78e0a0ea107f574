//! One rollback without a server: the same engine and the same jobs, in this process, alone with
//! the record. What is to be said in Slack stays for the server, which finds it done.

use super::{TOKEN, mistaken};
use crate::{
    App,
    api::{self, Progress, RollbackResponse, view},
    clock::Clock,
    commands::{self, Answer, Context, queue},
    config::Config,
    messages::stamp,
    store::{
        replies::{self, OURS, Reply},
        rollbacks, timelines, tokens,
    },
    terminal::{self, cell},
    worker,
};
use anyhow::{Context as _, bail};
use clap::Args;
use rollback_domain::{
    authority::Truth,
    grammar::{self, Request, Verb, fields::rollback_field, verbs::Propose},
    identity::RollbackId,
    job::Job,
    people::{Membership, Person},
    refusal::Source,
    rollback::{Act, Confirmed, Rollback, State},
};
use std::{
    env,
    io::{self, BufRead},
    process::ExitCode,
    time::Duration,
};

/// The variable that has a second person's token, when nobody is at the terminal.
const SECOND: &str = "ROLLBACK_BOT_TOKEN_2";
/// How often it is looked whether something is due.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// One rollback, without a server.
#[derive(Debug, Args)]
pub struct Offline {
    /// That no server is asked. There is no other way to run one from here.
    #[arg(long, required = true)]
    offline: bool,
    /// The words, as in Slack, with a reason: `frontend because checkout 500s`; or the number of a
    /// rollback that is open: `RB-1`.
    #[arg(required = true)]
    words: Vec<String>,
    /// The Slack channel, by id, in which it is recorded. Without it, the configured one.
    #[arg(long)]
    channel: Option<String>,
    /// Do not ask for the target to be typed.
    #[arg(long)]
    yes: bool,
    /// A caution that was seen, by its name; once for each.
    #[arg(long)]
    tick: Vec<String>,
}

/// What is to be run.
enum Order {
    /// A new rollback.
    Propose(Propose),
    /// One that is open, by its number.
    Continue(RollbackId),
}

impl Order {
    fn parse(words: &str) -> anyhow::Result<Order> {
        if let Ok(id) = rollback_field(Verb::Approve, words) {
            return Ok(Order::Continue(id));
        }
        match grammar::parse(words).map_err(mistaken)? {
            Request::Propose(proposal) if proposal.because.is_none() => {
                Err(mistaken("say why: `run --offline frontend because …`"))
            }
            Request::Propose(proposal) => Ok(Order::Propose(proposal)),
            _ => Err(mistaken("usage: `run --offline frontend because …`")),
        }
    }
}

/// Somebody, by their token.
struct Holder {
    person: Person,
    token: String,
}

impl Holder {
    async fn of(app: &App, secret: &str) -> anyhow::Result<Holder> {
        let now = app.engine.clock.now();
        let Some(token) = tokens::find(&app.engine.db, secret.trim()).await? else {
            bail!("that token does not count: this bot has not made it");
        };
        if let Some(why) = token.spent(now) {
            bail!("that token does not count: {why}");
        }
        if let Some(agent) = &token.person.agent {
            bail!(
                "that token is of the agent {agent}: agents propose to a running bot, and only people run rollbacks without it"
            );
        }
        tokens::used(&app.engine.db, &token, now).await?;
        Ok(Holder {
            person: token.person,
            token: token.id,
        })
    }

    fn context(&self, channel: &str) -> anyhow::Result<Context> {
        let key = format!("{OURS}{}:{}", self.token, tokens::random(16)?);
        let (person, source) = (self.person.clone(), Source::OutOfBand);
        Ok(Context {
            reply_to: Some(key.clone()),
            ..Context::new(key, person, channel.to_owned(), source)
        })
    }
}

/// Proposes, has it approved, and drives it until it is proven or has failed.
pub async fn run(config: Config, offline: Offline) -> anyhow::Result<ExitCode> {
    let words = offline.words.join(" ");
    let order = Order::parse(&words)?;
    let secret = env::var(TOKEN).unwrap_or_default();
    if secret.trim().is_empty() {
        return Err(mistaken(format!("{TOKEN} is not set")));
    }
    let Some(channel) = offline.channel.clone().or(config.api.channel.clone()) else {
        return Err(mistaken(
            "name the Slack channel in which it is recorded: --channel C0123ABCD, or [api] channel",
        ));
    };
    if !api::is_channel(&channel) {
        return Err(mistaken(format!(
            "{channel:?} is not the id of a channel; copy it from the channel's details in Slack"
        )));
    }
    if !config.api.enabled {
        return Err(mistaken(
            "api.enabled is false: nothing can be asked for with a token",
        ));
    }
    let app = App::start_alone(config, Clock::real()).await.context(
        "this needs the record for itself; if a server is at work, ask it instead, with `rollback-bot propose`",
    )?;
    let run = Run {
        first: Holder::of(&app, &secret).await?,
        channel,
        offline,
        app,
    };
    let ended = run.through(order).await;
    run.app.engine.db.close().await;
    ended
}

/// One rollback being run.
struct Run {
    app: App,
    first: Holder,
    channel: String,
    offline: Offline,
}

impl Run {
    async fn through(&self, order: Order) -> anyhow::Result<ExitCode> {
        match order {
            Order::Continue(id) => self.until_ended(id).await,
            Order::Propose(proposal) => match self.propose(proposal).await? {
                Ok(id) => self.until_ended(id).await,
                Err(why) => Ok(fail(&why)),
            },
        }
    }

    /// Proposes, and has the platform read for the plan. Gives the number of the rollback, or why
    /// there is no plan.
    async fn propose(&self, proposal: Propose) -> anyhow::Result<Result<RollbackId, String>> {
        let context = self.first.context(&self.channel)?;
        let id = match commands::run(&self.app, &context, Request::Propose(proposal)).await {
            Answer::Queued { rollback, .. } => rollback,
            Answer::Declined { message, .. } => return Ok(Err(message.plain())),
            Answer::Refused(refusal) | Answer::Choose { refusal, .. } => {
                return Ok(Err(refusal.to_string()));
            }
            Answer::Received | Answer::Private(_) | Answer::Shared(_) | Answer::Public(_) => {
                bail!("the proposal was not taken")
            }
        };
        let reply = self.answer(&context.key, id, None).await?;
        let response = view::reply(&self.app, id, reply, &self.channel).await?;
        Ok(match response.refused {
            None => Ok(id),
            Some(_) => Err(response.text),
        })
    }

    /// Has a rollback approved, and drives it until it is proven or has failed.
    async fn until_ended(&self, id: RollbackId) -> anyhow::Result<ExitCode> {
        let mut id = id;
        let mut last_printed = 0;
        let mut confirmed_plan = None;
        let mut second = env::var(SECOND).ok();
        let mut approved = false;
        loop {
            let Some(rollback) = rollbacks::get(&self.app.engine.db, id).await? else {
                return Ok(fail(&format!("There is no {id}.")));
            };
            self.print_events(&rollback, &mut last_printed).await?;
            match &rollback.state {
                // What was approved and could not be run is not approved again by itself.
                State::Proposed { .. } if approved && self.offline.yes => {
                    return Ok(fail(&format!(
                        "Nothing was run: {id} was approved, and its platform could not be read again. It stays open until its plan ends."
                    )));
                }
                State::Proposed { .. } => {
                    if confirmed_plan != rollback.hash {
                        if !self.confirmed(&rollback).await? {
                            return Ok(fail(&format!(
                                "Nothing was run. {id} stays open until its plan ends; a server that is started goes on with it."
                            )));
                        }
                        confirmed_plan = rollback.hash.clone();
                    }
                    if !self.approve(&rollback, &mut second).await? {
                        return Ok(fail(&format!(
                            "Nothing was run: an approval is missing. {id} stays open until its plan ends; a server that is started goes on with it."
                        )));
                    }
                }
                // Production has moved meanwhile: the fresh plan is another one to be seen.
                State::Superseded { .. } => {
                    let next = rollbacks::open_for(&self.app.engine.db, &rollback.service).await?;
                    match next.filter(|next| next.replaces == Some(id)) {
                        Some(next) => id = next.id,
                        None => return self.print_end(&rollback).await,
                    }
                }
                _ if view::progress(&rollback) != Progress::Open => {
                    return self.print_end(&rollback).await;
                }
                State::Approved { .. } => {
                    approved = true;
                    confirmed_plan = None;
                    self.drive(id).await;
                }
                _ => self.drive(id).await,
            }
        }
    }

    async fn drive(&self, id: RollbackId) {
        let job = Job::Advance { rollback: id };
        if !worker::run_one(&self.app, job.kind(), &job.key()).await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What is said to an address of ours, after doing what leads to it.
    async fn answer(
        &self,
        address: &str,
        id: RollbackId,
        act: Option<&str>,
    ) -> anyhow::Result<Reply> {
        loop {
            if let Some(reply) = replies::get(&self.app.engine.db, address).await? {
                return Ok(reply);
            }
            match act {
                Some(key) if worker::run_one(&self.app, "act", key).await => {}
                Some(_) => tokio::time::sleep(LOOK_EVERY).await,
                None => self.drive(id).await,
            }
        }
    }

    /// Shows the plan, and has its target typed.
    async fn confirmed(&self, rollback: &Rollback) -> anyhow::Result<bool> {
        let response = view::rollback(&self.app, rollback, &self.channel).await?;
        terminal::line(&response.text);
        if self.offline.yes {
            return Ok(true);
        }
        let target = rollback.to_label();
        let typed = prompt(&format!("Type the target ({target}) to go on: "))?;
        Ok(typed.is_some_and(|typed| typed == target))
    }

    /// Has somebody approve who may; `false`: nobody is there who would.
    async fn approve(
        &self,
        rollback: &Rollback,
        second: &mut Option<String>,
    ) -> anyhow::Result<bool> {
        if self.may(rollback, &self.first.person).await? {
            // It was typed when the plan was shown.
            let typed = (!self.offline.yes).then(|| rollback.to_label().to_owned());
            let ticked = self.offline.tick.clone();
            if self
                .approves(
                    rollback,
                    &self.first,
                    Confirmed {
                        ticked,
                        typed,
                        because: None,
                    },
                )
                .await?
            {
                return Ok(true);
            }
        } else {
            terminal::line(format!(
                "@{} may not approve it, or did already.",
                cell(&self.first.person.name)
            ));
        }
        loop {
            let (other, by_hand) = match second.take() {
                Some(other) => (Some(other), false),
                None => {
                    let other = prompt("The token of somebody else who may approve it: ")?;
                    (other, true)
                }
            };
            let Some(other) = other.filter(|other| !other.is_empty()) else {
                return Ok(false);
            };
            let other = match Holder::of(&self.app, &other).await {
                Ok(other) => other,
                Err(error) => {
                    terminal::line(error);
                    continue;
                }
            };
            // What one has seen and typed is nobody else's confirmation.
            let mut confirmed = Confirmed::default();
            if by_hand {
                let (target, name) = (rollback.to_label(), &other.person.name);
                let typed = prompt(&format!("@{name} types the target ({target}): "))?;
                if typed.as_deref() != Some(target) {
                    return Ok(false);
                }
                confirmed.ticked.clone_from(&self.offline.tick);
                confirmed.typed = typed;
            }
            if self.approves(rollback, &other, confirmed).await? {
                return Ok(true);
            }
        }
    }

    /// Whether it is worth asking: what is not known may turn out to be a yes.
    async fn may(&self, rollback: &Rollback, person: &Person) -> anyhow::Result<bool> {
        let Some(known) = self.app.authority(rollback).await? else {
            return Ok(false);
        };
        let now = self.app.engine.clock.now();
        let case = rollback.case(&known.policy, &known.roster);
        let verdict = case.may_approve(person, &Membership::Member, now);
        Ok(verdict.reason.truth != Truth::No)
    }

    async fn approves(
        &self,
        rollback: &Rollback,
        holder: &Holder,
        confirmed: Confirmed,
    ) -> anyhow::Result<bool> {
        let context = holder.context(&self.channel)?;
        let act = Act::Approve {
            hash: rollback.hash.clone(),
            confirmed,
        };
        queue::act(&self.app, &context, rollback.id, act).await?;
        let key = &context.key;
        let reply = self.answer(key, rollback.id, Some(key)).await?;
        if reply.refused.is_some() || !reply.text.is_empty() {
            terminal::line(&reply.text);
            return Ok(false);
        }
        Ok(true)
    }

    /// Prints what has happened to it after the entry that was printed last.
    async fn print_events(
        &self,
        rollback: &Rollback,
        last_printed: &mut i64,
    ) -> anyhow::Result<()> {
        let db = &self.app.engine.db;
        for entry in timelines::entries(db, rollback.incident, *last_printed, 1_000).await? {
            *last_printed = entry.seq;
            let event = entry.event;
            if let Some(id) = event.rollback
                && id >= rollback.id
            {
                let line = format!(
                    "{}  {id} {} {}: {}",
                    stamp(event.at),
                    event.who,
                    event.kind(),
                    event.text()
                );
                terminal::line(cell(&line));
            }
        }
        Ok(())
    }

    async fn print_end(&self, rollback: &Rollback) -> anyhow::Result<ExitCode> {
        let RollbackResponse { text, outcome, .. } =
            view::rollback(&self.app, rollback, &rollback.channel).await?;
        terminal::line(text);
        terminal::line("Slack hears of it when the server runs again.");
        Ok(match outcome {
            Some(Progress::Done) => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        })
    }
}

fn fail(why: &str) -> ExitCode {
    terminal::line(why);
    ExitCode::FAILURE
}

/// Asks the person at the terminal; `None`: there is none.
fn prompt(question: &str) -> io::Result<Option<String>> {
    tokio::task::block_in_place(|| {
        terminal::question(question);
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line)?;
        terminal::line("");
        Ok((read > 0).then(|| line.trim().to_owned()))
    })
}
