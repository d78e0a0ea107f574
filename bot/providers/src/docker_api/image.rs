//! An image as an engine lists it, and the references by which images are named.

use jiff::Timestamp;
use serde_json::Value;

/// What Docker leaves out where people do not write it.
const DOCKER_HUB: [&str; 4] = [
    "docker.io/library/",
    "index.docker.io/library/",
    "docker.io/",
    "index.docker.io/",
];

/// The repository of a reference: `registry.example.com/shop` of `registry.example.com/shop:v212`.
/// `None` when it is only an id.
pub(crate) fn repository(reference: &str) -> Option<&str> {
    let is_id = reference.strip_prefix("sha256:").unwrap_or(reference);
    if is_id.len() >= 12 && is_id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let plain = reference.split('@').next().unwrap_or(reference);
    let last = plain.rfind('/').map_or(0, |at| at + 1);
    let plain = match plain[last..].find(':') {
        Some(colon) => &plain[..last + colon],
        None => plain,
    };
    let hub = DOCKER_HUB.iter().find_map(|hub| plain.strip_prefix(hub));
    Some(hub.unwrap_or(plain)).filter(|plain| !plain.is_empty())
}

/// An image in the list of all.
pub(crate) struct Image<'a>(&'a Value);

impl<'a> Image<'a> {
    pub(crate) fn new(listed: &'a Value) -> Self {
        Self(listed)
    }

    pub(crate) fn id(&self) -> &'a str {
        self.0["Id"].as_str().unwrap_or_default()
    }

    pub(crate) fn references(&self, key: &str) -> impl Iterator<Item = &'a str> {
        let references = self.0[key].as_array().into_iter().flatten();
        references.filter_map(Value::as_str)
    }

    pub(crate) fn is_of(&self, wanted: &str) -> bool {
        let tags = self.references("RepoTags");
        let mut all = tags.chain(self.references("RepoDigests"));
        all.any(|reference| repository(reference) == Some(wanted))
    }

    /// How the registry calls it, in this repository.
    pub(crate) fn digest(&self, wanted: &str) -> Option<&'a str> {
        let mut digests = self.references("RepoDigests");
        digests.find(|digest| repository(digest) == Some(wanted) && !digest.contains("<none>"))
    }

    /// The tag that names one release, in this repository.
    pub(crate) fn tag(&self, wanted: &str) -> Option<&'a str> {
        let tags = self
            .references("RepoTags")
            .filter(|tag| repository(tag) == Some(wanted))
            .filter_map(|tag| Some(tag.rsplit_once(':')?.1));
        tags.filter(|tag| !matches!(*tag, "latest" | "<none>"))
            .min()
    }

    pub(crate) fn label(&self, name: &str) -> Option<&'a str> {
        self.0["Labels"][name]
            .as_str()
            .filter(|text| !text.is_empty())
    }

    pub(crate) fn sha(&self) -> Option<String> {
        let sha = self.label("org.opencontainers.image.revision")?;
        let is_sha =
            (7..=64).contains(&sha.len()) && sha.bytes().all(|one| one.is_ascii_hexdigit());
        is_sha.then(|| sha.to_ascii_lowercase())
    }

    /// When it was built. Builds that can be repeated have no time, or one long ago.
    pub(crate) fn created_at(&self) -> Option<Timestamp> {
        let seconds = self.0["Created"]
            .as_i64()
            .filter(|seconds| *seconds > 1_000_000_000)?;
        Timestamp::from_second(seconds).ok()
    }
}

/// The tag of a reference: `v212` of `registry.example.com/shop:v212`. `None`: it names no release.
pub(crate) fn tag(reference: &str) -> Option<&str> {
    let last = reference.split('@').next()?.rsplit('/').next()?;
    let (_, tag) = last.split_once(':')?;
    (tag != "latest").then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = "registry.example.com:5000/acme/shop";

    #[test]
    fn a_repository_is_a_reference_without_its_tag() {
        for (reference, plain) in [
            ("registry.example.com:5000/acme/shop:v212", Some(SHOP)),
            ("registry.example.com:5000/acme/shop@sha256:11", Some(SHOP)),
            (
                "registry.example.com:5000/acme/shop:v1@sha256:11",
                Some(SHOP),
            ),
            ("nginx", Some("nginx")),
            ("docker.io/library/nginx:1.25", Some("nginx")),
            ("docker.io/acme/shop", Some("acme/shop")),
            ("sha256:9c7e2f4aa11b9c7e2f4aa11b", None),
            ("9c7e2f4aa11b", None),
        ] {
            assert_eq!(repository(reference), plain, "{reference}");
        }
    }

    #[test]
    fn a_tag_is_one_that_names_a_release() {
        for (reference, named) in [
            ("registry.example.com:5000/acme/shop:v212", Some("v212")),
            (
                "registry.example.com:5000/acme/shop:v1@sha256:11",
                Some("v1"),
            ),
            ("registry.example.com:5000/acme/shop", None),
            ("nginx:latest", None),
        ] {
            assert_eq!(tag(reference), named, "{reference}");
        }
    }
}
