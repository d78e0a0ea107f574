//! What Slack does not take because of what is in it, and what is sent instead.

use super::{Words, blocks::characters};

/// How long the text is that is sent instead, in bytes: shorter than any limit of Slack's.
const AT_MOST: usize = 2_500;
/// What stands at its end if it was cut.
const CUT: &str = "… `/rollback timeline` has all of it.";

/// Whether a code of Slack's is about what is in a message, and not about where it goes: without
/// blocks, and shorter, it may be taken.
pub fn is_about_content(code: &str) -> bool {
    matches!(
        code,
        "invalid_blocks"
            | "invalid_blocks_format"
            | "block_mismatch"
            | "msg_blocks_too_long"
            | "msg_too_long"
            | "invalid_attachments"
            | "too_many_attachments"
            | "attachment_payload_limit_exceeded"
            | "cannot_parse_attachment"
            | "no_text"
            // What an address answers that came with a command or click.
            | "response_url_400"
    )
}

impl Words {
    /// The same without blocks, and no longer than Slack takes anywhere.
    pub fn plainer(&self) -> Words {
        let text = self.text.trim();
        if text.len() <= AT_MOST {
            return Words::plain(if text.is_empty() { "…" } else { text });
        }
        let mut kept = String::new();
        // Mentions, links and escaped characters stay whole.
        for one in characters(text) {
            if kept.len() + one.len() > AT_MOST - CUT.len() {
                break;
            }
            kept.push_str(one);
        }
        // Code that was cut would make code of what follows.
        if kept.matches('`').count() % 2 == 1 {
            kept.push('`');
        }
        kept.push_str(CUT);
        Words::plain(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_between_characters_as_people_see_them() {
        let long = Words::plain(format!("<@U0SAM>{}", "&lt;".repeat(2_000))).plainer();
        assert!(long.text.len() <= AT_MOST);
        assert!(long.text.starts_with("<@U0SAM>&lt;"));
        assert!(long.text.ends_with(&format!("&lt;{CUT}")), "{}", long.text);
        assert!(long.blocks.is_empty());
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        assert_eq!(
            Words::plain(" RB-1 `x` ").plainer(),
            Words::plain("RB-1 `x`")
        );
    }
}
