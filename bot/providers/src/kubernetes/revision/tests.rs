//! Tests of what a template says of the release that it is.

use super::*;
use serde_json::json;

#[test]
fn an_image_names_its_release() {
    let digest = "4ee22d29f2a9c9bcdd8d13ec0b5d8dcd7ae0f1d3d5a4d7f3f7e1cb7d9e9b7f01";
    for (reference, version, sha) in [
        (
            "registry.example.com:5000/acme/shop:v212",
            Some("v212"),
            None,
        ),
        ("shop:3f2a9c1", None, Some("3f2a9c1")),
        // A number or a date is no commit.
        ("shop:20260314", Some("20260314"), None),
        ("shop:latest", None, None),
        ("registry.example.com:5000/shop", None, None),
        (&format!("shop@sha256:{digest}"), None, Some(digest)),
        (
            &format!("shop:v1@sha256:{digest}"),
            Some("v1"),
            Some(digest),
        ),
        ("", None, None),
    ] {
        let image = Image::of(reference);
        assert_eq!(
            (image.version.as_deref(), image.sha.as_deref()),
            (version, sha),
            "{reference}"
        );
    }
}

#[test]
fn the_container_that_a_template_is_about_names_it() {
    let containers =
        json!([{"name": "proxy", "image": "envoy:v1"}, {"name": "shop", "image": "shop:v2"}]);
    let template = json!({"spec": {"containers": containers}});
    assert_eq!(main_image(&template), Some("envoy:v1"));
    let annotations = json!({"kubectl.kubernetes.io/default-container": "shop"});
    let template = json!({
        "metadata": {"annotations": annotations}, "spec": {"containers": containers},
    });
    assert_eq!(main_image(&template), Some("shop:v2"));
}

#[test]
fn what_a_cluster_adds_makes_no_other_content() {
    let written = json!({"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": []}});
    let kept = json!({
        "$patch": "replace",
        "metadata": {
            "creationTimestamp": null,
            "labels": {"app": "shop", "pod-template-hash": "5d4f"},
            "annotations": {"kubectl.kubernetes.io/restartedAt": "2026-03-14T00:00:00Z"},
        },
        "spec": {"containers": []},
    });
    assert_eq!(content(&written), content(&kept));
    let other = json!({"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [1]}});
    assert_ne!(content(&written), content(&other));
    assert_eq!(content(&json!("nonsense")), None);
}

#[test]
fn what_a_template_reads_from_elsewhere_is_found_once() {
    let template = json!({"spec": {
        "initContainers": [{"envFrom": [{"secretRef": {"name": "keys"}}]}],
        "containers": [{
            "envFrom": [{"configMapRef": {"name": "settings"}}],
            "env": [
                {"name": "A", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "a"}}},
                {"name": "B", "value": "written here"},
            ],
        }],
        "volumes": [{"configMap": {"name": "files"}}, {"secret": {"secretName": "tls"}}, {"emptyDir": {}}],
    }});
    assert_eq!(
        read_today(&template),
        [
            "ConfigMap files",
            "ConfigMap settings",
            "Secret keys",
            "Secret tls"
        ]
    );
}
