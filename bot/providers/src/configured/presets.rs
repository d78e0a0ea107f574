//! The presets that are shipped: platforms described in files, of which a service names a few
//! variables.

use rollback_settings::{Table, Value as Setting, did_you_mean, text};

/// Every preset: its name and its file.
const FILES: &[(&str, &str)] = &[
    ("kamal", include_str!("../presets/kamal.toml")),
    ("dokku", include_str!("../presets/dokku.toml")),
    ("helm", include_str!("../presets/helm.toml")),
    ("flux", include_str!("../presets/flux.toml")),
    ("fly", include_str!("../presets/fly.toml")),
    ("cloud-run", include_str!("../presets/cloud-run.toml")),
    ("aws-lambda", include_str!("../presets/aws-lambda.toml")),
    ("aws-ecs", include_str!("../presets/aws-ecs.toml")),
    ("netlify", include_str!("../presets/netlify.toml")),
    ("coolify", include_str!("../presets/coolify.toml")),
    ("digitalocean", include_str!("../presets/digitalocean.toml")),
    ("heroku", include_str!("../presets/heroku.toml")),
    (
        "cloudflare-workers",
        include_str!("../presets/cloudflare-workers.toml"),
    ),
    (
        "cloudflare-pages",
        include_str!("../presets/cloudflare-pages.toml"),
    ),
];

/// The keys of a preset that are for people.
pub(super) const DOCUMENTATION: [&str; 7] = [
    "provider",
    "pins",
    "needs",
    "takes",
    "proven",
    "traps",
    "variables",
];

/// A platform that is described in a file of ours.
#[derive(Clone, Debug)]
pub struct Preset {
    /// What the configuration calls it: `preset = "heroku"`.
    pub name: &'static str,
    /// The provider by which it is asked.
    pub provider: String,
    /// Its name for people.
    pub platform: String,
    /// What comes back with an earlier release.
    pub restores: Vec<String>,
    /// What stays as it is.
    pub leaves: Vec<String>,
    /// What becomes of automatic deploys, a sentence.
    pub pins: String,
    /// What it needs, a sentence.
    pub needs: String,
    /// How long it takes, a sentence.
    pub takes: String,
    /// How it was proven, a sentence.
    pub proven: String,
    /// What to look out for, a sentence each.
    pub traps: Vec<String>,
    /// What a service says about it.
    pub variables: Vec<Variable>,
    /// Whether a service has to say where it is.
    pub needs_address: bool,
    pub(super) text: &'static str,
}

/// Something that each service on a preset says for itself.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its key.
    pub name: String,
    /// What it is, a clause.
    pub about: String,
    /// Whether it is a secret.
    pub is_secret: bool,
    /// What holds when it is not written.
    pub default: Option<String>,
    example: Option<String>,
    /// Whether it may be left out, though nothing holds then.
    is_optional: bool,
    /// The environment variable that a secret is handed over in.
    environment: Option<String>,
}

impl Variable {
    /// A value as it is written in the configuration.
    pub fn example(&self) -> String {
        match (&self.example, &self.default) {
            (Some(example), _) | (None, Some(example)) => format!("{example:?}"),
            (None, None) => format!("{:?}", self.name),
        }
    }

    /// Whether a service need not say it.
    pub fn may_be_left_out(&self) -> bool {
        self.is_optional || self.default.is_some()
    }

    /// The placeholder or environment variable of a secret.
    pub(super) fn secret_name(&self) -> &str {
        self.environment.as_deref().unwrap_or(&self.name)
    }
}

/// Every preset, in the order in which people are told of them.
pub fn all() -> Vec<Preset> {
    FILES
        .iter()
        .filter_map(|(name, text)| parse(name, text))
        .collect()
}

/// The preset of this name, for this provider.
pub(super) fn named(provider: &str, value: &Setting) -> Result<Preset, String> {
    let name = text(value)?;
    let presets = all();
    if let Some(preset) = presets.iter().find(|preset| preset.name == name) {
        return match preset.provider == provider {
            true => Ok(preset.clone()),
            false => Err(format!(
                "{name:?} is a preset of another provider; write provider = {:?}",
                preset.provider
            )),
        };
    }
    let known = presets.iter().filter(|preset| preset.provider == provider);
    let known: Vec<&str> = known.map(|preset| preset.name).collect();
    let advice =
        did_you_mean(&name, &known).unwrap_or_else(|| format!("there is {}", known.join(", ")));
    Err(format!("{name:?} is no preset; {advice}"))
}

/// What a file says for people. A test holds every file against it.
fn parse(name: &'static str, text: &'static str) -> Option<Preset> {
    let table: Table = text.parse().ok()?;
    let sentence = |key: &str| Some(table.get(key)?.as_str()?.to_owned());
    let list = |key: &str| {
        let values = table.get(key)?.as_array()?.iter();
        values
            .map(|value| Some(value.as_str()?.to_owned()))
            .collect::<Option<Vec<_>>>()
    };
    let variables = table.get("variables")?.as_table()?.iter();
    let provider = sentence("provider")?;
    Some(Preset {
        name,
        needs_address: provider == "http" && !table.contains_key("api_url"),
        provider,
        platform: sentence("platform")?,
        restores: list("restores")?,
        leaves: list("leaves")?,
        pins: sentence("pins")?,
        needs: sentence("needs")?,
        takes: sentence("takes")?,
        proven: sentence("proven")?,
        traps: list("traps")?,
        variables: variables
            .map(|(name, value)| variable(name, value))
            .collect::<Option<_>>()?,
        text,
    })
}

fn variable(name: &str, value: &Setting) -> Option<Variable> {
    let table = value.as_table()?;
    let word = |key: &str| table.get(key).and_then(Setting::as_str).map(str::to_owned);
    let is = |key: &str| {
        table
            .get(key)
            .and_then(Setting::as_bool)
            .unwrap_or_default()
    };
    Some(Variable {
        name: name.to_owned(),
        about: word("about")?,
        is_secret: is("secret"),
        default: word("default"),
        example: word("example"),
        is_optional: is("optional"),
        environment: word("environment"),
    })
}
