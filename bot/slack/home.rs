//! The Home of somebody: what waits for them, and what is theirs, in one view.

use super::{
    blocks::{context, header, section},
    card,
};
use jiff::Timestamp;
use slack_morphism::prelude::{SlackBlock, SlackHomeView, SlackView};

/// How many lines stand in one block.
const LINES_TOGETHER: usize = 5;

/// What the Home of somebody shows. All texts are mrkdwn, already escaped.
#[derive(Clone, Debug, Default)]
pub struct Home {
    /// What came of their last click, and when; `None`: nothing is to be said.
    pub answer: Option<(String, Timestamp)>,
    /// The plans that wait for their approval.
    pub approvals: Vec<WaitingPlan>,
    /// How many more wait that are not shown.
    pub more_approvals: usize,
    /// What they asked for or let run and what has not ended, a line each.
    pub under_way: Vec<String>,
    /// The services that they may approve, a line each.
    pub services: Vec<String>,
    /// How many more there are that are not shown.
    pub more_services: usize,
    /// Where they hold automatic deploys off, a line each.
    pub pins: Vec<String>,
    /// What they are to do after incidents, a line each.
    pub actions: Vec<String>,
    /// How many more actions there are that are not shown.
    pub more_actions: usize,
}

/// A plan that waits for somebody's approval.
#[derive(Clone, Debug)]
pub struct WaitingPlan {
    /// What is asked and why, and what speaks against it.
    pub text: String,
    /// The row of its buttons; `None`: it is decided elsewhere.
    pub buttons: Option<SlackBlock>,
}

impl Home {
    /// It in blocks: far fewer than the hundred that Slack takes.
    pub fn blocks(&self) -> Vec<SlackBlock> {
        let mut blocks = vec![];
        if let Some((answer, at)) = &self.answer {
            blocks.push(section(&format!("{} · {answer}", card::time(*at))));
        }
        blocks.push(header("Waiting for your approval"));
        if self.approvals.is_empty() {
            blocks.push(section("Nothing waits for your approval."));
        }
        for waiting in &self.approvals {
            blocks.push(section(&waiting.text));
            blocks.extend(waiting.buttons.clone());
        }
        if self.more_approvals > 0 {
            blocks.push(context(&format!(
                "{} more wait for your approval: `/rollback status` lists everything that is open.",
                self.more_approvals
            )));
        }
        listed(&mut blocks, "Under way", &self.under_way);
        listed(&mut blocks, "Your actions", &self.actions);
        if self.more_actions > 0 {
            blocks.push(context(&format!(
                "and {} more: `/rollback action list` in the channel of an incident has all of its.",
                self.more_actions
            )));
        }
        listed(&mut blocks, "Automatic deploys you hold off", &self.pins);
        listed(&mut blocks, "Services you may approve", &self.services);
        if self.more_services > 0 {
            blocks.push(context(&format!(
                "and {} more: `/rollback who` and a name says who may approve it.",
                self.more_services
            )));
        }
        blocks
    }
}

fn listed(blocks: &mut Vec<SlackBlock>, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        blocks.push(header(title));
        let together = lines.chunks(LINES_TOGETHER);
        blocks.extend(together.map(|lines| section(&lines.join("\n"))));
    }
}

/// The small line below all of it: of which moment it is.
pub fn foot(now: Timestamp) -> SlackBlock {
    context(&format!(
        "As of {}; what changes shows here by itself. `/rollback` shows every service, `/rollback help` every command.",
        card::time(now)
    ))
}

/// The view of these blocks.
pub fn view(blocks: Vec<SlackBlock>) -> SlackView {
    SlackView::Home(SlackHomeView::new(blocks))
}
