use super::*;
use serde_json::json;

const SHOP: &str = "registry.example.com:5000/acme/shop";

fn image(id: &str, tags: &[&str], digests: &[&str], created: i64) -> Value {
    json!({ "Id": id, "RepoTags": tags, "RepoDigests": digests, "Created": created, "Labels": null })
}

fn listed(candidates: &[Candidate]) -> Vec<(&str, &str, bool)> {
    let releases = candidates.iter().map(|candidate| &candidate.release);
    releases
        .map(|release| (release.id.as_str(), release.label(), release.has_served))
        .collect()
}

#[test]
fn images_of_the_repository_and_those_that_ran_can_be_gone_to() {
    let images = json!([
        image(
            "i4",
            &[
                "registry.example.com:5000/acme/shop:latest",
                "registry.example.com:5000/acme/shop:v4"
            ],
            &[],
            1_700_000_400
        ),
        image(
            "i3",
            &[],
            &["registry.example.com:5000/acme/shop@sha256:33"],
            1_700_000_300
        ),
        image("i2", &["built-here:v2"], &[], 1_700_000_200),
        image("other", &["postgres:16"], &[], 1_700_000_100),
        image(
            "i1",
            &["registry.example.com:5000/acme/shop:latest"],
            &[],
            0
        ),
    ]);
    let container = |name: &str, image: &str, state: &str, labels: Value| {
        json!({ "Id": name, "Names": [format!("/{name}")], "ImageID": image, "State": state,
                "Labels": labels, "Created": 1_700_001_000 })
    };
    let containers = json!([
        container("shop", "i4", "running", json!({})),
        container("shop-before-RB-7", "i2", "exited", json!({})),
        container("shop-RB-8", "i3", "created", json!({ CONTAINER: "shop" })),
        container("db", "other", "running", json!({})),
    ]);
    let (candidates, pulls) = candidates(&images, &containers, "shop", SHOP, None);
    assert_eq!(
        listed(&candidates),
        [
            ("i4", "v4", true),
            ("i3", "i3", false),
            ("i2", "i2", true),
            ("i1", "i1", false)
        ]
    );
    assert!(pulls.is_empty());
    assert!(candidates[0].release.live_since.is_some());
    assert_eq!(
        digest(&images, "i3", SHOP).as_deref(),
        Some("registry.example.com:5000/acme/shop@sha256:33")
    );
    assert_eq!(repository_of(&images, "i2").as_deref(), Some("built-here"));
}

#[test]
fn what_a_rollback_left_can_be_fetched_again_where_its_digest_is_known() {
    let undone = |digest: Value| Undone {
        rollback: rollback_domain::identity::RollbackId::new(41),
        left: Some(Release {
            version: Some("v213".into()),
            ..Release::unknown("sha256:left")
        }),
        memory: json!({ "image": "sha256:left", "digest": digest }),
        restore_point: None,
    };
    let none = json!([]);
    let known = undone(json!("shop@sha256:77"));
    let (offered, pulls) = candidates(&none, &none, "shop", "shop", Some(&known));
    assert_eq!(listed(&offered), [("sha256:left", "v213", true)]);
    assert_eq!(offered[0].barred_forward, None);
    assert_eq!(pulls["sha256:left"], "shop@sha256:77");
    let built_here = undone(Value::Null);
    let (offered, pulls) = candidates(&none, &none, "shop", "shop", Some(&built_here));
    let why = offered[0].barred_forward.as_deref().unwrap();
    assert!(
        why.contains("came from no registry") && pulls.is_empty(),
        "{why}"
    );
}
