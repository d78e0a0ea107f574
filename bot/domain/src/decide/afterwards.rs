//! What is told after a rollback was closed: that its pin is gone, that somebody else moved
//! production, and that automatic deploys are still held off.

use super::*;
use crate::aftermath::{self, MovedHow, News};

impl Draft {
    /// Takes in what production serves by now, and tells what is news of it.
    pub(super) fn looked_after(
        &mut self,
        survey: &Survey,
        bad: Option<&str>,
    ) -> Result<(), Refusal> {
        let Some((aftermath, news)) = aftermath::look(&self.rollback, survey, bad, self.now) else {
            return Err(self.not_open());
        };
        self.rollback.aftermath = Some(aftermath);
        for news in news {
            match news {
                News::PinLost => self.pin_was_lost(),
                News::Moved { to, because } => self.was_moved(to, because),
                News::StillPinned => self.remind_of_pin(),
            }
        }
        Ok(())
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

    fn remind_of_pin(&mut self) {
        let rollback = &self.rollback;
        let emergency = rollback.break_glass.as_ref().map(|run| &run.by);
        let approver = rollback.approvals.last().map(|approval| &approval.by);
        let owner = approver.or(emergency).unwrap_or(&rollback.requester);
        let text = format!(
            "{}: automatic deploys of {} are still held off since {}, so that {} does not come back by itself. `/rollback unpin {}` lets them go live again.",
            Message::whom(0),
            Message::quoted(&rollback.service.to_string()),
            rollback.id,
            Message::quoted(rollback.from_label()),
            Message::quoted(&rollback.service.typed())
        );
        let owner = owner.id.clone();
        self.post(text, vec![owner], false, "pinned");
    }
}
