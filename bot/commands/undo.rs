//! `undo RB-41`: proposes to go forward again to what a rollback left: a plan like any other.

use super::{Context, Failure, Result, find, propose};
use crate::App;
use rollback_domain::{
    drill::Drill,
    grammar::{Target, verbs::Undo},
    plan::Aim,
    refusal::Refusal,
};

pub(super) async fn run(app: &App, context: &Context, request: Undo) -> Result {
    let Undo { rollback, because } = request;
    let found = find::rollback(app, rollback).await?;
    let cannot = |why: &str| {
        Failure::from(Refusal::CannotUndo {
            id: rollback,
            service: found.service.clone(),
            why: why.to_owned(),
        })
    };
    if let Some(why) = found.why_not_undone() {
        return Err(cannot(&why));
    }
    let proposable = find::proposable_of(app, &found.service);
    let left = found.plan.as_ref().and_then(|plan| plan.from.as_ref());
    let (Some(proposable), Some(left)) = (proposable, left) else {
        return Err(cannot("its service is not in the configuration any more"));
    };
    let aim = Aim {
        undoes: Some(rollback),
        ..propose::aim(Target::Id(left.id.clone()), None)
    };
    // What a drill did is undone by another one.
    let drill = found.drill.as_ref().map(|drill| Drill {
        acts: drill.acts,
        fault: None,
    });
    propose::open(app, context, proposable, aim, because, drill).await
}
