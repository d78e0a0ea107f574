//! The links that a proposal points to.

use url::Url;

/// How many links a proposal may have.
pub const LINKS_AT_MOST: usize = 5;
/// How long a link may be, in bytes.
pub const LINK_AT_MOST: usize = 500;

/// Links as they are stored: addresses that begin with `https://`, with everything in them encoded
/// that could end them early in a text. Otherwise what is wrong with them, as a sentence.
pub fn links(links: &[String]) -> Result<Vec<String>, String> {
    if links.len() > LINKS_AT_MOST {
        return Err(format!(
            "`evidence` has {} links; name the {LINKS_AT_MOST} that matter most.",
            links.len()
        ));
    }
    links.iter().map(|link| self::link(link)).collect()
}

fn link(link: &str) -> Result<String, String> {
    let shown: String = link.chars().filter(|c| !c.is_control()).take(80).collect();
    let wrong = |why: &str| Err(format!("`evidence` has {shown:?}, which {why}."));
    let Ok(url) = Url::parse(link.trim()) else {
        return wrong(
            "is no link; write a whole address, like https://grafana.example.com/d/errors",
        );
    };
    if url.scheme() != "https" {
        return wrong("does not begin with https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "`evidence` has a link to {} with a name or a password in it, which everybody who reads the timeline would see.",
            url.host_str().unwrap_or_default()
        ));
    }
    let address: String = url
        .as_str()
        .chars()
        .map(|letter| match letter {
            '|' => "%7C".to_owned(),
            '\'' => "%27".to_owned(),
            '*' => "%2A".to_owned(),
            '`' => "%60".to_owned(),
            '~' => "%7E".to_owned(),
            letter => letter.to_string(),
        })
        .collect();
    match address.len() > LINK_AT_MOST {
        true => wrong(&format!("is longer than {LINK_AT_MOST} characters")),
        false => Ok(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(link: &str) -> String {
        match links(&[link.to_owned()]) {
            Ok(links) => links.concat(),
            Err(why) => why,
        }
    }

    #[test]
    fn a_link_is_a_whole_address_without_secrets() {
        assert_eq!(
            read("https://grafana.example.com/d/errors?from=now-1h"),
            "https://grafana.example.com/d/errors?from=now-1h"
        );
        for (link, why) in [
            ("http://a.example/", "does not begin with https://"),
            ("javascript:alert(1)", "does not begin with https://"),
            ("grafana", "is no link"),
            ("https://sam:secret@a.example/", "with a name or a password"),
        ] {
            assert!(read(link).contains(why), "{}", read(link));
        }
        let long = format!("https://a.example/{}", "x".repeat(500));
        assert!(read(&long).contains("longer than 500 characters"));
        let six = vec!["https://a.example/".to_owned(); 6];
        assert!(links(&six).unwrap_err().contains("has 6 links"));
    }

    #[test]
    fn nothing_in_a_link_ends_it_early() {
        assert_eq!(
            read("https://a.example/<!channel>|x`y*z\"'\n"),
            "https://a.example/%3C!channel%3E%7Cx%60y%2Az%22%27"
        );
    }
}
