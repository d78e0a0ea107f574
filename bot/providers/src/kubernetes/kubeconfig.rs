//! A kubeconfig: which cluster its context names, and as whom the cluster is asked.

use super::settings::{Ca, Cluster, Login};
use crate::json::{flag, text};
use crate::rest::check_address;
use base64::{Engine, prelude::BASE64_STANDARD};
use rollback_settings::{Secret, Section, Value as Written};
use serde_json::Value;
use std::path::{Path, PathBuf};
use url::Url;
use yaml_rust2::{Yaml, YamlLoader};

/// How deep a kubeconfig may be nested: a real one has six levels.
const DEPTH_AT_MOST: usize = 16;
/// The longest kubeconfig that is read, in bytes.
const LENGTH_AT_MOST: usize = 1024 * 1024;

/// Reads the kubeconfig that this key of the section stands for, with its current context or the
/// one of that name; or says what is wrong with it. No problem it tells repeats a secret.
pub(super) fn read(
    section: &Section<'_>,
    written: &Written,
    context: Option<&str>,
) -> Result<Cluster, String> {
    let document = section.document(written)?;
    let directory = written
        .as_str()
        .and_then(|written| written.strip_prefix("file:"))
        .and_then(|path| Path::new(path).parent())
        .map(Path::to_owned);
    let config = Kubeconfig {
        section,
        all: parse(document.expose())?,
        directory,
    };
    let context = match context.or_else(|| text(&config.all, "current-context")) {
        Some(context) => context,
        None => {
            return Err(format!(
                "has no current context; write context = {:?}",
                config.names("contexts").first().unwrap_or(&"production")
            ));
        }
    };
    let context = config.named("contexts", "context", context)?;
    let cluster = config.part(context, "cluster")?;
    let cluster = config.named("clusters", "cluster", cluster)?;
    let user = config.part(context, "user")?;
    Ok(Cluster {
        server: server(cluster)?,
        ca: config.ca(cluster)?,
        login: config.login(user, config.named("users", "user", user)?)?,
    })
}

/// A kubeconfig that is being read.
struct Kubeconfig<'a> {
    section: &'a Section<'a>,
    all: Value,
    /// Where it is; `None` when it is in no file.
    directory: Option<PathBuf>,
}

impl Kubeconfig<'_> {
    /// The names in one of its lists.
    fn names(&self, list: &str) -> Vec<&str> {
        let entries = self.all[list].as_array().into_iter().flatten();
        entries.filter_map(|entry| text(entry, "name")).collect()
    }

    /// What one of its lists has under a name.
    fn named(&self, list: &str, key: &str, name: &str) -> Result<&Value, String> {
        let mut entries = self.all[list].as_array().into_iter().flatten();
        let entry = entries.find(|entry| text(entry, "name") == Some(name));
        entry.map(|entry| &entry[key]).ok_or_else(|| {
            let names = self.names(list).join(", ");
            format!("has no {key} {name:?} (it has {names})")
        })
    }

    /// A name that a context needs.
    fn part<'a>(&self, context: &'a Value, key: &str) -> Result<&'a str, String> {
        text(context, key).ok_or_else(|| format!("has a context that names no {key}"))
    }

    fn ca(&self, cluster: &Value) -> Result<Ca, String> {
        match self.pem(cluster, "certificate-authority")? {
            Some(ca) => Ok(Ca::Inline(ca)),
            None => Ok(Ca::Public),
        }
    }

    fn login(&self, name: &str, user: &Value) -> Result<Login, String> {
        if let Some(program) = text(&user["exec"], "command") {
            return Err(format!(
                "has a user {name:?} whose token comes from a program ({program}), which this bot does not run. Make a service account for the bot, and put its token into a kubeconfig of its own"
            ));
        }
        if user.get("auth-provider").is_some() || user.get("username").is_some() {
            return Err(format!(
                "has a user {name:?} that signs in by auth-provider or a password, which this bot does not do. Make a service account for the bot, and put its token into a kubeconfig of its own"
            ));
        }
        if let Some(token) = text(user, "token") {
            rollback_settings::check_characters(token)
                .map_err(|problem| format!("has a token that {problem}"))?;
            return Ok(Login::Token(Secret::new(token)));
        }
        if let Some(path) = text(user, "tokenFile") {
            return Ok(Login::TokenFile(self.path("tokenFile", path)?));
        }
        let cert = self.pem(user, "client-certificate")?;
        let key = self.pem(user, "client-key")?;
        match (cert, key) {
            (Some(cert), Some(key)) => Ok(Login::Certificate { cert, key }),
            (_, _) => Err(format!(
                "has a user {name:?} with neither a token nor a client certificate and its key"
            )),
        }
    }

    /// A certificate or key, which is in the kubeconfig itself or in a file that it names.
    fn pem(&self, part: &Value, key: &str) -> Result<Option<Secret>, String> {
        let data = format!("{key}-data");
        if let Some(data_text) = text(part, &data) {
            let pem = BASE64_STANDARD.decode(data_text).ok();
            let pem = pem.and_then(|pem| String::from_utf8(pem).ok());
            let pem = pem.filter(|pem| pem.trim_start().starts_with("-----BEGIN "));
            let pem = pem.ok_or_else(|| format!("has {data} that is no PEM in base64"))?;
            return Ok(Some(Secret::new(pem)));
        }
        let Some(path) = text(part, key) else {
            return Ok(None);
        };
        let path = format!("file:{}", self.path(key, path)?.display());
        let pem = self.section.pem(&Written::String(path));
        pem.map(Some).map_err(|problem| format!("{key}: {problem}"))
    }

    /// A path that it names: one that is not absolute begins where the kubeconfig is.
    fn path(&self, key: &str, path: &str) -> Result<PathBuf, String> {
        match (&self.directory, Path::new(path).is_absolute()) {
            (_, true) => Ok(path.into()),
            (Some(directory), false) => Ok(directory.join(path)),
            (None, false) => Err(format!(
                "names a {key} that is not absolute ({path}), and is in no file itself"
            )),
        }
    }
}

