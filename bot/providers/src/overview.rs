//! Every platform that can be rolled back, in one table: the providers, and the presets of those
//! that the configuration describes.

use crate::{
    ALL,
    configured::presets::{self, Preset},
    registry::Kind,
};
use std::fmt::Write;

/// A platform, as people should know it before they choose it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// How the configuration names it: `provider = "vercel"`.
    pub written: String,
    /// Its name for people.
    pub name: String,
    /// What each of its aspects is called, and what is to be known of it, in one order for all.
    pub facts: Vec<(&'static str, String)>,
    /// What to look out for, a sentence each.
    pub traps: Vec<String>,
    /// What a service says about it: the key, and what it is. Empty for a provider, whose keys the
    /// example configuration has.
    pub variables: Vec<(String, String)>,
}

/// Every provider, then every preset.
pub fn entries() -> Vec<Entry> {
    let providers = ALL.iter().map(|kind| of_provider(kind));
    let presets = presets::all().into_iter().map(|preset| of_preset(&preset));
    providers.chain(presets).collect()
}

fn of_provider(kind: &Kind) -> Entry {
    let about = kind.documentation;
    Entry {
        written: format!("provider = {:?}", kind.name),
        name: format!("`{}`", kind.name),
        facts: vec![
            ("restores", about.restores.into()),
            ("leaves", about.leaves.into()),
            ("pins", about.pins.into()),
            ("needs", about.needs.into()),
            ("takes", about.takes.into()),
            ("proven by", about.proven.into()),
        ],
        traps: about.traps.iter().map(ToString::to_string).collect(),
        variables: vec![],
    }
}

fn of_preset(preset: &Preset) -> Entry {
    let variables = preset.variables.iter().map(|variable| {
        let mut about = variable.about.clone();
        match &variable.default {
            Some(default) => about.push_str(&format!("; {default:?} without it")),
            None if variable.may_be_left_out() => about.push_str("; may be left out"),
            None => {}
        }
        if variable.is_secret {
            about.push_str("; a secret");
        }
        (variable.name.clone(), about)
    });
    let mut variables: Vec<(String, String)> = variables.collect();
    if preset.needs_address {
        variables.push(("api_url".into(), "where it is".into()));
    }
    Entry {
        written: format!(
            "provider = {:?}, preset = {:?}",
            preset.provider, preset.name
        ),
        name: preset.platform.clone(),
        facts: vec![
            ("restores", sentence(&preset.restores)),
            ("leaves", sentence(&preset.leaves)),
            ("pins", preset.pins.clone()),
            ("needs", preset.needs.clone()),
            ("takes", preset.takes.clone()),
            ("proven by", preset.proven.clone()),
        ],
        traps: preset.traps.clone(),
        variables,
    }
}

/// Names as a sentence: "The image, today's secrets."
fn sentence(names: &[String]) -> String {
    let mut text = names.join(", ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text + "."
}

/// The table for a terminal.
pub fn text() -> String {
    let mut text = String::new();
    for entry in entries() {
        let _ = writeln!(text, "{}", entry.written);
        for (aspect, fact) in &entry.facts {
            let _ = writeln!(text, "  {aspect:<10}{}", plain(fact));
        }
        for (at, (key, about)) in entry.variables.iter().enumerate() {
            let head = if at == 0 { "keys" } else { "" };
            let _ = writeln!(text, "  {head:<10}{key}: {about}");
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

/// A sentence without the marks of Markdown.
fn plain(sentence: &str) -> String {
    sentence.replace(['`', '*'], "")
}

/// The same as a page: docs/platforms.md.
pub fn page() -> String {
    let mut page = String::from(
        "# Platforms\n\n\
         Every provider and every preset: what it restores and leaves, what becomes of automatic deploys, \
         what it needs, how long it takes, and how it was proven. `rollback-bot providers` prints it too; \
         [operations.md](operations.md) says how each is set up. No provider touches a database.\n\n\
         This page is made from `bot/providers/src` by a test; \
         `UPDATE_DOCS=1 cargo test -p rollback-providers --test platforms page` writes it anew.\n",
    );
    for entry in entries() {
        let written = entry.written.replace(", preset", "\npreset");
        let _ = write!(page, "\n## {}\n\n```toml\n{written}\n```\n\n", entry.name);
        page.push_str("| | |\n|---|---|\n");
        for (aspect, fact) in &entry.facts {
            let _ = writeln!(page, "| {aspect} | {fact} |");
        }
        for (key, about) in &entry.variables {
            let _ = writeln!(page, "| `{key}` | {about} |");
        }
        if !entry.traps.is_empty() {
            page.push('\n');
        }
        for trap in &entry.traps {
            let _ = writeln!(page, "- {trap}");
        }
    }
    page
}
