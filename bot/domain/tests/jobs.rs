//! Jobs as they are stored: what one version leaves behind, every other one reads.

use rollback_domain::job::Job;
use serde_json::Value;
use std::collections::BTreeSet;

/// A row of every kind as it is stored: its kind, its key, and what is in it.
const STORED: &[(&str, &str, &str)] = &[
    ("drive", "RB-41", r#"{"kind":"drive","rollback":41}"#),
    (
        "act",
        "click:1",
        r#"{"kind":"act","rollback":41,"by":{"id":"U1","name":"sam"},"source":"button","channel":"C1",
            "reply_to":"https://hooks.example/1","act":{"act":"approve","hash":"0a1b2c3d",
            "confirmed":{"ticked":[],"typed":null,"because":null}},"id":"click:1"}"#,
    ),
    (
        "forged",
        "click:2",
        r#"{"kind":"forged","by":{"id":"U1","name":"sam"},"source":"button","channel":"C1",
            "reply_to":null,"what":"that button is not ours","id":"click:2"}"#,
    ),
    (
        "tend",
        "command:3",
        r#"{"kind":"tend","service":"checkout-web","environment":"production",
            "by":{"id":"U1","name":"sam"},"source":"command","channel":"C1","thread":null,
            "reply_to":null,"tend":{"tend":"freeze","because":"the sale"},"id":"command:3"}"#,
    ),
    ("glass", "RB-41", r#"{"kind":"glass","rollback":41}"#),
    ("review", "RB-41", r#"{"kind":"review","rollback":41}"#),
    (
        "take_pin_back",
        "RB-41",
        r#"{"kind":"take_pin_back","rollback":41}"#,
    ),
    (
        "page",
        "trigger:RB-41:approval",
        r#"{"kind":"page","rollback":41,"page":{"page":"trigger","key":"RB-41:approval",
            "summary":"RB-41 waits for a yes"}}"#,
    ),
    (
        "roster",
        "Slack group S1",
        r#"{"kind":"roster","source":{"from":"slack_group","id":"S1"}}"#,
    ),
    (
        "remind_drill",
        "frontend@staging",
        r#"{"kind":"remind_drill","service":"frontend","environment":"staging"}"#,
    ),
    ("remind_reviews", "all", r#"{"kind":"remind_reviews"}"#),
    (
        "drill_report",
        "command:9",
        r#"{"kind":"drill_report","quarter":{"year":2026,"quarter":4},"channel":"C1",
            "thread":null,"id":"command:9"}"#,
    ),
    (
        "look_again",
        "RB-41",
        r#"{"kind":"look_again","rollback":41}"#,
    ),
    (
        "make_fault",
        "DR-7",
        r#"{"kind":"make_fault","rollback":-7}"#,
    ),
    ("card", "RB-41", r#"{"kind":"card","rollback":41}"#),
    ("outcome", "RB-41", r#"{"kind":"outcome","rollback":41}"#),
    (
        "tell",
        "RB-41:3:0",
        r#"{"kind":"tell","channel":"C1","person":"U1","thread":null,"reply_to":null,
            "spoken":{"text":"Nothing was run."},"id":"RB-41:3:0"}"#,
    ),
    (
        "post",
        "RB-41:reminder:1",
        r#"{"kind":"post","channel":"C1","thread":null,"under":41,
            "spoken":{"naming":["\u00010\u0001 can approve",["U1"]]},"id":"RB-41:reminder:1"}"#,
    ),
    (
        "post",
        "RB-41:pinned:9",
        r#"{"kind":"post","channel":"C1","thread":null,"under":null,"spoken":{"text":"still"},
            "snooze_pin":{"service":"checkout-web","environment":"production"},
            "id":"RB-41:pinned:9"}"#,
    ),
    (
        "post",
        "incident:9",
        r#"{"kind":"post","channel":"C1","thread":"1.2","under":null,
            "spoken":{"text":"INC-9 is resolved"},"post_mortem":9,"id":"incident:9"}"#,
    ),
    ("late", "C1", r#"{"kind":"late","channel":"C1"}"#),
    (
        "export",
        "RB-41:closed",
        r#"{"kind":"export","incident":7,"format":"markdown","channel":"C1","rollback":41,
            "thread":null,"asked_by":null,"id":"RB-41:closed"}"#,
    ),
    (
        "modal",
        "click:4",
        r#"{"kind":"modal","form":{"form":"target"},"reply_to":null,"rollback":41,
            "hash":"0a1b2c3d","person":{"id":"U1","name":"sam"},"channel":"C1","trigger":"1.2.3",
            "clicked_at":"2026-03-14T02:59:01Z","said":null,"id":"click:4"}"#,
    ),
    (
        "show",
        "command:5",
        r#"{"kind":"show","show":{"what":"list"},"service":"checkout-web",
            "environment":"production","person":{"id":"U1","name":"sam"},"channel":"C1",
            "thread":null,"reply_to":null,"id":"command:5"}"#,
    ),
    (
        "examine",
        "command:7",
        r#"{"kind":"examine","person":{"id":"U1","name":"sam"},"channel":"C1","thread":null,
            "reply_to":null,"id":"command:7"}"#,
    ),
    (
        "survey",
        "checkout-web@production",
        r#"{"kind":"survey","service":"checkout-web","environment":"production"}"#,
    ),
    ("standings", "all", r#"{"kind":"standings"}"#),
    (
        "membership",
        "U1",
        r#"{"kind":"membership","person":{"id":"U1","name":"sam"}}"#,
    ),
    (
        "request",
        "command:6",
        r#"{"kind":"request","text":"status frontend","person":{"id":"U1","name":"sam"},
            "source":"command","channel":"C1","thread":null,"reply_to":null,"trigger":null,
            "id":"command:6"}"#,
    ),
    (
        "update_form",
        "command:7",
        r#"{"kind":"update_form","incident":7,"draft":{"of_kind":"monitoring"},
            "person":{"id":"U1","name":"sam"},"channel":"C1","thread":null,"reply_to":null,
            "trigger":"1.2.3","asked_at":"2026-03-14T02:59:01Z","id":"command:7"}"#,
    ),
    (
        "preview_update",
        "preview:save:V1",
        r#"{"kind":"preview_update","update":7,"person":"U1","channel":"C1","thread":null,
            "reply_to":null,"id":"preview:save:V1"}"#,
    ),
    (
        "publish_update",
        "click:8",
        r#"{"kind":"publish_update","update":7,"by":{"id":"U1","name":"sam"},"source":"button",
            "channel":"C1","reply_to":null,"id":"click:8"}"#,
    ),
    (
        "post_update",
        "7:C1",
        r#"{"kind":"post_update","update":7,"channel":"C1"}"#,
    ),
    (
        "send_notice",
        "status-page:INC-7",
        r#"{"kind":"send_notice","to":"status-page","incident":7}"#,
    ),
    (
        "remind_update",
        "INC-7:1773459720:communications",
        r#"{"kind":"remind_update","incident":7,"due":"2026-03-14T03:42:00Z",
            "role":"communications"}"#,
    ),
    (
        "propose_post_mortem",
        "postmortem:1",
        r#"{"kind":"propose_post_mortem","incident":7,"channel":"C1","thread":"1.2",
            "asked_by":{"id":"U1","name":"sam"},"id":"postmortem:1"}"#,
    ),
    (
        "remind_mitigation",
        "INC-7:1773459720",
        r#"{"kind":"remind_mitigation","incident":7,"due":"2026-03-14T03:42:00Z"}"#,
    ),
    (
        "remind_decision",
        "INC-7:frontend@production:1773459720",
        r#"{"kind":"remind_decision","incident":7,"service":"frontend","environment":"production",
            "due":"2026-03-14T03:42:00Z"}"#,
    ),
    (
        "checklist",
        "RB-41",
        r#"{"kind":"checklist","rollback":41}"#,
    ),
    (
        "remind_action",
        "3:1",
        r#"{"kind":"remind_action","action":3,"reminder":1}"#,
    ),
    (
        "canary",
        "frontend@production",
        r#"{"kind":"canary","service":"frontend","environment":"production"}"#,
    ),
    ("canary_of_bot", "all", r#"{"kind":"canary_of_bot"}"#),
    (
        "tell_authors",
        "RB-41",
        r#"{"kind":"tell_authors","rollback":41}"#,
    ),
    (
        "look_after",
        "RB-41",
        r#"{"kind":"look_after","rollback":41}"#,
    ),
    (
        "capture",
        "reaction:C1:1.2:U1:pushpin:3.4",
        r#"{"kind":"capture","channel":"C1","ts":"1.2","person":{"id":"U1","name":"sam"},
            "by":"pushpin","message":null,"reply_to":null,"id":"reaction:C1:1.2:U1:pushpin:3.4"}"#,
    ),
];

#[test]
fn a_row_of_every_kind_is_read_and_stored_as_before() {
    let mut kinds = BTreeSet::new();
    for (kind, key, row) in STORED {
        let stored: Value = serde_json::from_str(row).unwrap();
        let job: Job = serde_json::from_value(stored.clone())
            .unwrap_or_else(|error| panic!("{kind} cannot be read: {error}"));
        assert_eq!((job.kind(), job.key()), (*kind, (*key).to_owned()));
        assert_eq!(serde_json::to_value(&job).unwrap(), stored, "{kind}");
        kinds.insert(*kind);
    }
    let every: BTreeSet<&str> = Job::KINDS.iter().copied().collect();
    assert_eq!(kinds, every, "each kind needs a row above");
}
