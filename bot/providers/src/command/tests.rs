//! Tests of what a command may look like.

use crate::registry::{Platform, read};
use std::{io::ErrorKind, path::Path};

/// A service of three commands, of which this is one; or what is wrong with it.
fn service(key: &str, command: &str) -> Result<Platform, String> {
    let calls = ["list", "live", "roll_back"].into_iter();
    let others: Vec<String> = calls
        .filter(|other| *other != key)
        .map(|other| format!("{other} = [\"tool\", \"{other}\"]\n"))
        .collect();
    let text = format!(
        "provider = \"command\"\nplatform = \"Tool\"\nrestores = [\"code\"]\nleaves = [\"data\"]\n{}{key} = {command}\n",
        others.concat()
    );
    let no_file = |_: &Path| Err(ErrorKind::NotFound.into());
    let read = rollback_settings::read(&text, &|_| None, &no_file, &[], |section| {
        let (_, platform) = read(section);
        section.done();
        platform
    });
    read.map(|(platform, _)| platform)
        .map_err(|mistakes| mistakes.to_string())
}

fn mistake(key: &str, command: &str) -> String {
    service(key, command).unwrap_err()
}

#[test]
fn a_command_is_a_list_without_a_shell() {
    assert!(service("roll_back", "[\"kamal\", \"rollback\", \"{id}\"]").is_ok());
    assert!(mistake("roll_back", "\"kamal rollback {id}\"").contains("no shell takes it apart"),);
    assert!(mistake("roll_back", "[]").contains("is empty"));
    assert!(mistake("roll_back", "[\"\", \"{id}\"]").contains("begins with nothing"));
    assert!(mistake("list", "[\"tool\", \"{id}\"]").contains("{id} stands for nothing here"));
    assert!(mistake("observe", "[\"tool\", \"{jbo}\"]").contains("did you mean \"job\"?"));
}

#[test]
fn no_shell_reads_what_others_wrote() {
    for shell in ["sh", "/bin/bash", "zsh"] {
        let script = format!("[\"{shell}\", \"-c\", \"deploy {{because}}\"]");
        assert!(mistake("roll_back", &script).contains("would have a shell read {because}"));
        let script = format!("[\"{shell}\", \"-ec\", \"deploy {{id}}\"]");
        assert!(mistake("roll_back", &script).contains("would have a shell read {id}"));
        let handed_over =
            format!("[\"{shell}\", \"-c\", \"deploy \\\"$1\\\"\", \"sh\", \"{{because}}\"]");
        assert!(service("roll_back", &handed_over).is_ok());
    }
    let remote = "[\"ssh\", \"deploy@web\", \"rollback\", \"{because}\"]";
    assert!(mistake("roll_back", remote).contains("a shell of another machine"));
    let remote = "[\"ssh\", \"deploy@web\", \"rollback\", \"{id}\"]";
    assert!(service("roll_back", remote).is_ok());
}

#[test]
fn two_services_with_the_same_command_are_the_same_thing() {
    let identity = |command: &str| service("roll_back", command).unwrap().identity();
    let shop = "[\"kamal\", \"rollback\", \"{id}\", \"-d\", \"shop\"]";
    assert_eq!(identity(shop), identity(shop));
    assert_ne!(identity(shop), identity(&shop.replace("shop", "blog")));
}
