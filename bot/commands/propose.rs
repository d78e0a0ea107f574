//! `frontend to v212 because …`: opens a rollback. A job reads the platform and draws its plan;
//! nothing changes until that is approved.

use super::{
    Answer, Context, Failure, Result,
    find::{self, Proposable},
    gate,
    zone::{self, WallClock},
};
use crate::{
    App,
    engine::{Outcome, Submission},
    permalinks,
    slack::{
        Words,
        blocks::{self, inline},
    },
    store::rollbacks,
};
use jiff::Timestamp;
use rollback_domain::{
    drill::Drill,
    grammar::{Moment, Request, ServiceRef, Target, verbs::Propose},
    identity::RollbackId,
    people::Zone,
    plan::Aim,
    refusal::Refusal,
    rollback::{Message, Proposal, Rollback, Waiting},
};

pub(super) async fn run(app: &App, context: &Context, request: Propose) -> Result {
    let proposable = match find::proposable(app, &request.service) {
        Ok(proposable) => proposable,
        Err(refusal) => return which_environment(refusal, request),
    };
    if let (Proposable::Group(group), Target::Named(_) | Target::Id(_)) =
        (proposable, &request.target)
    {
        return Err(Failure::from(find::is_group(group)));
    }
    let zone = match WallClock::of(app, context, is_by_the_wall(&request.target)).await? {
        WallClock::Known(zone) => zone,
        WallClock::Unread => {
            return gate::read_first(app, context, &Request::Propose(request)).await;
        }
    };
    let meant = meant(&request.target, zone.as_ref(), app.engine.clock.now());
    let aim = aim(request.target, zone.as_ref());
    Ok(
        match open(app, context, proposable, aim, request.because, None).await? {
            Answer::Queued {
                rollback,
                mut words,
            } => {
                words.text.push_str(&meant);
                Answer::Queued { rollback, words }
            }
            answer => answer,
        },
    )
}

/// Whether a target is what was live at a time of day, by the clock on the person's wall.
pub(super) fn is_by_the_wall(target: &Target) -> bool {
    matches!(target, Target::At(Moment::Clock { .. }))
}

/// Which moment was meant by the clock of a zone, as a sentence; empty: none was, or it is UTC's.
pub(super) fn meant(target: &Target, zone: Option<&Zone>, now: Timestamp) -> String {
    let (Target::At(moment), Some(zone)) = (target, zone) else {
        return String::new();
    };
    let at = inline(&zone.show(moment.resolve(now, zone.utc_offset)), 160);
    match zone.utc_offset {
        0 => String::new(),
        _ => format!(" Its target is what was live at {at}."),
    }
}

/// Lets the person choose where a service has several environments and none was named.
fn which_environment(refusal: Refusal, request: Propose) -> Result {
    let Refusal::WhichEnvironment {
        service,
        named: None,
        known,
    } = &refusal
    else {
        return Err(Failure::from(refusal));
    };
    let proposals = known
        .iter()
        .map(|environment| Propose {
            service: ServiceRef {
                service: service.clone(),
                environment: Some(environment.clone()),
            },
            ..request.clone()
        })
        .collect();
    Ok(Answer::Choose {
        proposals,
        refusal: Box::new(refusal),
    })
}

/// The aim to go back to a target, in which a time of day is by the clock of this zone.
pub(super) fn aim(target: Target, zone: Option<&Zone>) -> Aim {
    Aim {
        target,
        utc_offset: zone::offset(zone),
        undoes: None,
        part: None,
    }
}

/// Opens a rollback with this aim, or shows what is in its way.
pub(super) async fn open(
    app: &App,
    context: &Context,
    proposable: Proposable<'_>,
    aim: Aim,
    because: Option<String>,
    drill: Option<Drill>,
) -> Result {
    let (service, channels) = (proposable.key(), proposable.channels());
    if !channels.is_empty() && !channels.contains(&context.channel) {
        return Err(Failure::from(Refusal::WrongChannel {
            service: service.clone(),
            channels: channels.to_vec(),
        }));
    }
    let undoes = aim.undoes;
    let proposal = Proposal {
        channel: context.channel.clone(),
        service: service.clone(),
        requester: context.person.clone(),
        because,
        evidence: context.evidence.clone(),
        aim,
        source: context.source,
        commanded: context.deferred.unwrap_or_else(|| app.engine.clock.now()),
        target_time: proposable.target_time(),
        reply_to: context.reply_to.clone(),
        replaces: None,
        waiting: Waiting::default(),
        turns: vec![],
        part_of: None,
        drill,
    };
    let submission = Submission::Propose(proposal);
    match app.engine.take(&context.key, submission).await? {
        Outcome::Opened { id } => Ok(Answer::Queued {
            rollback: id,
            words: Words::plain(opened(id, proposable, undoes)),
        }),
        Outcome::Refused {
            message,
            see,
            snapshot,
        } => {
            let first = match (snapshot, see) {
                (Some(rollback), _) => Some(*rollback),
                (None, Some(id)) => rollbacks::get(&app.engine.db, id).await?,
                (None, None) => None,
            };
            Ok(Answer::Declined {
                words: in_the_way(app, context, &message, first).await?,
                message,
                rollback: see,
            })
        }
        outcome @ (Outcome::Noted { .. }
        | Outcome::IncidentChanged { .. }
        | Outcome::ActionChanged { .. }
        | Outcome::NoAction { .. }
        | Outcome::Ticked { .. }
        | Outcome::NoItem
        | Outcome::Queued
        | Outcome::Bound { .. }) => Ok(Answer::from(outcome)),
    }
}

fn opened(id: RollbackId, proposable: Proposable<'_>, undoes: Option<RollbackId>) -> String {
    let service = inline(&proposable.key().to_string(), 160);
    let begins = match (undoes, proposable) {
        (Some(undone), _) => {
            format!("checking whether {service} can return to what {undone} left")
        }
        (None, Proposable::Service(_)) => format!("finding a version of {service} to go back to"),
        (None, Proposable::Group(group)) => format!(
            "finding a version of each of the {} members of {service} to go back to",
            group.members.len()
        ),
    };
    format!("{id}: {begins}. Nothing has changed yet: its card says what it needs.")
}

/// What is in the way of a second proposal, and the first one as its card shows it.
async fn in_the_way(
    app: &App,
    context: &Context,
    message: &Message,
    first: Option<Rollback>,
) -> Result<Words> {
    let sentence = permalinks::linked(app, &blocks::message(message)).await?;
    // Reasons given in another channel, perhaps a private one, stay there.
    let visible = |first: &Rollback| first.channel == context.channel && first.plan.is_some();
    let Some(first) = first.filter(visible) else {
        return Ok(Words::plain(sentence));
    };
    let mut words = super::status::card_without_buttons(app, &first).await?;
    words.text = blocks::fit_text(&format!("{sentence} {}", words.text));
    words.blocks.insert(0, blocks::section(&sentence));
    Ok(words)
}
