//! What is told after a rollback was closed: that its pin is gone, that somebody else moved
//! production, that automatic deploys are still held off, and that the platform does not keep the
//! target.

use super::{turns::whom, *};
use crate::{
    aftermath::{self, Aftermath, MovedHow, News},
    job::PostButton,
};

/// The most people who are reminded of a pin at once.
const REMINDED_AT_MOST: usize = 5;

impl Draft {
    /// Takes in what production serves by now, and tells what is news of it.
    pub(super) fn looked_after(
        &mut self,
        survey: &Survey,
        bad: Option<&str>,
        unpinners: Vec<String>,
    ) -> Result<(), Refusal> {
        let Some((aftermath, news)) = aftermath::look(&self.rollback, survey, bad, self.now) else {
            return Err(self.not_open());
        };
        self.rollback.aftermath = Some(aftermath);
        for news in news {
            match news {
                News::PinLost => self.pin_was_lost(),
                News::Moved { to, because } => self.was_moved(to, because),
                News::StillPinned => self.remind_of_pin(&unpinners),
                News::TargetExpires { until } => self.target_expires(until),
                News::TargetGone { why } => self.target_is_removed(why),
            }
        }
        Ok(())
    }

    /// Nobody is reminded of the pin before then.
    pub(super) fn snoozed(
        &mut self,
        until: Timestamp,
        by: Person,
        source: Source,
    ) -> Result<(), Refusal> {
        let rollback = &mut self.rollback;
        let aftermath = rollback.aftermath.clone();
        let mut aftermath = aftermath.unwrap_or_else(|| Aftermath::of(rollback));
        if !matches!(rollback.state, State::Closed) || aftermath.pin != Pin::On {
            return Err(self.not_open());
        }
        aftermath.snoozed_until = Some(until);
        rollback.aftermath = Some(aftermath);
        self.record(Actor::Person(by), source, RunningFact::PinSnoozed { until });
        Ok(())
    }

    fn target_expires(&mut self, until: Timestamp) {
        let target = self.rollback.to_label().to_owned();
        let text = format!(
            "{} keeps {}, which {} took {} back to, until {}. After that it cannot be gone back to again: deploy a fixed version before then.",
            self.platform(),
            Message::quoted(&target),
            self.rollback.id,
            Message::quoted(&self.rollback.service.to_string()),
            until.strftime("%Y-%m-%d %H:%M UTC")
        );
        self.record_platform(ProofFact::TargetExpires { target, until });
        self.tell(&text, None, false, "target-expires");
    }

    fn target_is_removed(&mut self, why: String) {
        let target = self.rollback.to_label().to_owned();
        let text = format!(
            "{} does not keep {} any more, which {} took {} back to: {}. It cannot be gone back to again, and may not start again: deploy a fixed version soon.",
            self.platform(),
            Message::quoted(&target),
            self.rollback.id,
            Message::quoted(&self.rollback.service.to_string()),
            Message::quoted(&why)
        );
        self.record_platform(ProofFact::TargetGone { target, why });
        self.tell(&text, None, false, "target-gone");
    }

    fn pin_was_lost(&mut self) {
        self.record_platform(RunningFact::PinLost);
        let text = format!(
            "automatic deploys of {} are on again, and that was not done from here: the next one goes live. Hold them off on {} if that could bring {} back.",
            Message::quoted(&self.rollback.service.to_string()),
            self.platform(),
            Message::quoted(self.rollback.from_label())
        );
        self.tell(&text, None, false, "pin-lost");
    }

    fn was_moved(&mut self, to: String, because: MovedHow) {
        let service = self.rollback.service.to_string();
        let service = Message::quoted(&service);
        let label = Message::quoted(&to);
        let next = format!(
            "`/rollback {} because …` proposes to go back.",
            Message::quoted(&self.rollback.service.typed())
        );
        let text = match &because {
            MovedHow::ToKnownBad(why) => format!(
                "{service} serves {label}, which was {}. That was not done from here. {next}",
                Message::quoted(why)
            ),
            MovedHow::Back => format!(
                "{service} was taken back to {label}, and not from here. `/rollback list {}` shows what there is.",
                Message::quoted(&self.rollback.service.typed())
            ),
            MovedHow::AlthoughPinned => format!(
                "{service} serves {label}, although automatic deploys are held off since {}. That was not done from here. {next}",
                self.rollback.id
            ),
        };
        self.record_platform(ProofFact::MovedAfterwards { to, because });
        self.tell(&text, None, false, "moved");
    }

    /// Reminds the one who let it run, or, where they may not unpin, those who may.
    fn remind_of_pin(&mut self, unpinners: &[String]) {
        let rollback = &self.rollback;
        let owner = rollback.owner_of_pin();
        let may_unpin = unpinners.is_empty() || unpinners.contains(&owner.id);
        let (people, by) = match may_unpin {
            true => (vec![owner.id.clone()], String::new()),
            false => {
                let people: Vec<String> =
                    unpinners.iter().take(REMINDED_AT_MOST).cloned().collect();
                let by = format!(
                    " (run by @{}, who may not unpin)",
                    Message::quoted(&owner.name)
                );
                (people, by)
            }
        };
        let text = format!(
            "{}: automatic deploys of {} are still held off since {}{by}, so that {} does not come back by itself. `/rollback unpin {}` lets them go live again.",
            whom(people.len()),
            Message::quoted(&rollback.service.to_string()),
            rollback.id,
            Message::quoted(rollback.from_label()),
            Message::quoted(&rollback.service.typed())
        );
        let button = PostButton::SnoozePin(rollback.service.clone());
        let key = format!("pinned:{}", rollback.revision);
        self.notices.push(Notice::Post {
            message: Message::Naming(text, people),
            button: Some(button),
            in_thread: false,
            key,
        });
    }
}
