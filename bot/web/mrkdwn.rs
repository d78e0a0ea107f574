//! Slack's mrkdwn, as we write it, in pieces that a template escapes and formats.

use serde::Serialize;

/// A piece of a line that looks the same throughout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Span {
    /// The text itself, not escaped.
    pub(super) text: String,
    pub(super) bold: bool,
    pub(super) code: bool,
    /// Where it leads; `None`: nowhere.
    pub(super) href: Option<String>,
}

/// The pieces of a text. What somebody wrote in it is escaped, so that only our own marks count.
pub(super) fn spans(mrkdwn: &str, name_of: &dyn Fn(&str) -> String) -> Vec<Span> {
    let mut spans = Spans::default();
    let (mut rest, mut before) = (mrkdwn, ' ');
    while let Some(first) = rest.chars().next() {
        let until = |end: char| rest[1..].find(end).map(|at| at + 1);
        let end_of_bold = || until('*').filter(|end| opens_bold(before, &rest[1..*end]));
        let length = match first {
            '<' => until('>').map(|end| {
                spans.reference(&rest[1..end], name_of);
                end + 1
            }),
            '`' => until('`').filter(|end| *end > 1).map(|end| {
                spans.code(&rest[1..end], name_of);
                end + 1
            }),
            '*' if spans.bold => {
                spans.set_bold(false);
                Some(1)
            }
            '*' => end_of_bold().map(|_| {
                spans.set_bold(true);
                1
            }),
            '\n' => {
                // Nothing is bold over the end of a line.
                spans.set_bold(false);
                None
            }
            _ => None,
        };
        let length = length.unwrap_or_else(|| {
            spans.text(&rest[..first.len_utf8()]);
            first.len_utf8()
        });
        before = rest[..length].chars().next_back().unwrap_or(' ');
        rest = &rest[length..];
    }
    spans.done()
}

/// Whether a star begins bold text: not within a word, and around something on one line.
fn opens_bold(before: char, inside: &str) -> bool {
    let is_word = before.is_alphanumeric();
    let is_blank = inside.is_empty() || inside.starts_with(' ') || inside.ends_with(' ');
    !is_word && !is_blank && !inside.contains('\n')
}

/// Text as it was before it was escaped for Slack.
fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[derive(Default)]
struct Spans {
    done: Vec<Span>,
    text: String,
    bold: bool,
}

impl Spans {
    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn set_bold(&mut self, bold: bool) {
        self.flush();
        self.bold = bold;
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            let text = unescaped(&std::mem::take(&mut self.text));
            self.push(text, false, None);
        }
    }

    fn push(&mut self, text: String, code: bool, href: Option<String>) {
        self.done.push(Span {
            text,
            bold: self.bold,
            code,
            href,
        });
    }

    fn code(&mut self, inside: &str, name_of: &dyn Fn(&str) -> String) {
        self.flush();
        // A mention or a moment in a command is what it shows.
        let shown = spans_as_text(inside, name_of);
        self.push(shown, true, None);
    }

    /// `<@U…>`, `<#C…>`, `<!date^…|…>` and `<https://…|…>`.
    fn reference(&mut self, inside: &str, name_of: &dyn Fn(&str) -> String) {
        self.flush();
        let (target, label) = match inside.split_once('|') {
            Some((target, label)) => (target, Some(unescaped(label))),
            None => (inside, None),
        };
        let is_link = target.starts_with("https://") || target.starts_with("http://");
        match target.split_at_checked(1) {
            Some(("@", id)) => self.push(format!("@{}", name_of(id)), false, None),
            Some(("#", id)) => {
                let label = label.filter(|label| !label.is_empty());
                self.push(format!("#{}", label.unwrap_or(id.to_owned())), false, None);
            }
            Some(_) if is_link => {
                let target = unescaped(target);
                self.push(label.unwrap_or(target.clone()), false, Some(target));
            }
            Some(_) | None => self.push(label.unwrap_or(unescaped(target)), false, None),
        }
    }

    fn done(mut self) -> Vec<Span> {
        self.flush();
        self.done
    }
}

fn spans_as_text(mrkdwn: &str, name_of: &dyn Fn(&str) -> String) -> String {
    let mut spans = Spans::default();
    let mut rest = mrkdwn;
    while let Some((before, from)) = rest.split_once('<') {
        spans.text(before);
        let (inside, after) = from.split_once('>').unwrap_or((from, ""));
        spans.reference(inside, name_of);
        rest = after;
    }
    spans.text(rest);
    spans.done().into_iter().map(|span| span.text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces as somebody sees them.
    fn seen(mrkdwn: &str) -> String {
        let name_of = |id: &str| match id {
            "U0MAYA" => "maya".to_owned(),
            id => id.to_owned(),
        };
        let spans = spans(mrkdwn, &name_of);
        let seen = spans.iter().map(|span| match span {
            Span {
                text, code: true, ..
            } => format!("[code {text}]"),
            Span {
                text, bold: true, ..
            } => format!("[bold {text}]"),
            Span {
                text,
                href: Some(href),
                ..
            } => format!("[{text} -> {href}]"),
            Span { text, .. } => text.clone(),
        });
        seen.collect()
    }

    #[test]
    fn our_own_marks_are_read() {
        for (mrkdwn, wanted) in [
            ("*Risk*  code", "[bold Risk]  code"),
            ("a *b c* d\n*e*", "a [bold b c] d\n[bold e]"),
            (
                "run `/rollback approve RB-1`.",
                "run [code /rollback approve RB-1].",
            ),
            (
                "<https://s.test/p1|RB-1> is open",
                "[RB-1 -> https://s.test/p1] is open",
            ),
            ("by <@U0MAYA> in <#C0SHOP>", "by @maya in #C0SHOP"),
            (
                "<!date^1773457920^{time_secs}|03:12:00 UTC>",
                "03:12:00 UTC",
            ),
        ] {
            assert_eq!(seen(mrkdwn), wanted);
        }
    }

    #[test]
    fn what_somebody_wrote_stays_what_they_wrote() {
        for (mrkdwn, wanted) in [
            ("&lt;script&gt; &amp;amp;", "<script> &amp;"),
            ("2*3*4 * 5", "2*3*4 * 5"),
            ("*not closed", "*not closed"),
            ("`not closed", "`not closed"),
            ("a < b", "a < b"),
            ("é*ü*", "é*ü*"),
            ("<javascript:alert(1)|click>", "click"),
            ("*bold\nends*", "*bold\nends*"),
        ] {
            assert_eq!(seen(mrkdwn), wanted);
        }
    }
}
