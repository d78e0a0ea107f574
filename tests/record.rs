//! The record as files: what can be taken away, by whom, and that nothing in it can be forged.

use crate::support::{CHANNEL, FRONTEND, ROLES, World};
use boon::{Compiler, Schemas};
use insta::assert_snapshot;
use rollback_bot::{http_client, store};
use rollback_domain::{
    identity::IncidentId,
    incident::{Actor, IncidentFact, TimelineEvent},
    people::Person,
    post_mortem::Field,
    refusal::Source,
};
use rollback_simulation::File;
use serde_json::Value;
use std::{fmt::Write, time::Duration};

/// What people and platforms may come up with.
const HOSTILE: [&str; 12] = [
    "| 1 | 2 | 3 |\n|---|---|---|\n# INC-1: all is well",
    "</td></tr></table><script>alert(1)</script><img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>{{ 7 * 7 }}{% for x in y %}",
    "=HYPERLINK(\"https://evil.example\",\"click\")",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "a\",\"b\"\r\n\"INC-1\",\"99\",\"closed",
    "\u{1b}[2J\u{1b}]8;;https://evil.example\u{7}click\u{9b}31m",
    "v2\u{202e}31v\u{2066} \u{200b}",
    "שלום | مرحبا",
    "`code` **bold** [link](https://evil.example) ~~gone~~ <!-- ",
    "]]>--></style></title><style>*{display:none}</style>",
    "&lt;b&gt; \\| \\\\| \u{2028}x",
];

/// A night with a rollback that ended well, and a note.
async fn a_night() -> World {
    let api = format!("[api]\nchannel = \"{CHANNEL}\"\n{ROLES}");
    let mut world = World::set_up(&api, FRONTEND).await;
    world
        .maya()
        .says("/rollback note error rate 6 % on the dashboard")
        .await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.passes(Duration::from_secs(50)).await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
    world
}

/// The file that a command is answered with.
async fn exported(world: &mut World, command: &str) -> File {
    world.clock.advance(Duration::from_secs(2));
    world.maya().says(command).await;
    world.settle().await;
    world.slack.take_all();
    world.slack.files().last().unwrap().clone()
}

fn text(file: &File) -> String {
    String::from_utf8(file.bytes.clone()).unwrap()
}

/// The tags of a page, in their order, without what is in them.
fn tags(page: &str) -> Vec<String> {
    let tags = page.split('<').skip(1);
    tags.map(|tag| {
        let end = tag.find(|c: char| c.is_whitespace() || c == '>').unwrap();
        tag[..end].to_owned()
    })
    .collect()
}

/// The rows of a file that a spreadsheet reads.
fn rows(csv: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (vec![], vec![], String::new());
    let (mut quoted, mut letters) = (false, csv.chars().peekable());
    while let Some(letter) = letters.next() {
        match (quoted, letter) {
            (true, '"') if letters.next_if_eq(&'"').is_some() => field.push('"'),
            (_, '"') => quoted = !quoted,
            (false, ',') => row.push(std::mem::take(&mut field)),
            (false, '\r') => {}
            (false, '\n') => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            (_, letter) => field.push(letter),
        }
    }
    rows
}

/// Holds an export to the schema that is documented.
pub fn conforms(export: &Value) {
    let text = std::fs::read_to_string("docs/export.schema.json").unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.add_resource("export.json", schema).unwrap();
    let index = compiler.compile("export.json", &mut schemas).unwrap();
    if let Err(error) = schemas.validate(export, index) {
        panic!("{error:#}");
    }
}

