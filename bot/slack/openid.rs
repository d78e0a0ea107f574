//! Sign in with Slack: where people are sent, and what the code that they come back with stands for.

use super::{Failure, Slack};
use serde::Deserialize;
use std::fmt;

/// What the app proves itself with, and the address that it named to Slack before.
#[derive(Clone, Copy)]
pub struct SigningIn<'a> {
    /// The client id of the app.
    pub client_id: &'a str,
    /// The client secret of the app.
    pub client_secret: &'a str,
    /// Where Slack has sent the person back.
    pub redirect_url: &'a str,
}

impl fmt::Debug for SigningIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningIn")
            .field("client_id", &self.client_id)
            .field("redirect_url", &self.redirect_url)
            .finish_non_exhaustive()
    }
}

impl Slack {
    /// Exchanges the code of somebody who signs in for their `id_token` (`openid.connect.token`). A
    /// code is good for once.
    pub async fn id_token(&self, app: SigningIn<'_>, code: &str) -> Result<String, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            id_token: String,
        }
        let method = "openid.connect.token";
        // Without the bot's token: the app proves itself with its own secret.
        let request = self.http.post(format!("{}/{method}", self.api_url)).form(&[
            ("client_id", app.client_id),
            ("client_secret", app.client_secret),
            ("code", code),
            ("grant_type", "authorization_code"),
            ("redirect_uri", app.redirect_url),
        ]);
        let answer: Answer = self.send(method, method, request).await?;
        Ok(answer.id_token)
    }
}
