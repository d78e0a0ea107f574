//! Which kind of secret a text looks like: they are often put in each other's places.

/// A kind of secret that can be told by its looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// `xoxb-…`: a Slack app's bot token.
    BotToken,
    /// `xoxp-…`: a person's token for a Slack app.
    UserToken,
    /// `xoxe-…`, `xoxe.xoxb-…`, `xoxe.xoxp-…`: a Slack token that is rotated every twelve hours.
    RotatedToken,
    /// `xapp-…`: a Slack app's own token, for Socket Mode.
    AppToken,
    /// Another `xox…`: of a browser's session or an old kind of app.
    OtherSlackToken,
    /// `https://hooks.slack.com/…` and other addresses.
    WebAddress,
    /// `rbt_…`, `rba_…`: a token that this bot has made.
    OwnToken,
    /// 32 of 0-9 and a-f: a Slack app's signing or client secret, or a key of PagerDuty's Events
    /// API.
    Hex32,
}

impl SecretKind {
    /// The kind of this text; `None` when its looks say nothing.
    pub fn of(secret: &str) -> Option<Self> {
        const PREFIXES: [(&str, SecretKind); 9] = [
            ("xoxb-", SecretKind::BotToken),
            ("xoxp-", SecretKind::UserToken),
            ("xoxe-", SecretKind::RotatedToken),
            ("xoxe.", SecretKind::RotatedToken),
            ("xapp-", SecretKind::AppToken),
            ("xox", SecretKind::OtherSlackToken),
            ("https://", SecretKind::WebAddress),
            ("rbt_", SecretKind::OwnToken),
            ("rba_", SecretKind::OwnToken),
        ];
        let prefixed = PREFIXES.iter().find(|(prefix, _)| {
            let start = secret.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        });
        if let Some((_, kind)) = prefixed {
            return Some(*kind);
        }
        let is_hex = |letter: char| letter.is_ascii_digit() || matches!(letter, 'a'..='f');
        (secret.len() == 32 && secret.chars().all(is_hex)).then_some(SecretKind::Hex32)
    }

    /// What it is, as a clause after "looks like".
    pub fn description(self) -> &'static str {
        match self {
            SecretKind::BotToken => "a bot token of Slack's (xoxb-…)",
            SecretKind::UserToken => "a user token of Slack's (xoxp-…)",
            SecretKind::RotatedToken => {
                "a rotating token of Slack's (xoxe…), which works for twelve hours only"
            }
            SecretKind::AppToken => "an app-level token of Slack's (xapp-…)",
            SecretKind::OtherSlackToken => "another kind of Slack token (xox…)",
            SecretKind::WebAddress => "a web address",
            SecretKind::OwnToken => "a token of this bot's own API (rbt_…)",
            SecretKind::Hex32 => "a signing secret, a client secret or an integration key",
        }
    }
}

/// Checks a token of somebody who has no look of their own: that it is not another kind of secret,
/// not cut short, and without blanks. No problem it tells repeats any of it.
pub fn check_token(secret: &str, owner: &str) -> Result<(), String> {
    const AT_LEAST: usize = 8;
    if let Some(kind) = SecretKind::of(secret) {
        return Err(format!(
            "looks like {}; put a token of {owner} here",
            kind.description()
        ));
    }
    check_characters(secret)?;
    match secret.len() < AT_LEAST {
        true => Err(format!(
            "is {} long, which no token of {owner} is; copy the whole of it",
            characters(secret.len())
        )),
        false => Ok(()),
    }
}

/// Checks that a secret has only characters that secrets have.
pub fn check_characters(secret: &str) -> Result<(), String> {
    match secret.chars().all(|letter| letter.is_ascii_graphic()) {
        true => Ok(()),
        false => Err(
            "has a blank or a letter in it that no secret has; copy it once more, without quotes"
                .to_owned(),
        ),
    }
}

/// So many characters, in words.
pub fn characters(count: usize) -> String {
    match count {
        1 => "one character".to_owned(),
        count => format!("{count} characters"),
    }
}