#[tokio::test]
async fn a_night_is_exported_in_four_formats() {
    let mut world = a_night().await;
    let markdown = exported(&mut world, "/rollback export").await;
    assert_snapshot!(markdown.name, @"INC-1-20260314T031932Z-timeline.md");
    assert!(
        text(&markdown).contains("| @maya | command | **note** error rate 6 % on the dashboard |")
    );

    let head = text(&markdown).lines().last().unwrap().to_owned();
    assert!(head.starts_with("Head of the chain: entry 14, "), "{head}");

    let csv = text(&exported(&mut world, "/rollback export RB-1 csv").await);
    let lines: Vec<&str> = csv.lines().take(5).collect();
    assert_snapshot!(lines.join("\n"), @r#"
    "incident","seq","at","recorded_at","who","who_id","source","rollback","kind","text"
    "INC-1","1","2026-03-14T03:12:00Z","2026-03-14T03:12:00Z","rollback-bot","","bot","","incident opened","opened INC-1 in this channel"
    "INC-1","2","2026-03-14T03:12:00Z","2026-03-14T03:12:00Z","maya","U0MAYA","command","","note","error rate 6 % on the dashboard"
    "INC-1","3","2026-03-14T03:12:00Z","2026-03-14T03:12:00Z","maya","U0MAYA","command","RB-1","requested","asked to roll back frontend (production) to the previous release, because ""checkout 500s"""
    "INC-1","4","2026-03-14T03:12:00Z","2026-03-14T03:12:00Z","rollback-bot","","bot","RB-1","planned","proposed v214 → v213, risk code, plan d63f"
    "#);

    let json: Value = serde_json::from_str(&text(
        &exported(&mut world, "/rollback export json INC-1").await,
    ))
    .unwrap();
    conforms(&json);
    let mut rollback = json["rollbacks"][0].clone();
    rollback["plan"] = "…".into();
    assert_snapshot!(rollback, @r#"{"approvals":[{"at":"2026-03-14T03:12:50Z","by":{"id":"U0SAM","name":"sam"},"out_of_band":false,"roles":["oncall"],"unopposed":false}],"asked":[],"because":"checkout 500s","emergency":null,"environment":"production","from":"v214","goal_seconds":120,"id":"RB-1","plan":"…","platform":"Vercel","removes":["v214"],"replaces":null,"requester":{"id":"U0MAYA","name":"maya"},"risk":"code","service":"frontend","state":"closed","status":"VERIFIED","surfaces":8,"surfaces_on_target":8,"times":{"accepted":"2026-03-14T03:12:50Z","approved":"2026-03-14T03:12:50Z","asked":"2026-03-14T03:12:50Z","commanded":"2026-03-14T03:12:00Z","ended":"2026-03-14T03:17:52Z","proposed":"2026-03-14T03:12:00Z","proven":"2026-03-14T03:12:52Z","serving":"2026-03-14T03:12:50Z"},"to":"v213","undoes":null,"verdict":"verified"}"#);

    let html = exported(&mut world, "/rollback export html").await;
    assert!(html.name.ends_with("-timeline.html"), "{}", html.name);
    let page = text(&html);
    let picture = page.split_once("<section>").unwrap().1;
    let picture = picture.split_once("</section>").unwrap().0;
    let drawn: Vec<&str> = picture
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    assert_snapshot!(drawn.join("\n"), @r#"
    <h2>Rollbacks</h2>
    <div class="strip">
    <svg height="40" role="img" aria-label="The rollbacks on the time of the incident, 7 m 36 s">
    <line class="rail" x1="0" y1="20" x2="100%" y2="20"/>
    <line class="run good" x1="0.00%" y1="20" x2="11.40%" y2="20"><title>RB-1 frontend (production): VERIFIED</title></line>
    </svg>
    <p class="ends num"><span>2026-03-14 03:12:00 UTC</span><span>7 m 36 s</span><span>2026-03-14 03:19:36 UTC</span></p>
    </div>
    <article class="lane">
    <h3>RB-1 <bdi>frontend (production)</bdi>: <bdi>v214</bdi> → <bdi>v213</bdi> · <span class="good">VERIFIED</span></h3>
    <p class="soft">requested by <bdi>maya</bdi>: “<bdi>checkout 500s</bdi>”</p>
    <svg height="34" role="img" aria-label="RB-1: reading the platform 0 s, waiting for people 50 s, the platform 0 s, proof from outside 2 s">
    <rect class="bed" x="0" y="8" width="100%" height="18" rx="3"/>
    <rect class="planning" x="0.00%" y="8" width="0.00%" height="18"><title>reading the platform, 0 s</title></rect>
    <rect class="people" x="0.00%" y="8" width="41.67%" height="18"><title>waiting for people, 50 s</title></rect>
    <rect class="platform" x="41.67%" y="8" width="0.00%" height="18"><title>the platform, 0 s</title></rect>
    <rect class="proof" x="41.67%" y="8" width="1.67%" height="18"><title>proof from outside, 2 s</title></rect>
    <line class="goal" x1="100.00%" y1="0" x2="100.00%" y2="34"><title>goal 2 m</title></line>
    </svg>
    <p class="ends num"><span>2026-03-14 03:12:00 UTC</span><span>52 s in all</span></p>
    <ul class="parts num">
    <li><span class="key planning"></span>reading the platform 0 s</li>
    <li><span class="key people"></span>waiting for people 50 s</li>
    <li><span class="key platform"></span>the platform 0 s</li>
    <li><span class="key proof"></span>proof from outside 2 s</li>
    <li><span class="key goal"></span>goal 2 m</li>
    <li>50 s to live, goal 2 m: met</li>
    </ul>
    </article>
    "#);
    assert!(
        !page.contains("<script") && !page.contains("src="),
        "{page}"
    );
}

#[tokio::test]
async fn what_is_of_another_channel_stays_there() {
    let mut world = a_night().await;
    let elsewhere = "C0OTHER";
    let mut said = vec![];
    for command in [
        "export INC-1 html",
        "export RB-1",
        "export INC-9",
        "export RB-9",
        "export",
    ] {
        let command = format!("/rollback {command}");
        let answer = world.slack.says("U0MAYA", elsewhere, &command).await;
        assert!(answer.is_ok(), "{}", answer.body);
        said.push(answer.json().unwrap()["text"].as_str().unwrap().to_owned());
    }
    world.settle().await;
    assert_snapshot!(said.join("\n"), @"
    There is no INC-1 in this channel. `/rollback timeline` names the latest one; what was recorded in another channel is shown only there.
    There is no INC-1 in this channel. `/rollback timeline` names the latest one; what was recorded in another channel is shown only there.
    There is no INC-9 in this channel. `/rollback timeline` names the latest one; what was recorded in another channel is shown only there.
    There is no RB-9. `/rollback status` lists the ones that are open.
    Nothing has happened in this channel yet, so there is no incident. A rollback, `/rollback incident open` or `/rollback note` starts one.
    ");
    assert_eq!(world.slack.files().len(), 1, "the one of the closing");
    world.slack.take_all();
}

/// Everybody says and is called everything, and one says it at length.
async fn everything_is_said(world: &World, texts: &[String]) {
    let db = &world.app().engine.db;
    let now = world.clock.now();
    let incident = IncidentId::new(1);
    let mut events = vec![];
    for (n, text) in texts.iter().enumerate() {
        let who = match n % 2 {
            0 => Actor::Person(Person::new(format!("U0X{n}"), text)),
            _ => Actor::Platform(text.clone()),
        };
        let fact = IncidentFact::Note { text: text.clone() };
        events.push((
            incident,
            TimelineEvent::new(now, who, Source::Command, None, fact),
        ));
    }
    let mut tx = db.begin().await.unwrap();
    store::timelines::append(&mut tx, &events, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn nobody_forges_an_export() {
    let long = "x".repeat(3_000);
    let hostile: Vec<String> = HOSTILE
        .iter()
        .map(ToString::to_string)
        .chain([long])
        .collect();
    let harmless: Vec<String> = hostile.iter().map(|_| "all is well".to_owned()).collect();
    let mut files = vec![];
    for texts in [harmless, hostile.clone()] {
        let mut world = a_night().await;
        everything_is_said(&world, &texts).await;
        let mut of_these = vec![];
        for format in ["md", "csv", "json", "html"] {
            of_these.push(text(
                &exported(&mut world, &format!("/rollback export {format}")).await,
            ));
        }
        files.push(of_these);
    }
    let [harmless, forged] = &files[..] else {
        panic!()
    };
    for file in forged {
        let obeyed = |c: char| {
            c.is_control() && !"\r\n".contains(c) || "\u{202e}\u{200b}\u{2028}".contains(c)
        };
        assert!(!file.contains(obeyed), "{file}");
        assert!(file.contains(&"x".repeat(3_000)));
    }
    // A table has as many lines and cells as ever.
    let cells = |file: &str| -> Vec<usize> {
        let lines = file.lines();
        lines
            .map(|line| {
                line.replace("\\\\", "")
                    .replace("\\|", "")
                    .matches('|')
                    .count()
            })
            .collect()
    };
    assert_eq!(cells(&harmless[0]), cells(&forged[0]));
    assert!(!forged[0].contains('<'), "{}", forged[0]);
    // A spreadsheet has as many rows and columns, and computes nothing.
    let (wanted, read) = (rows(&harmless[1]), rows(&forged[1]));
    assert_eq!(wanted.len(), read.len());
    for row in &read {
        assert_eq!(row.len(), 10, "{row:?}");
        let computed = |field: &String| field.trim_start().starts_with(['=', '+', '-', '@']);
        assert!(!row.iter().any(computed), "{row:?}");
    }
    // A program reads exactly what was said.
    let json: Value = serde_json::from_str(&forged[2]).unwrap();
    conforms(&json);
    let entries = json["entries"].as_array().unwrap();
    let read: Vec<&str> = entries
        .iter()
        .filter_map(|entry| entry["fact"]["text"].as_str())
        .collect();
    assert_eq!(
        read[1..],
        hostile.iter().map(String::as_str).collect::<Vec<_>>()[..]
    );
    // A page has the same elements, and nothing is loaded or run.
    assert_eq!(tags(&harmless[3]), tags(&forged[3]));
    let mut shown = String::new();
    for line in forged[3]
        .lines()
        .filter(|line| line.contains("<td class=\"text\">"))
    {
        writeln!(shown, "{line}").unwrap();
    }
    assert!(
        shown.contains("&lt;script&gt;alert(1)&lt;&#x2f;script&gt;"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_token_gets_the_same_files_as_slack() {
    let world = a_night().await;
    let maya = crate::out_of_band::token(&world, "U0MAYA", "maya").await;
    let ask = |body: Value| {
        let url = format!("{}/api/v1/export", world.base());
        http_client()
            .unwrap()
            .post(url)
            .bearer_auth(&maya)
            .json(&body)
            .send()
    };
    let mut said = vec![];
    for body in [
        serde_json::json!({}),
        serde_json::json!({ "about": "RB-1", "format": "html" }),
        serde_json::json!({ "about": "INC-1", "format": "json" }),
        serde_json::json!({ "format": "csv" }),
        serde_json::json!({ "format": "pdf" }),
        serde_json::json!({ "about": "frontend" }),
        serde_json::json!({ "about": "INC-9" }),
        serde_json::json!({ "about": "RB-1", "channel": "C0OTHER" }),
    ] {
        let answer = ask(body).await.unwrap();
        let status = answer.status().as_u16();
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .map_or("", |value| value.to_str().unwrap())
                .to_owned()
        };
        let (kind, name) = (header("content-type"), header("content-disposition"));
        let text = answer.text().await.unwrap();
        said.push(match status {
            200 => format!("{status} {kind} {name}"),
            _ => {
                let answer: Value = serde_json::from_str(&text).unwrap();
                format!("{status} {}", answer["text"].as_str().unwrap())
            }
        });
    }
    assert_snapshot!(said.join("\n"), @r#"
    200 text/markdown; charset=utf-8 attachment; filename="INC-1-timeline.md"
    200 text/html; charset=utf-8 attachment; filename="INC-1-timeline.html"
    200 application/json attachment; filename="INC-1-timeline.json"
    200 text/csv; charset=utf-8 attachment; filename="INC-1-timeline.csv"
    400 Nothing was run, because "pdf" is neither a format I can write (`md`, `html`, `json`, `csv`) nor the number of an incident or a rollback: `export RB-41 html`.
    400 Nothing was run, because "frontend" is not the number of a rollback: write `export RB-` and its number.
    404 There is no INC-9 in this channel. `/rollback timeline` names the latest one; what was recorded in another channel is shown only there.
    404 There is no INC-1 in this channel. `/rollback timeline` names the latest one; what was recorded in another channel is shown only there.
    "#);
    world.slack.take_all();
}

/// The fields of the templates that teams use for rollbacks.
const TEMPLATES: [(&str, &[&str]); 8] = [
    (
        "Post-mortem with impact and lessons",
        &[
            "Date",
            "Duration: start and end",
            "Users affected",
            "Revenue impact",
            "Summary",
            "Timeline: events",
            "Timeline: rollback initiated",
            "Timeline: service restored",
            "Root cause",
            "Resolution",
            "Lessons learned",
            "Action, owner, due date",
            "Prevention",
        ],
    ),
    (
        "Post-mortem with severity and checkboxes",
        &[
            "Issue",
            "Date",
            "Duration: deployment to rollback complete",
            "Severity",
            "Users affected",
            "Downtime",
            "Deployment initiated",
            "Issue first detected",
            "Rollback decision made",
            "Rollback executed",
            "System verified healthy",
            "Root cause",
            "Resolution",
            "Prevention",
            "Fix of the underlying issue",
            "Test coverage",
            "Deployment checklist",
            "Fix deployment",
        ],
    ),
    (
        "Message to the team: initiated",
        &[
            "Time",
            "Severity",
            "Impact on users",
            "Rolled back to",
            "Database restored to",
            "Current status",
            "Next steps",
            "Point of contact",
        ],
    ),
    (
        "Message to the team: executed",
        &[
            "Deployment",
            "Reason",
            "Rollback time",
            "Status",
            "Verification of each part",
            "Error rate",
            "Root cause analysis scheduled",
            "Fix deployment scheduled",
            "Link to the post-mortem",
        ],
    ),
    (
        "Message to the team: in progress",
        &[
            "Issue",
            "Affected systems",
            "Started at",
            "Estimated end",
            "Status",
            "Actions taken",
            "Database restore",
            "Verification complete",
            "Next steps",
        ],
    ),
    (
        "Status page",
        &[
            "Issue",
            "Investigating, identified, resolved: times",
            "Post-mortem promised",
        ],
    ),
    (
        "Report within the hour and the day",
        &[
            "Trigger",
            "Timing",
            "Steps taken",
            "Stability verified",
            "Data intact",
            "Team told",
            "Status page",
            "Stakeholders told",
            "Why the deployment failed",
            "What testing missed",
            "How it passed the gates",
            "Design of the fix",
            "Tests added",
            "The defect stays open",
            "Approval of a new attempt",
        ],
    ),
    (
        "Notes after a rollback",
        &[
            "What was rolled back",
            "Why",
            "Lessons learned",
            "Changes of the procedure",
            "Date of the last rollback",
        ],
    ),
];

#[tokio::test]
async fn a_post_mortem_is_drafted_from_the_record_and_invents_nothing() {
    let mut world = a_night().await;
    let draft = exported(&mut world, "/rollback postmortem").await;
    assert_snapshot!(draft.name, @"2026-03-14-rollback-checkout-500s.md");
    assert_snapshot!(without_head(&text(&draft)), @r#"
    # Post-mortem: checkout 500s

    | | |
    |---|---|
    | **Incident** | INC-1, channel C0SHOP |
    | **Date** | 2026-03-14 |
    | **Duration** | 2026-03-14 03:12:00 UTC – 2026-03-14 03:12:52 UTC: 52 s from the first entry to the last verdict |
    | **Severity** | *Not recorded: how severe it was* |
    | **Tickets** | *Not recorded: which ticket it has* |
    | **Status** | *Not recorded: whether it is stable, monitored or still investigated* · RB-1 VERIFIED |
    | **Affected systems** | frontend (production) |
    | **Point of contact** | *Not recorded: who led, and whom to ask* |
    | **Written** | 2026-03-14 03:19:32 UTC, from 14 entries of the record. What nobody said is marked *Not recorded*; `/rollback postmortem INC-1 root cause: …` fills it, and `/rollback postmortem INC-1` writes this anew |

    ## Summary

    *Not recorded: what happened, in one or two sentences*

    - RB-1: frontend (production) from v214 to v213, VERIFIED. Asked for by @maya: "checkout 500s"

    ## Impact

    - **On users:** *Not recorded: what users could not do*
    - **Users affected:** *Not recorded: how many users were affected*
    - **Revenue:** *Not recorded: what it cost*
    - **Downtime:** *Not recorded: how long users could not work*
    - **Data:** *Not recorded: whether data was lost or has to be repaired*

    ## Detection and decision

    - **Started:** *Not recorded: when the problem began for users*
    - **Noticed by:** *Not recorded: who noticed first*
    - **Detected:** *Not recorded: when and how it was noticed*
    - **First entry of the record:** 2026-03-14 03:12:00 UTC
    - **Decision:** *Not recorded: when and why it was decided to roll back*
    - **Expected end, as it was told:** *Not recorded: when it was expected to be over*

    ### RB-1: frontend (production)

    | | at | after |
    |---|---|---|
    | Deployment live | 2026-03-14 02:41:00 UTC | |
    | Rollback asked for | 2026-03-14 03:12:00 UTC | 31 m |
    | Plan on a card | 2026-03-14 03:12:00 UTC | 0 s |
    | Decision: approved by @sam | 2026-03-14 03:12:50 UTC | 50 s |
    | Rollback executed | 2026-03-14 03:12:50 UTC | 0 s |
    | Verified | 2026-03-14 03:12:52 UTC | 2 s |

    From the command to live: 50 s (goal 2 m: met).

    ## Timeline

    All times UTC. Routine entries are left out; `/rollback export INC-1` has all of them.

    - **2026-03-14 03:12:00 UTC** rollback-bot incident opened: opened INC-1 in this channel
    - **2026-03-14 03:12:00 UTC** @maya note: error rate 6 % on the dashboard
    - **2026-03-14 03:12:00 UTC** RB-1 @maya requested: asked to roll back frontend (production) to the previous release, because "checkout 500s"
    - **2026-03-14 03:12:00 UTC** RB-1 rollback-bot planned: proposed v214 → v213, risk code, plan d63f
    - **2026-03-14 03:12:50 UTC** RB-1 @sam approved: approved plan d63f as oncall
    - **2026-03-14 03:12:50 UTC** RB-1 rollback-bot executing: asking Vercel for v214 → v213
    - **2026-03-14 03:12:50 UTC** RB-1 Vercel accepted: job accepted
    - **2026-03-14 03:12:50 UTC** RB-1 Vercel pinned: automatic deploys are held off (checked)
    - **2026-03-14 03:12:50 UTC** RB-1 Vercel serving: serves v213 on 8/8
    - **2026-03-14 03:12:52 UTC** RB-1 rollback-bot verified: verified: v213 answers from outside and passes its checks.
    - **2026-03-14 03:17:52 UTC** RB-1 rollback-bot closed: closed as verified

    ## What was removed

    - **RB-1 removed:** v214 "checkout: new tax engine"
    - **RB-1 left as it was:** database, today's env settings, flags and storage
    - **RB-1 restored:** code, cron jobs of the target's vercel.json and env values baked into the build
    - **RB-1 restore point:** none was kept

    ## Resolution

    *Not recorded: what else resolved it*

    - **RB-1 steps:** one request to Vercel
    - **RB-1 checked from outside:** version v213 answers, 1/1 checks pass
    - **Error rate:** *Not recorded: whether the error rate is back to normal*

    A rollback takes the change away and leaves the defect: it stays open until a fix is live.

    ## Root cause

    *Not recorded: why it happened*

    - **Why no test found it:** *Not recorded: why no test found it*
    - **Why nothing stopped it before production:** *Not recorded: why nothing before production stopped it*

    ## Communication

    - **Team:** *Not recorded: when and where the team was told*
    - **Users and status page:** *Not recorded: what users were told, and when: investigating, identified, resolved*
    - **Stakeholders:** *Not recorded: which stakeholders were told*

    ## Lessons learned

    *Not recorded: what was learned*

    ## Prevention

    *Not recorded: what will keep it from happening again*

    - **Procedure:** *Not recorded: what changes in the procedure*

    ## Next steps

    *Not recorded: what happens next*

    - **Design of the fix:** *Not recorded: how the fix is designed now*
    - **Tests for the fix:** *Not recorded: which tests are added for it*
    - **Fix deployment:** *Not recorded: when the fix is deployed*
    - **Approval of the next attempt:** *Not recorded: who allows the next attempt*

    ## Action items

    | # | Action | Owner | Due | Done |
    |---|---|---|---|---|
    | | *Not recorded: what is to be done* | | | |
    "#);
    for decided in [
        "open P2",
        "lead <@U0ANA|ana>",
        "detected @03:10 because the dashboard shows it",
    ] {
        world
            .sam()
            .says(&format!("/rollback incident {decided}"))
            .await;
    }
    for said in [
        "root cause: the tax engine | divides by <zero>",
        "INC-1 noticed by: support, by a call",
        "RB-1 users affected: 412",
        "lesson: test with carts of nothing",
        "lesson: page earlier",
    ] {
        world.clock.advance(Duration::from_secs(60));
        world.tom().says(&format!("/rollback pm {said}")).await;
    }
    world
        .sam()
        .says("/rollback note issue: Checkout: HTTP 500 & no tax!")
        .await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @"
    Rollback Bot (only visible to @tom): Noted for the post-mortem of INC-1: root cause the tax engine | divides by <zero>
    Rollback Bot (only visible to @tom): Noted for the post-mortem of INC-1: noticed by support, by a call
    Rollback Bot (only visible to @tom): Noted for the post-mortem of INC-1: users affected 412
    Rollback Bot (only visible to @tom): Noted for the post-mortem of INC-1: lesson test with carts of nothing
    Rollback Bot (only visible to @tom): Noted for the post-mortem of INC-1: lesson page earlier
    ");
    let filled = exported(&mut world, "/rollback pm RB-1").await;
    assert_snapshot!(filled.name, @"2026-03-14-rollback-checkout-http-500-no-tax.md");
    let (before, after) = (text(&draft), text(&filled));
    let new: Vec<&str> = after
        .lines()
        .filter(|line| !before.contains(line) && !line.contains("**2026"))
        .collect();
    assert_snapshot!(without_head(&new.join("\n")), @r#"
    # Post-mortem: Checkout: HTTP 500 &amp; no tax!
    | **Severity** | P2 |
    | **Status** | investigating · RB-1 VERIFIED |
    | **Point of contact** | @ana |
    | **Written** | 2026-03-14 03:24:34 UTC, from 25 entries of the record. What nobody said is marked *Not recorded*; `/rollback postmortem INC-1 root cause: …` fills it, and `/rollback postmortem INC-1` writes this anew |
    - **Users affected:** "412" (@tom, 2026-03-14 03:22 UTC)
    - **Noticed by:** "support, by a call" (@tom, 2026-03-14 03:21 UTC)
    - **Detected:** 2026-03-14 03:10:00 UTC
    "the tax engine \| divides by &lt;zero&gt;" (@tom, 2026-03-14 03:20 UTC)
    "test with carts of nothing" (@tom, 2026-03-14 03:23 UTC); "page earlier" (@tom, 2026-03-14 03:24 UTC)
    "#);
    assert!(after.matches("Not recorded").count() < before.matches("Not recorded").count());
}

#[tokio::test]
async fn nobody_forges_a_post_mortem() {
    let harmless: Vec<String> = HOSTILE.iter().map(|_| "all is well".to_owned()).collect();
    let hostile: Vec<String> = HOSTILE.iter().map(ToString::to_string).collect();
    let mut shapes = vec![];
    for texts in [harmless, hostile] {
        let mut world = a_night().await;
        let fields = Field::ALL[1..].iter().zip(texts.iter().cycle());
        let notes: Vec<String> = fields
            .map(|(field, text)| format!("{}: {text}", field.name()))
            .collect();
        everything_is_said(&world, &notes).await;
        let draft = text(&exported(&mut world, "/rollback postmortem").await);
        assert!(!draft.contains('<') && !draft.contains('\u{1b}'), "{draft}");
        let shape: Vec<(String, usize)> = draft
            .lines()
            .map(|line| {
                let begins = line.chars().take(1).collect();
                let line = line.replace("\\\\", "").replace("\\|", "");
                (begins, line.matches('|').count())
            })
            .collect();
        shapes.push(shape);
    }
    assert_eq!(shapes[0], shapes[1]);
}

fn without_head(text: &str) -> &str {
    text.split("\nHead of the chain").next().unwrap()
}

#[tokio::test]
async fn the_card_of_what_has_ended_has_a_button_for_it() {
    let mut world = a_night().await;
    world.maya().clicks("Post-mortem").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): Writing a draft of the post-mortem of INC-1. I'll post the file in this thread.");
    assert_snapshot!(world.channel(), @r#"
    in the thread of "✅ RB-1 VERIFIED  frontend (production)":
      | Rollback Bot:
      |   Draft of the post-mortem of INC-1. 30 fields are not recorded and marked so. Keep it as `incidents/2026-03-14-rollback-checkout-500s.md`; `/rollback postmortem INC-1 root cause: …` fills a field.
      |   [file 2026-03-14-rollback-checkout-500s.md]
    "#);
}

#[tokio::test]
async fn every_field_of_every_template_has_its_place() {
    let mut world = a_night().await;
    let draft = text(&exported(&mut world, "/rollback postmortem").await);
    let page = std::fs::read_to_string("docs/record.md").unwrap();
    let (_, table) = page
        .split_once("| template | field | place in the draft |\n")
        .unwrap();
    let mut documented = vec![];
    for row in table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with("| "))
    {
        let row = row.trim_start_matches("| ").trim_end_matches(" |");
        let [template, field, place] = row.splitn(3, " | ").collect::<Vec<_>>()[..] else {
            panic!("{row}")
        };
        let place = place.trim_matches('`').replace("\\|", "|");
        assert!(draft.contains(&place), "{template}, {field}: {place}");
        documented.push((template, field));
    }
    let fields = TEMPLATES
        .iter()
        .flat_map(|(template, fields)| fields.iter().map(|field| (*template, *field)));
    assert_eq!(fields.collect::<Vec<_>>(), documented);
    for field in Field::ALL {
        assert!(
            draft.contains(&format!("*Not recorded: {}*", field.gap())) || *field == Field::Issue,
            "{}",
            field.name()
        );
        assert!(
            page.contains(&format!("`{}`", field.name())),
            "{}",
            field.name()
        );
    }
    world.slack.take_all();
}

#[tokio::test]
async fn an_action_is_added_reminded_of_and_done() {
    let mut world = a_night().await;
    for said in [
        "action",
        "action add \"test carts | with <nothing> in them\" <@U0SAM> due friday",
        "action add page earlier",
        "action add <@U0ANA> due tomorrow - write it down",
        "action add \"x\" due someday",
        "action list",
        "action done 3",
        "action done 3",
        "action done 9",
    ] {
        world.clock.advance(Duration::from_secs(2));
        world.maya().says(&format!("/rollback {said}")).await;
    }
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya): No action is open in this channel. `/rollback action add "…" @owner due friday` adds one.
    Rollback Bot (only visible to @maya): Added to INC-1: 1 test carts | with <nothing> in them · @sam · is due on 2026-03-20. `/rollback action done 1` when it is done.
    Rollback Bot (only visible to @maya): Added to INC-1: 2 page earlier · nobody · no day. `/rollback action done 2` when it is done.
    Rollback Bot (only visible to @maya): Added to INC-1: 3 write it down · @ana · is due tomorrow. `/rollback action done 3` when it is done.
    Rollback Bot (only visible to @maya): Nothing was added, because "someday" is not a day: write a weekday, `today`, `tomorrow` or a date like 2026-03-20 after `due`.
    Rollback Bot (only visible to @maya):
      1 test carts | with <nothing> in them · @sam · is due on 2026-03-20.
      2 page earlier · nobody · no day.
      3 write it down · @ana · is due tomorrow.
    Rollback Bot (only visible to @maya): Done: 3 write it down · @ana · done by @maya.
    Rollback Bot (only visible to @maya): Nothing was changed, it was done already: 3 write it down · @ana · done by @maya.
    Rollback Bot (only visible to @maya): There is no action 9 in this channel. `/rollback action list` shows them. Nothing was changed.
    "#);
    // It is Saturday, the 14th. The day before Friday, and the day after.
    for days in [5, 3] {
        world.passes(Duration::from_secs(days * 86_400)).await;
    }
    assert_snapshot!(world.channel(), @"
    Rollback Bot:
      @sam: automatic deploys of frontend (production) are still held off since RB-1, so that v214 does not come back by itself. `/rollback unpin frontend@production` lets them go live again.
      [ Snooze for 2 days ]
    Rollback Bot: @sam owns this action, which is due tomorrow: test carts | with <nothing> in them. It is from INC-1. `/rollback action done 1` when it is done.
    Rollback Bot: @sam owns this action, which was due yesterday: test carts | with <nothing> in them. It is from INC-1. `/rollback action done 1` when it is done.
    Rollback Bot:
      @sam: automatic deploys of frontend (production) are still held off since RB-1, so that v214 does not come back by itself. `/rollback unpin frontend@production` lets them go live again.
      [ Snooze for 2 days ]
    ");
    world.sam().says("/rollback action done 1").await;
    world.passes(Duration::from_secs(30 * 86_400)).await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (only visible to @sam): Done: 1 test carts | with <nothing> in them · @sam · done by @sam.
    Rollback Bot:
      @sam: automatic deploys of frontend (production) are still held off since RB-1, so that v214 does not come back by itself. `/rollback unpin frontend@production` lets them go live again.
      [ Snooze for 2 days ]
    Rollback Bot:
      @sam: automatic deploys of frontend (production) are still held off since RB-1, so that v214 does not come back by itself. `/rollback unpin frontend@production` lets them go live again.
      [ Snooze for 2 days ]
    ");
    let draft = text(&exported(&mut world, "/rollback postmortem").await);
    let (_, actions) = draft.split_once("## Action items").unwrap();
    assert_snapshot!(without_head(actions), @r#"

    | # | Action | Owner | Due | Done |
    |---|---|---|---|---|
    | 1 | test carts \| with &lt;nothing&gt; in them | @sam | 2026-03-20 | 2026-03-22 03:19:48 UTC @sam |
    | 2 | page earlier | *Not recorded: who does it* | *Not recorded: until when* |  |
    | 3 | write it down | @U0ANA | 2026-03-15 | 2026-03-14 03:19:44 UTC @maya |
    "#);
    for format in ["md", "html"] {
        let file = text(&exported(&mut world, &format!("/rollback export {format}")).await);
        assert!(
            file.contains("page earlier") && !file.contains("<nothing>"),
            "{file}"
        );
    }
    let json = text(&exported(&mut world, "/rollback export json").await);
    let json: Value = serde_json::from_str(&json).unwrap();
    conforms(&json);
    assert_snapshot!(json["actions"][0], @r#"{"added_at":"2026-03-14T03:19:34Z","added_by":{"id":"U0MAYA","name":"maya"},"channel":"C0SHOP","done":{"at":"2026-03-22T03:19:48Z","by":{"id":"U0SAM","name":"sam"}},"due":"2026-03-20","incident":1,"number":1,"owner":"U0SAM","text":"test carts | with <nothing> in them"}"#);
    world.slack.take_all();
}

#[tokio::test]
async fn an_action_of_another_channel_stays_there() {
    let mut world = a_night().await;
    world.maya().says("/rollback action add page earlier").await;
    let answer = world
        .slack
        .says("U0MAYA", "C0OTHER", "/rollback action done 1")
        .await;
    assert!(
        answer.body.contains("There is no action 1 in this channel"),
        "{}",
        answer.body
    );
    world.settle().await;
    world.slack.take_all();
}
