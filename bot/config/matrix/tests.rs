//! What the presets say, case by case, and the page that shows them: docs/deciding.md.

use super::{Declared, PRESETS, preset_rows};
use rollback_domain::{
    grammar::{self, Request, verbs::Assess},
    matrix::{Age, Facts, Row, Symptom, Symptoms, assess, hidden},
    proof::spell,
};
use rollback_settings::{Section, read};
use std::{collections::BTreeSet, env, fmt::Write, fs, path::Path};

/// A case of a preset: what a person types behind the service, how long ago it was deployed in
/// seconds, and the row that decides.
type Case = (&'static str, &'static str, Option<u64>, &'static str);

/// At least one case for every row of every preset.
const CASES: &[Case] = &[
    ("web-app", "data", None, "Data is corrupted"),
    ("web-app", "security", None, "Security"),
    ("web-app", "bug", None, "Critical bug"),
    ("web-app", "slow", None, "Performance"),
    ("web-app", "feature", None, "A feature is broken"),
    ("web-app", "flag", None, "A feature is broken"),
    ("platform", "down", None, "The site is down"),
    ("platform", "crash errors 100%", None, "The site is down"),
    ("platform", "login", None, "Authentication is broken"),
    ("platform", "payments", None, "Payment processing is broken"),
    ("platform", "data", None, "Data is corrupted"),
    ("platform", "feature", None, "A major feature is broken"),
    (
        "platform",
        "slow slower 51%",
        None,
        "More than half as slow again",
    ),
    (
        "platform",
        "nothing slower 50% errors 10.01%",
        None,
        "One request in ten fails",
    ),
    (
        "platform",
        "minor slower 5% errors 10%",
        None,
        "A minor feature is broken",
    ),
    (
        "platform",
        "cosmetic slower 0% errors 0%",
        None,
        "It only looks wrong",
    ),
    ("flowchart", "down", None, "The site cannot be reached"),
    ("flowchart", "login", None, "Authentication does not work"),
    (
        "flowchart",
        "payments",
        None,
        "Payment processing does not work",
    ),
    (
        "flowchart",
        "slow errors 11%",
        None,
        "More than one request in ten fails",
    ),
    (
        "flowchart",
        "workflow errors 10%",
        None,
        "Users cannot complete core workflows",
    ),
    ("flowchart", "cosmetic errors 0.2%", None, "None of these"),
    (
        "business-app",
        "crash",
        None,
        "The application crashes or does not start",
    ),
    (
        "business-app",
        "database",
        None,
        "The database cannot be reached",
    ),
    ("business-app", "login", None, "Nobody can sign in"),
    ("business-app", "data", None, "Data is corrupted"),
    ("business-app", "security", None, "Security"),
    (
        "business-app",
        "feature",
        None,
        "A major function is broken",
    ),
    (
        "business-app",
        "cosmetic users 51%",
        None,
        "More than half of the users are affected",
    ),
    (
        "business-app",
        "slow users 50% slower 101%",
        None,
        "More than twice as slow",
    ),
    (
        "business-app",
        "api users 5% slower 100% errors 10.5%",
        None,
        "One request in ten fails",
    ),
    (
        "business-app",
        "workflow users 5% slower 0% errors 2% no workaround",
        None,
        "Business is hindered, and there is no workaround",
    ),
    ("frontend-backend", "crash", None, "It does not start"),
    (
        "frontend-backend",
        "database",
        None,
        "The database cannot be reached",
    ),
    ("frontend-backend", "data", None, "Data is corrupted"),
    ("frontend-backend", "security", None, "Security"),
    (
        "frontend-backend",
        "login",
        None,
        "Authentication is broken",
    ),
    (
        "frontend-backend",
        "payments",
        None,
        "Something critical is broken",
    ),
    (
        "frontend-backend",
        "api",
        None,
        "The API answers with errors",
    ),
    (
        "frontend-backend",
        "slow slower 60%",
        None,
        "More than half as slow again",
    ),
    ("frontend-backend", "slow slower 50%", None, "It is slow"),
    (
        "frontend-backend",
        "cosmetic slower 0%",
        None,
        "A bug of the interface",
    ),
    (
        "database",
        "login users 51%",
        None,
        "Authentication is broken",
    ),
    ("database", "payments", None, "Payment processing is broken"),
    (
        "database",
        "migration",
        None,
        "The database migration failed",
    ),
    ("database", "security", None, "Security"),
    ("database", "workflow", None, "A core workflow is broken"),
    (
        "database",
        "api errors 1.1%",
        Some(600),
        "Errors right after the deployment",
    ),
    (
        "database",
        "bug errors 2% users 11%",
        Some(601),
        "A critical bug for more than one user in ten",
    ),
    (
        "database",
        "slow errors 0.2% slower 201% users 26%",
        Some(3_600),
        "Three times as slow, for many",
    ),
    (
        "database",
        "flag errors 0.2% users 5%",
        Some(60),
        "A feature behind a flag is broken",
    ),
    (
        "database",
        "slow errors 0.9% users 9% slower 40%",
        Some(3_600),
        "The dashboard is slow for a few",
    ),
    (
        "database",
        "slow errors 0.9% users 24% slower 50%",
        Some(3_600),
        "Half as slow again, for some",
    ),
    (
        "database",
        "slow errors 0.9% users 25% slower 51%",
        Some(3_600),
        "More than half as slow again",
    ),
    (
        "database",
        "api errors 0.5% users 5% slower 0%",
        Some(60),
        "Some errors",
    ),
    (
        "database",
        "feature errors 0.4% users 5% slower 0% workaround",
        Some(60),
        "Something else is broken, with a workaround",
    ),
    (
        "database",
        "cosmetic errors 0.09% users 4% slower 0%",
        Some(60),
        "It only looks wrong",
    ),
    (
        "database",
        "minor errors 1% users 10% slower 0% workaround",
        Some(60),
        "Some errors",
    ),
    (
        "database",
        "minor errors 0.4% users 10% slower 0% workaround",
        Some(60),
        "A small bug with a workaround",
    ),
    (
        "database",
        "api errors 0.09% users 4% slower 0% no workaround",
        Some(60),
        "Hardly any errors",
    ),
    (
        "database",
        "api errors 0.3% users 0.9% slower 0% no workaround",
        Some(60),
        "Hardly any users",
    ),
];

fn rows(preset: &str) -> Vec<Row> {
    preset_rows(preset).expect("a preset without mistakes")
}

fn symptoms(words: &str) -> Symptoms {
    let request = grammar::parse(&format!("assess frontend {words}"));
    let Ok(Request::Assess(Assess { symptoms, .. })) = request else {
        panic!("{words}: {request:?}");
    };
    symptoms
}

#[test]
fn every_row_of_every_preset_decides_its_case() {
    let mut reached = BTreeSet::new();
    for (preset, words, since_deploy, name) in CASES {
        let rows = rows(preset);
        let facts = Facts {
            symptoms: symptoms(words),
            since_deploy: since_deploy.map(Age),
        };
        let assessment = assess(&rows, "frontend", &facts);
        let decided = assessment.decided.map(|row| row.name.as_str());
        assert_eq!(decided, Some(*name), "{preset}: {words}");
        // What is not said could not make it more urgent.
        assert!(
            assessment.is_settled(),
            "{preset}: {words}: {:?}",
            assessment.open
        );
        reached.insert((*preset, *name));
    }
    for (preset, _) in PRESETS {
        let rows = rows(preset);
        for row in &rows {
            let has_a_case = reached.contains(&(preset, row.name.as_str()));
            assert!(has_a_case, "{preset}: {:?} has no case", row.name);
        }
        assert!(hidden(&rows).is_empty(), "{preset}: {:?}", hidden(&rows));
    }
}

#[test]
fn the_flowchart_always_leads_to_an_answer() {
    let rows = rows("flowchart");
    for symptom in Symptom::ALL {
        let facts = Facts {
            symptoms: symptoms(&format!("{symptom} errors 1%")),
            since_deploy: None,
        };
        let assessment = assess(&rows, "frontend", &facts);
        assert!(
            assessment.decided.is_some() && assessment.is_settled(),
            "{symptom}"
        );
    }
}

/// What a configuration with these rows is told: its mistakes, or else its warnings.
fn told(rows: &str) -> Vec<String> {
    let file = format!("[services.frontend]\n[matrix]\npreset = \"flowchart\"\n{rows}");
    let none = |_: &str| None;
    let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    let matrix = |file: &Section<'_>| {
        let there = Declared::of(file);
        super::matrix(&file.section("matrix")?, &there)
    };
    match read(&file, &none, &no_file, &[], matrix) {
        Ok((_, warnings)) => warnings,
        Err(mistakes) => mistakes.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn mistakes_in_a_row_are_named() {
    let row = |rest: &str| told(&format!("[[matrix.row]]\nname = \"Own\"\n{rest}"));
    insta::assert_snapshot!(row("advice = \"rollback\"").join("\n"), @r#"matrix.row[0].advice: "rollback" is not known; write "roll_back_now" or "assess_first" or "disable_flag" or "hotfix" or "wait" or "do_not_roll_back""#);
    insta::assert_snapshot!(row("advice = \"wait\"\nwhen = { broken = [\"login\", \"pay\"], errors = \"> 5\" }").join("\n"), @r#"
    matrix.row[0].when.broken[1]: "pay" is not known; write "down" or "crash" or "database" or "login" or "payments" or "workflow" or "bug" or "feature" or "flag" or "minor" or "cosmetic" or "api" or "slow" or "data" or "migration" or "security"
    matrix.row[0].when.errors: is not a key here; remove it, or use one of severity, broken, error_rate, users, slower, since_deploy, workaround
    "#);
    insta::assert_snapshot!(row("advice = \"wait\"\nwhen = { users = \"5 %\", since_deploy = \"< 5\", severity = [\"P5\"] }").join("\n"), @r#"
    matrix.row[0].when.severity[0]: "P5" is no severity; write "P1", "P2", "P3" or "P4"
    matrix.row[0].when.users: "5 %" is not a range; write it like "> 50", "<= 1" or "0.5 to 1", in percent
    matrix.row[0].when.since_deploy: "< 5" is not a range; write it like "< 10m" or ">= 3d"
    "#);
    insta::assert_snapshot!(row("advice = \"wait\"\nwithin = \"1s\"\nservices = [\"shop\"]").join("\n"), @r#"
    matrix.row[0].within: "1s" is out of range; write a duration from 1m to 7d
    matrix.row[0].services[0]: "shop" is no service of this file
    "#);
    insta::assert_snapshot!(row("when = { slower = \"60 to 50\" }").join("\n"), @r#"
    matrix.row[0].when.slower: "60 to 50" is not a range; write it like "> 50", "<= 1" or "0.5 to 1", in percent
    matrix.row[0].advice: is missing; write advice = "roll_back_now"
    "#);
}

#[test]
fn own_rows_that_never_decide_are_warned_of() {
    let row = |name: &str, rest: &str| format!("[[matrix.row]]\nname = \"{name}\"\n{rest}\n");
    let pays =
        |advice: &str| format!("advice = \"{advice}\"\nwhen = {{ broken = [\"payments\"] }}");
    let errors = |band: &str| format!("advice = \"wait\"\nwhen = {{ error_rate = \"{band}\" }}");
    let both = [
        row("One", &pays("wait")),
        row("Two", &pays("roll_back_now")),
    ]
    .concat();
    insta::assert_snapshot!(told(&both).join("\n"), @r#"matrix: "One" and "Two" are about the same and advise different things: the first one, "Wait and watch", decides. Remove one of them"#);
    let wide = [row("One", &errors(">= 5")), row("Two", &errors("> 10"))].concat();
    insta::assert_snapshot!(told(&wide).join("\n"), @r#"matrix: the row "Two" never decides, because "One" before it fits whenever it does. Move it up or remove it"#);
    let of_one = [
        row("One", &(errors("> 5") + "\nservices = [\"frontend\"]")),
        row("Two", &errors("> 10")),
    ];
    assert!(told(&of_one.concat()).is_empty());
    // It takes the place of the preset's row.
    assert!(told(&row("One", &pays("wait"))).is_empty());
}

/// The whole page.
fn page() -> String {
    let mut page = include_str!("page.md").to_owned();
    page.push_str("| word | |\n|---|---|\n");
    for symptom in Symptom::ALL {
        writeln!(page, "| `{symptom}` | {} |", symptom.clause()).expect("a text");
    }
    page.push_str(
        "\n## The presets\n\nThe example of each row is what somebody could type in such a case.\n",
    );
    for (preset, text) in PRESETS {
        let what = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("# ");
        write!(
            page,
            "\n### `{preset}`\n\n{what}\n\n| row | when | advice | within | severity | to be known | for example |\n|---|---|---|---|---|---|---|\n"
        )
        .expect("a text");
        for row in rows(preset) {
            let example = CASES
                .iter()
                .find(|(of, _, _, name)| (*of, *name) == (preset, &row.name));
            let example = example.map(|(_, words, ..)| format!("`assess frontend {words}`"));
            let cells = [
                row.name,
                row.when.clause().unwrap_or_else(|| "always".to_owned()),
                row.advice.sentence().to_owned(),
                row.within.map(spell).unwrap_or_default(),
                row.severity
                    .map(|severity| severity.to_string())
                    .unwrap_or_default(),
                row.note.unwrap_or_default(),
                example.unwrap_or_default(),
            ];
            writeln!(page, "| {} |", cells.join(" | ")).expect("a text");
        }
    }
    page.push_str("\nThis page is made from the presets in `bot/config/matrix/`: `UPDATE_DOCS=1 cargo test --lib deciding` writes it anew.\n");
    page
}

#[test]
fn the_page_about_deciding_is_as_the_presets_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deciding.md");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, page()).expect("docs can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/deciding.md is not what the presets say; UPDATE_DOCS=1 cargo test --lib deciding writes it anew"
    );
}
