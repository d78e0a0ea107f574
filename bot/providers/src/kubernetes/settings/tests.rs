//! Tests of what a service may say about its cluster.

use super::*;
use base64::{Engine, prelude::BASE64_STANDARD};

const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n";

/// A kubeconfig with this cluster and this user.
fn kubeconfig(cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: prod\n\
         clusters:\n- cluster: {cluster}\n  name: eu\n\
         contexts:\n- context:\n    cluster: eu\n    user: bot\n  name: prod\n- context: {{cluster: us, user: bot}}\n  name: other\n\
         users:\n- name: bot\n  user: {user}\n"
    )
}

const CLUSTER: &str = "{server: \"https://10.0.0.7:6443\"}";
const USER: &str = "{token: a-token-of-the-bot}";

/// What is read of a section, or every mistake in it; `config` is what CONFIG and the file have.
fn read(written: &str, config: &str) -> Result<KubernetesSettings, String> {
    let env = |name: &str| (name == "CONFIG").then(|| config.to_owned());
    let file = |path: &Path| match path.to_str() {
        Some("/etc/bot/kubeconfig") => Ok(config.to_owned()),
        Some("/etc/bot/ca.pem") => Ok(PEM.to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let read = rollback_settings::read(written, &env, &file, &[], |section| {
        let settings = KubernetesSettings::read(section);
        section.done();
        settings
    });
    read.map(|(settings, _)| settings)
        .map_err(|mistakes| mistakes.to_string())
}

const SHOP: &str = "deployment = \"shop\"\nnamespace = \"prod\"\n";

fn with_config(config: &str) -> Result<KubernetesSettings, String> {
    read(&format!("{SHOP}kubeconfig = \"env:CONFIG\""), config)
}

#[test]
fn in_a_cluster_nothing_else_has_to_be_said() {
    let settings = read(SHOP, "").unwrap();
    assert_eq!(
        settings.identity(),
        "https://kubernetes.default.svc/ prod deployment shop"
    );
    let Login::TokenFile(path) = &settings.cluster.login else {
        panic!("{settings:?}");
    };
    assert_eq!(
        path.to_str(),
        Some("/var/run/secrets/kubernetes.io/serviceaccount/token")
    );
}

#[test]
fn a_kubeconfig_says_where_and_as_whom() {
    let settings = with_config(&kubeconfig(CLUSTER, USER)).unwrap();
    let Cluster { server, ca, login } = &settings.cluster;
    assert_eq!(server.as_str(), "https://10.0.0.7:6443/");
    assert!(
        matches!((ca, login), (Ca::Public, Login::Token(token)) if token.expose() == "a-token-of-the-bot")
    );
    assert!(!format!("{settings:?}").contains("a-token-of-the-bot"));
    // JSON is YAML, too.
    let data = BASE64_STANDARD.encode(PEM);
    let user =
        format!("{{\"client-certificate-data\": \"{data}\", \"client-key-data\": \"{data}\"}}");
    let cluster =
        format!("{{\"server\": \"https://10.0.0.7\", \"certificate-authority-data\": \"{data}\"}}");
    let settings = with_config(&kubeconfig(&cluster, &user)).unwrap();
    assert!(matches!(
        (&settings.cluster.ca, &settings.cluster.login),
        (Ca::Inline(ca), Login::Certificate { .. }) if ca.expose() == PEM
    ));
}

#[test]
fn what_a_kubeconfig_names_is_looked_for_beside_it() {
    let config = kubeconfig(
        "{server: \"https://10.0.0.7\", certificate-authority: ca.pem}",
        "{tokenFile: token}",
    );
    let section = format!("{SHOP}kubeconfig = \"file:/etc/bot/kubeconfig\"");
    let settings = read(&section, &config).unwrap();
    let Cluster { ca, login, .. } = &settings.cluster;
    assert!(matches!(ca, Ca::Inline(_)));
    assert!(matches!(login, Login::TokenFile(path) if path == Path::new("/etc/bot/token")));
    let mistake = with_config(&config).unwrap_err();
    assert!(mistake.contains("is in no file itself"), "{mistake}");
}

#[test]
fn what_a_kubeconfig_cannot_do_here_is_a_sentence() {
    let cluster =
        |more: &str| kubeconfig(&format!("{{server: \"https://10.0.0.7\", {more}}}"), USER);
    for (config, part) in [
        (
            kubeconfig(
                CLUSTER,
                "{exec: {apiVersion: v1, command: aws, args: [eks, get-token]}}",
            ),
            "whose token comes from a program (aws), which this bot does not run. Make a service account",
        ),
        (
            kubeconfig(CLUSTER, "{auth-provider: {name: gcp}}"),
            "signs in by auth-provider or a password",
        ),
        (
            kubeconfig(CLUSTER, "{username: admin, password: hunter2}"),
            "signs in by auth-provider or a password",
        ),
        (
            kubeconfig(CLUSTER, "{}"),
            "neither a token nor a client certificate",
        ),
        (
            kubeconfig(CLUSTER, "{token: \"two words\"}"),
            "a token that has a blank",
        ),
        (
            kubeconfig(
                CLUSTER,
                "{client-certificate-data: AAAA, client-key-data: AAAA}",
            ),
            "client-certificate-data that is no PEM",
        ),
        (
            cluster("insecure-skip-tls-verify: true"),
            "with insecure-skip-tls-verify",
        ),
        (cluster("proxy-url: \"http://proxy\""), "with proxy-url"),
        (
            cluster("tls-server-name: kubernetes"),
            "with tls-server-name",
        ),
        (
            kubeconfig("{server: \"http://10.0.0.7\"}", USER),
            "server is not https",
        ),
        (kubeconfig("{server: 7}", USER), "no web address"),
        (
            kubeconfig(CLUSTER, USER).replace("current-context: prod\n", ""),
            "no current context; write context = \"prod\"",
        ),
        (
            kubeconfig(CLUSTER, USER).replace("current-context: prod", "current-context: other"),
            "has no cluster \"us\" (it has eu)",
        ),
        ("a: {".into(), "it is not YAML"),
        ("a: b".into(), "has no clusters and contexts"),
        ("a: &x [1]\nb: *x".into(), "has anchors"),
    ] {
        let mistake = with_config(&config).unwrap_err();
        assert!(mistake.contains(part), "{part:?} is not in: {mistake}");
        assert!(!mistake.contains("hunter2"), "{mistake}");
        assert!(!mistake.contains("two words"), "{mistake}");
    }
}

#[test]
fn what_names_no_single_workload_is_a_mistake() {
    let config = kubeconfig(CLUSTER, USER);
    for (written, part) in [
        ("namespace = \"prod\"", "deployment: is missing"),
        ("deployment = \"shop\"", "namespace: is missing"),
        (
            "deployment = \"shop\"\nstatefulset = \"shop\"\nnamespace = \"prod\"",
            "statefulset: stands beside deployment",
        ),
        (
            "deployment = \"Shop_1\"\nnamespace = \"prod\"",
            "no name that Kubernetes takes",
        ),
        (
            "deployment = \"shop\"\nnamespace = \"prod\"\ncontext = \"prod\"",
            "context: is one of a kubeconfig",
        ),
        (
            "deployment = \"shop\"\nnamespace = \"prod\"\nkubeconfig = \"env:CONFIG\"\napi_url = \"https://x\"",
            "api_url: stands beside kubeconfig",
        ),
        (
            "deployment = \"shop\"\nnamespace = \"prod\"\nkubeconfig = \"env:CONFIG\"\ncontext = \"nobody\"",
            "has no context \"nobody\" (it has prod, other)",
        ),
        (
            "deployment = \"shop\"\nnamespace = \"prod\"\nservice_account = \"account\"",
            "not absolute",
        ),
        (
            "deployment = \"shop\"\nnamespace = \"prod\"\napi_url = \"http://10.0.0.7\"",
            "is not https",
        ),
    ] {
        let mistakes = read(written, &config).unwrap_err();
        assert!(mistakes.contains(part), "{part:?} is not in: {mistakes}");
    }
}
