//! What is true of every preset.

use crate::{
    api::{Answered, Api},
    run::{Programs, connect, platform},
};
use rollback_domain::{platform::ProviderError, release::Way};
use rollback_providers::{
    configured::presets::{Preset, all},
    overview::{entries, page, text},
};
use serde_json::json;
use std::{env, fs, path::Path};

/// A service on a preset, with an example for every variable.
pub fn example(preset: &Preset, more: &str) -> String {
    let variables = preset.variables.iter().map(|variable| {
        let example = match variable.is_secret {
            true => "\"env:TOKEN\"".to_owned(),
            false => variable.example(),
        };
        match more.contains(&format!("{} = ", variable.name)) {
            true => String::new(),
            false => format!("{} = {example}\n", variable.name),
        }
    });
    format!(
        "provider = {:?}\npreset = {:?}\n{more}\n{}",
        preset.provider,
        preset.name,
        variables.collect::<String>()
    )
}

#[test]
fn every_preset_can_be_used_and_says_what_people_should_know() {
    let presets = all();
    assert_eq!(presets.len(), 14, "a file cannot be read");
    for preset in &presets {
        let more = match preset.name {
            "coolify" => "api_url = \"https://coolify.example.com\"",
            _ => "",
        };
        let read = platform(&example(preset, more));
        let read = read.unwrap_or_else(|mistakes| panic!("{}: {mistakes}", preset.name));
        assert!(!format!("{read:?}{}", read.identity()).contains(crate::run::TOKEN));
        let effects = connect(&example(preset, more)).effects(Way::Back);
        assert_eq!(effects.platform, preset.platform);
        assert_eq!(effects.restores, preset.restores);
        let sentences = [&preset.pins, &preset.needs, &preset.takes, &preset.proven];
        for sentence in sentences.into_iter().chain(&preset.traps) {
            assert!(sentence.ends_with('.'), "{}: {sentence:?}", preset.name);
        }
        assert!(!preset.restores.is_empty() && !preset.leaves.is_empty());
    }
}

#[test]
fn the_page_about_them_is_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/platforms.md");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, page()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/platforms.md is not what the providers say; UPDATE_DOCS=1 cargo test -p rollback-providers --test platforms page writes it anew"
    );
    let text = text();
    for entry in entries() {
        assert!(text.contains(&entry.written), "{}", entry.written);
    }
    assert!(!text.contains('`') && text.lines().all(|line| line.len() < 300));
}

#[test]
fn a_preset_that_is_not_there_and_a_variable_that_is_missing_are_named() {
    let mistakes = |section: &str| platform(section).unwrap_err();
    assert_eq!(
        mistakes("provider = \"http\"\npreset = \"herokku\""),
        "preset: \"herokku\" is no preset; did you mean \"heroku\"?"
    );
    assert_eq!(
        mistakes("provider = \"http\"\npreset = \"helm\""),
        "preset: \"helm\" is a preset of another provider; write provider = \"command\""
    );
    assert_eq!(
        mistakes("provider = \"http\"\npreset = \"heroku\"\ntoken = \"env:TOKEN\""),
        "app: is missing; write app = \"shop\""
    );
    assert!(
        mistakes(
            "provider = \"http\"\npreset = \"coolify\"\napplication = \"x\"\ntoken = \"env:TOKEN\""
        )
        .contains("api_url: is missing")
    );
    let own = "provider = \"http\"\npreset = \"heroku\"\napp = \"shop\"\ntoken = \"env:TOKEN\"\n";
    assert!(mistakes(&format!("{own}rows = \"/x\"")).contains("rows: is not a key here"));
    // What a preset says of times and effects may be written otherwise.
    let other = format!("{own}serve_within = \"1h\"\nclass = \"caution\"\nleaves = [\"all else\"]");
    let effects = connect(&other).effects(Way::Back);
    assert_eq!(effects.timing.serve_within.as_secs(), 3600);
    assert_eq!(effects.leaves, ["all else"]);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_quoted_within_bounds() {
    let long = "x".repeat(5_000);
    let api = Api::start(move |_| Answered::Json(200, json!({"unexpected": long}))).await;
    let programs = Programs::new();
    let page = programs.add("page", "echo '<html>Please log in</html>'");
    for preset in all() {
        let programs = ["program", "docker", "helm", "flux", "kubectl"].into_iter();
        let of_preset = programs.filter(|name| {
            preset
                .variables
                .iter()
                .any(|variable| variable.name == *name)
        });
        let more = match preset.provider.as_str() {
            "http" => format!("api_url = {:?}", api.url),
            _ => of_preset
                .map(|name| format!("{name} = {page:?}\n"))
                .collect(),
        };
        let why = connect(&example(&preset, &more)).check().await.unwrap_err();
        let ProviderError::Refused(why) = why else {
            panic!("{}: {why:?}", preset.name);
        };
        assert!(
            why.contains("expected ") && why.contains(", seen: "),
            "{}: {why}",
            preset.name
        );
        assert!(
            why.len() < 700 && !why.contains('<'),
            "{}: {why}",
            preset.name
        );
    }
}