/// Where the API of a cluster is, if it can be asked safely and as it is written.
fn server(cluster: &Value) -> Result<Url, String> {
    let refused = |what: &str| {
        Err(format!(
            "has a cluster with {what}, which this bot does not do. Write a kubeconfig without it for the bot"
        ))
    };
    if flag(cluster, "insecure-skip-tls-verify") {
        return refused("insecure-skip-tls-verify");
    }
    for key in ["proxy-url", "tls-server-name"] {
        if text(cluster, key).is_some() {
            return refused(key);
        }
    }
    let server = text(cluster, "server").and_then(|server| Url::parse(server).ok());
    let is_web = |server: &Url| matches!(server.scheme(), "http" | "https");
    let Some(server) = server.filter(is_web) else {
        return Err("has a cluster whose server is no web address".into());
    };
    if !server.username().is_empty() || server.password().is_some() {
        return Err("has a cluster whose server carries a user name or a password".into());
    }
    check_address(&server).map_err(|problem| format!("has a cluster whose server {problem}"))?;
    Ok(server)
}

/// Reads YAML, of which JSON is a part.
fn parse(document: &str) -> Result<Value, String> {
    // Where it goes wrong is left out: the text around may be a secret.
    let malformed = || "is no kubeconfig: it is not YAML".to_owned();
    if document.len() > LENGTH_AT_MOST {
        return Err("is no kubeconfig: it is larger than 1 MiB".into());
    }
    // An anchor that is repeated can stand for any number of values.
    let anchors = document.lines().map(|line| line.trim_start());
    if anchors
        .flat_map(str::split_whitespace)
        .any(|word| word.starts_with(['&', '*']))
    {
        return Err("is no kubeconfig: it has anchors of YAML".into());
    }
    let documents = YamlLoader::load_from_str(document).map_err(|_| malformed())?;
    let Some(config) = documents.first().and_then(|document| value(document, 0)) else {
        return Err(malformed());
    };
    match config["clusters"].is_array() && config["contexts"].is_array() {
        true => Ok(config),
        false => Err("is no kubeconfig: it has no clusters and contexts".into()),
    }
}

/// YAML as JSON; `None` when it has what JSON has not, or is nested too deep.
fn value(yaml: &Yaml, depth: usize) -> Option<Value> {
    if depth > DEPTH_AT_MOST {
        return None;
    }
    Some(match yaml {
        Yaml::Real(text) | Yaml::String(text) => Value::String(text.clone()),
        Yaml::Integer(number) => Value::from(*number),
        Yaml::Boolean(is_true) => Value::Bool(*is_true),
        Yaml::Null => Value::Null,
        Yaml::Array(entries) => {
            let entries = entries.iter().map(|entry| value(entry, depth + 1));
            Value::Array(entries.collect::<Option<_>>()?)
        }
        Yaml::Hash(entries) => {
            let entries = entries
                .iter()
                .map(|(key, entry)| Some((key.as_str()?.to_owned(), value(entry, depth + 1)?)));
            Value::Object(entries.collect::<Option<_>>()?)
        }
        Yaml::Alias(_) | Yaml::BadValue => return None,
    })
}
