//! The changes that production loses, as the repository tells them.

use serde::{Deserialize, Serialize};

/// The most changes of a plan that are kept by name.
pub const LISTED_AT_MOST: usize = 30;

/// Where a repository is, and its name there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repository {
    /// On GitHub: `acme/shop`.
    GitHub(String),
    /// On GitLab: `acme/web/shop`.
    GitLab(String),
}

impl Repository {
    /// Its name on GitHub, where it is there.
    pub fn on_github(&self) -> Option<&str> {
        match self {
            Repository::GitHub(name) => Some(name),
            Repository::GitLab(_) => None,
        }
    }
}

/// What a repository says of the commits between the target and what is live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LostChanges {
    /// These.
    Known(Lost),
    /// Not known, and why, as a clause.
    Unknown(String),
}

/// The changes that are lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// How many: a pull request is one, and so is a commit without one.
    pub count: usize,
    /// How many of them look like a fix.
    pub fixes: usize,
    /// The first of them: those that look like a fix, then the others, each newest first.
    pub listed: Vec<Change>,
    /// How many older commits were not read.
    pub unread: u64,
    /// Where all of them can be seen.
    pub link: String,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The commit that brought it.
    pub sha: String,
    /// The number of its pull request, or of its merge request.
    pub number: Option<u64>,
    /// Whether that is a merge request, as GitLab calls it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_merge_request: bool,
    /// What it says of itself, on one line.
    pub title: String,
    /// Who made it, as the repository names them.
    pub author: Option<String>,
    /// Their e-mail address in the commit; `None`: it is not known, or nobody reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether losing it may bring something back that was mended.
    pub is_fix: bool,
}

/// Somebody whose changes are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// As the repository names them.
    pub name: String,
    /// Their e-mail address, as far as it is known.
    pub email: Option<String>,
    /// What they made, each as a phrase: `#812 "session expiry"`.
    pub changes: Vec<String>,
}

impl Change {
    /// How people recognise it: `#812` or `!812`, or the first seven of its commit.
    pub fn label(&self) -> String {
        match self.number {
            Some(number) if self.is_merge_request => format!("!{number}"),
            Some(number) => format!("#{number}"),
            None => self.sha.get(..7).unwrap_or(&self.sha).to_owned(),
        }
    }

    /// As a phrase: `#812 "session expiry" by lee`.
    fn phrase(&self) -> String {
        let by = self.author.as_deref();
        let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
        format!("{} \"{}\"{by}", self.label(), self.title)
    }
}

impl Lost {
    /// These changes, newest first, and how many older commits were not read.
    pub fn of(changes: Vec<Change>, unread: u64, link: String) -> Self {
        let (fixes, others): (Vec<Change>, Vec<Change>) =
            changes.into_iter().partition(|change| change.is_fix);
        let (count, fix_count) = (fixes.len() + others.len(), fixes.len());
        let mut listed: Vec<Change> = fixes.into_iter().chain(others).collect();
        listed.truncate(LISTED_AT_MOST);
        Self {
            count,
            fixes: fix_count,
            listed,
            unread,
            link,
        }
    }

    /// Who made those that are listed, each once, with what they made.
    pub fn authors(&self) -> Vec<Author> {
        let mut authors: Vec<Author> = vec![];
        for change in &self.listed {
            let Some(name) = &change.author else {
                continue;
            };
            let at = authors.iter().position(|author| author.name == *name);
            let at = at.unwrap_or_else(|| {
                authors.push(Author {
                    name: name.clone(),
                    email: None,
                    changes: vec![],
                });
                authors.len() - 1
            });
            let author = &mut authors[at];
            author.email = author.email.take().or_else(|| change.email.clone());
            author
                .changes
                .push(format!("{} \"{}\"", change.label(), change.title));
        }
        authors
    }

    /// How many, in words: "3 changes", "at least 250 changes".
    pub fn counted(&self) -> String {
        match (self.count, self.unread) {
            (1, 0) => "1 change".into(),
            (count, 0) => format!("{count} changes"),
            (count, _) => format!("at least {count} changes"),
        }
    }

