//! Tests of what a request may look like.

use crate::registry::{Platform, read};
use std::{io::ErrorKind, path::Path};

/// A service whose `roll_back` has these keys; or what is wrong with it.
fn service(roll_back: &str) -> Result<Platform, String> {
    let text = text(roll_back);
    let env = |name: &str| (name == "TOKEN").then(|| "hunter22".to_owned());
    let no_file = |_: &Path| Err(ErrorKind::NotFound.into());
    let read = rollback_settings::read(&text, &env, &no_file, &[], |section| {
        let (_, platform) = read(section);
        section.done();
        platform
    });
    read.map(|(platform, _)| platform)
        .map_err(|mistakes| mistakes.to_string())
}

/// A service whose `roll_back` has these keys.
fn text(roll_back: &str) -> String {
    format!(
        "provider = \"http\"\nplatform = \"Sites\"\nrestores = [\"files\"]\nleaves = [\"data\"]\n\
         api_url = \"https://api.example.com/v1\"\nsecrets = {{ token = \"env:TOKEN\" }}\n\
         headers = {{ Authorization = \"Bearer {{token}}\" }}\n\
         list = {{ path = \"/deploys\" }}\nlive = {{ path = \"/site\", id = \"/live\" }}\n\
         [roll_back]\n{roll_back}\n"
    )
}

#[test]
fn a_request_is_read_or_every_mistake_in_it_is_named() {
    let good = "method = \"POST\"\npath = \"/deploys/{id}/restore\"\nbody = { reason = \"{because}\", percent = 100 }";
    let platform = service(good).unwrap();
    assert!(!format!("{platform:?}{}", platform.identity()).contains("hunter22"));
    for (roll_back, wanted) in [
        ("path = \"deploys\"", "does not begin with /"),
        ("path = \"/deploys?id={id}\"", "write it under query"),
        ("path = \"/deploys/{ID}\"", "{ID} stands for nothing here"),
        (
            "path = \"/deploys/{token}\"",
            "{token} stands for nothing here",
        ),
        (
            "path = \"/deploys\"\nbody = { key = \"{token}\" }",
            "{token} stands for nothing here",
        ),
        (
            "path = \"/deploys\"\nmethod = \"FETCH\"",
            "\"FETCH\" is not known",
        ),
        (
            "path = \"/deploys\"\nheaders = { \"a b\" = \"x\" }",
            "is not the name of a header",
        ),
        ("path = \"/deploys\"\nurl = \"x\"", "is not a key here"),
    ] {
        let mistake = service(roll_back).unwrap_err();
        assert!(mistake.contains(wanted), "{roll_back}: {mistake}");
    }
}

#[test]
fn a_secret_that_is_not_set_is_the_only_mistake() {
    let good = "path = \"/deploys/{id}/restore\"";
    let no_file = |_: &Path| Err(ErrorKind::NotFound.into());
    let text = text(good);
    let read = rollback_settings::read(&text, &|_| None, &no_file, &[], |section| {
        let (_, platform) = read(section);
        section.done();
        platform
    });
    assert_eq!(
        read.unwrap_err().to_string(),
        "secrets.token: environment variable TOKEN is not set"
    );
}
