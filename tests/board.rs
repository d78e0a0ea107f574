//! The board of a team with many services, each on another platform.

use crate::support::{FRONTEND, World};
use insta::assert_snapshot;

/// Eleven services besides `frontend`: the platform of each, what it lists, newest first, and what
/// it says is live.
const SERVICES: [(&str, &str, &str, &str); 11] = [
    ("admin", "Netlify", "6652f1c0a7\n664a90be11", "6652f1c0a7"),
    ("api", "Render", "dep-cq2v\ndep-cq1k\ndep-cq0a", "dep-cq2v"),
    ("billing", "Heroku", "v88\nv87\nv86", "v88"),
    (
        "cart",
        "Docker",
        "sha256:9f86d081\nsha256:60303ae2",
        "sha256:9f86d081",
    ),
    ("docs", "Cloudflare Pages", "f64788e9\n2a1c0b44", "f64788e9"),
    ("images", "Lambda", "42\n41", "42"),
    ("mail", "Kamal", "b7e23ec\na1c9d02", "b7e23ec"),
    ("orders", "Railway", "7c1e-orders", "7c1e-orders"),
    (
        "payments",
        "Cloud Run",
        "payments-00042-xuz\npayments-00041-dol",
        "payments-00041-dol",
    ),
    ("search", "ECS", "search:118\nsearch:117", "search:119"),
    (
        "warehouse-stock-synchronisation",
        "Helm",
        "2026.03.13-release-candidate-2\n2026.03.12-release-candidate-1",
        "2026.03.13-release-candidate-2",
    ),
];

#[tokio::test]
async fn twelve_services_on_twelve_platforms_read_well() {
    let mut services = FRONTEND.to_owned();
    for (name, platform, list, live) in SERVICES {
        services.push_str(&format!(
            r#"
[services.{name}.production]
provider = "command"
platform = "{platform}"
list = ["echo", {list:?}]
live = ["echo", "{live}"]
roll_back = ["true", "{name}", "{{id}}"]
restores = ["the code"]
leaves = ["database"]
approve = ["oncall", "lead"]
requester_may_approve = true
"#
        ));
    }
    services.push_str(
        "[groups.full]\nmembers = [[\"orders?\", \"payments\"], \"api\", \"frontend\"]\n[groups.shop]\nmembers = [\"cart\", \"frontend\"]\n",
    );
    let mut world = World::with(&services).await;
    world
        .maya()
        .says("/rollback freeze billing because the invoices are being printed")
        .await;
    world
        .maya()
        .says("/rollback shop because checkout 500s")
        .await;
    world.settle().await;
    world.channel();
    world.maya().says("/rollback").await;
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya):
      Services
      admin (production)  `6652f1c0a7` · before `664a90be11` · read 1 s ago
      api (production)  `dep-cq2v` · before `dep-cq1k` · read 1 s ago
      billing (production)  `v88` · before `v87` · read 1 s ago
            hold requested by @maya: "the invoices are being printed"; approvers can still approve
      cart (production)  `sha256:9f86d081` · before `sha256:60303ae2` · read 1 s ago
      docs (production)  `f64788e9` · before `2a1c0b44` · read 1 s ago
      frontend (production)  `v214` on 8/8 · before `v213` · read 1 s ago
      images (production)  `42` · before `41` · read 1 s ago
      mail (production)  `b7e23ec` · before `a1c9d02` · read 1 s ago
      orders (production)  `7c1e-orders` · nothing to go back to · read 1 s ago
      payments (production)  `payments-00041-dol` · nothing to go back to · read 1 s ago
      search (production)  `search:119` · before `search:118` · read 1 s ago
      warehouse-stock-synchronisation (production)  `2026.03.13-release-candidate-2` · before `2026.03.12-release-candidate-1` · read 1 s ago
      full (production)  takes back orders? + payments, api, frontend
      shop (production)  takes back cart, frontend
            RB-1 PROPOSED
      `/rollback admin@production because …` proposes, `/rollback list admin@production` shows releases, `/rollback help` the rest.
    "#);
}