    /// How many look like a fix, as a clause that follows; empty: none.
    pub fn fixes_clause(&self) -> String {
        match self.fixes {
            0 => String::new(),
            1 if self.count == 1 => "; it looks like a fix".into(),
            1 => "; one looks like a fix".into(),
            count => format!("; {count} look like fixes"),
        }
    }

    /// All of them as a message, a line each.
    pub fn list(&self, service: &str, target: &str) -> String {
        let mut lines = vec![format!(
            "Going back to {target} removes {} from {service}{}:",
            self.counted(),
            self.fixes_clause()
        )];
        for change in &self.listed {
            let fix = if change.is_fix {
                "looks like a fix: "
            } else {
                ""
            };
            lines.push(format!("• {fix}{}", change.phrase()));
        }
        let more = self.count - self.listed.len();
        match (more, self.unread) {
            (0, 0) => {}
            (more, 0) => lines.push(format!("… and {more} more: {}", self.link)),
            (more, unread) => lines.push(format!(
                "… and {more} more, and {unread} older commits that were not read: {}",
                self.link
            )),
        }
        lines.join("\n")
    }
}

/// Whether a title, or a label, reads as if something were mended.
pub fn reads_like_a_fix(text: &str) -> bool {
    const WORDS: [&str; 9] = [
        "fix", "fixes", "fixed", "hotfix", "bugfix", "bug", "security", "revert", "incident",
    ];
    text.split(|letter: char| !letter.is_alphanumeric())
        .map(str::to_lowercase)
        .any(|word| WORDS.contains(&&*word))
}

/// Whether a text names an incident of this bot's: `INC-12`.
pub fn names_an_incident(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find("INC-") {
        rest = &rest[at + 4..];
        if rest.starts_with(|digit: char| digit.is_ascii_digit()) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(number: u64, title: &str) -> Change {
        Change {
            sha: format!("{number:07}aaaa"),
            number: (number != 7).then_some(number),
            is_merge_request: false,
            title: title.into(),
            author: Some("lee".into()),
            email: (number == 9).then(|| "lee@example.com".into()),
            is_fix: reads_like_a_fix(title),
        }
    }

    #[test]
    fn fixes_come_first_and_the_rest_is_counted() {
        let lost = Lost::of(
            vec![
                change(9, "Tax"),
                change(8, "Fix: session"),
                change(7, "Cart"),
            ],
            0,
            "https://git.example.com".into(),
        );
        assert_eq!(
            lost.list("api", "v1"),
            "Going back to v1 removes 3 changes from api; one looks like a fix:\n\
             • looks like a fix: #8 \"Fix: session\" by lee\n\
             • #9 \"Tax\" by lee\n\
             • 0000007 \"Cart\" by lee"
        );
        let many = (100..140).map(|number| change(number, "Tax")).collect();
        let lost = Lost::of(many, 12, "https://git.example.com".into());
        assert_eq!(
            (lost.listed.len(), lost.counted().as_str()),
            (30, "at least 40 changes")
        );
        assert!(lost.list("api", "v1").ends_with(
            "\n… and 10 more, and 12 older commits that were not read: https://git.example.com"
        ));
    }

    #[test]
    fn an_author_is_listed_once_with_all_that_they_made() {
        let mut changes = vec![change(8, "Cart"), change(9, "Tax"), change(7, "Search")];
        changes[2].author = Some("kim".into());
        let lost = Lost::of(changes, 0, "https://git.example.com".into());
        let authors = lost.authors();
        let made: Vec<(&str, String)> = authors
            .iter()
            .map(|author| (author.name.as_str(), author.changes.join(", ")))
            .collect();
        assert_eq!(
            made,
            [
                ("lee", "#8 \"Cart\", #9 \"Tax\"".to_owned()),
                ("kim", "0000007 \"Search\"".to_owned()),
            ]
        );
        assert_eq!(authors[0].email.as_deref(), Some("lee@example.com"));
    }

    #[test]
    fn words_are_whole_words() {
        assert!(reads_like_a_fix("Hotfix: cart") && reads_like_a_fix("type: bug"));
        assert!(!reads_like_a_fix("Prefix the paths, debug less"));
        assert!(names_an_incident("See INC- and INC-12") && !names_an_incident("INC-x"));
    }
}
