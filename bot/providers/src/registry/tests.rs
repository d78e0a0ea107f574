//! Tests of how the configuration comes to a provider.

use super::*;
use crate::{releases::Releases, vercel::VercelSettings};
use std::{path::Path, time::Duration};

/// What `read` makes of a section that has nothing else in it, or what is wrong with it.
fn read_all<T>(text: &str, read: impl FnOnce(&Section<'_>) -> Option<T>) -> Result<T, Vec<String>> {
    let env = |name: &str| (name == "TOKEN").then(|| "a-secret".to_owned());
    let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    let read = |section: &Section<'_>| {
        let read = read(section);
        section.done();
        read
    };
    match rollback_settings::read(text, &env, &no_file, &[], read) {
        Ok((read, _)) => Ok(read),
        Err(mistakes) => Err(mistakes.0.iter().map(ToString::to_string).collect()),
    }
}

fn read_as<T>(text: &str, read: impl FnOnce(&Section<'_>) -> Option<T>) -> T {
    read_all(text, read).unwrap()
}

fn read_service(text: &str) -> Result<Platform, Vec<String>> {
    read_all(text, |section| read(section).1)
}

#[test]
fn every_kind_has_a_name_of_its_own_and_says_what_it_is_good_for() {
    for (at, kind) in ALL.iter().enumerate() {
        let before = &ALL[..at];
        assert!(before.iter().all(|other| other.name != kind.name));
        let Documentation {
            restores,
            leaves,
            pins,
            needs,
            takes,
            proven,
            traps,
        } = kind.documentation;
        let sentences = [restores, leaves, pins, needs, takes, proven];
        for sentence in sentences.iter().chain(traps) {
            assert!(sentence.ends_with('.'), "{}: {sentence:?}", kind.name);
        }
    }
}

#[test]
fn a_kind_that_is_not_there_is_told_once_and_nothing_is_said_of_its_keys() {
    assert_eq!(
        read_service("provider = \"vercl\"\nproject = 7\npath = \"shop\"").unwrap_err(),
        ["provider: \"vercl\" is not known; did you mean \"vercel\"?"]
    );
    let names: Vec<String> = ALL.iter().map(|kind| format!("{:?}", kind.name)).collect();
    assert_eq!(
        read_service("token = \"env:NOBODY\"").unwrap_err(),
        [format!(
            "provider: is missing; write provider = {}",
            names.join(", or ")
        )]
    );
    let mistakes = read_service("provider = \"mainframe\"\nimage = \"shop\"").unwrap_err();
    assert_eq!(
        mistakes[0],
        format!(
            "provider: \"mainframe\" is not known; write {}",
            names.join(" or ")
        )
    );
    assert!(
        mistakes[1].starts_with("image: is not a key here"),
        "{mistakes:?}"
    );
}

#[test]
fn the_keys_of_one_kind_are_no_keys_of_another() {
    let mistakes =
        read_service("provider = \"releases\"\npath = \"/srv/shop\"\nproject = \"prj_1\"");
    assert_eq!(
        mistakes.unwrap_err(),
        [
            "project: is not a key here; remove it, or use one of provider, path, restart, restart_timeout"
        ]
    );
}

#[test]
fn two_services_are_the_same_thing_when_their_platform_knows_them_as_one() {
    let vercel = |more: &str| {
        let text = format!("provider = \"vercel\"\ntoken = \"env:TOKEN\"\n{more}");
        read_service(&text).unwrap()
    };
    let shop = vercel("project = \"shop\"");
    assert_eq!(shop.identity(), vercel("project = \"shop\"").identity());
    for other in [
        "project = \"blog\"",
        "project = \"shop\"\nteam = \"acme\"",
        "project = \"shop\"\napi_url = \"https://vercel.example.com\"",
    ] {
        assert_ne!(shop.identity(), vercel(other).identity());
    }
    // An id is one project, whatever else is said of it.
    let id = vercel("project = \"prj_1\"").identity();
    let elsewhere = "project = \"prj_1\"\nteam = \"acme\"";
    assert_eq!(id, vercel(elsewhere).identity());
    let directory = read_service("provider = \"releases\"\npath = \"/srv/shop\"").unwrap();
    assert_eq!(directory.identity(), "releases \"/srv/shop\"");
    // What it is connected with is read, and never printed.
    assert!(!format!("{shop:?}").contains("a-secret"));
}

#[test]
fn what_is_not_written_has_a_default() {
    let vercel = read_as(
        "project = \"shop\"\ntoken = \"env:TOKEN\"",
        VercelSettings::read,
    );
    assert_eq!((vercel.project.as_str(), vercel.team), ("shop", None));
    assert_eq!(vercel.token.expose(), "a-secret");
    assert_eq!(vercel.api_url.as_str(), "https://api.vercel.com/");
    let shop = read_as(
        "path = \"/srv/shop\"\nrestart = [\"systemctl\", \"restart\", \"shop\"]",
        Releases::read,
    );
    assert_eq!(shop.path, Path::new("/srv/shop"));
    assert_eq!(shop.restart.unwrap(), ["systemctl", "restart", "shop"]);
    assert_eq!(shop.restart_timeout, Duration::from_secs(60));
    let shop = read_as("path = \"/srv/shop\"", Releases::read);
    assert_eq!(shop.restart, None);
}
