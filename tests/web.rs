//! The pages in a browser: who signs in, what they read, and what nobody else does.

use crate::support::{CHANNEL, CLIENT_SECRET, FRONTEND, ROLES, World};
use insta::assert_snapshot;
use reqwest::{
    Client, Method, StatusCode,
    header::{COOKIE, HeaderMap, LOCATION, ORIGIN, SET_COOKIE},
    redirect::Policy,
};
use rollback_simulation::Fault;
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};
use url::Url;

const MINUTE: Duration = Duration::from_secs(60);
/// The most bytes that a page may have.
const PAGE_AT_MOST: usize = 50_000;

pub const WEB: &str = r#"
[web]
client_id = "25259531569.11152291"
client_secret = "env:SLACK_CLIENT_SECRET"
"#;
const OUR_ADDRESS: &str = "https://rollback.example.com";
const SESSION: &str = "__Host-rollback-session";

async fn world() -> World {
    world_with("").await
}

async fn world_with(more: &str) -> World {
    World::set_up(&format!("{WEB}{more}{ROLES}"), FRONTEND).await
}

/// Somebody's browser: it keeps cookies, and goes on where it is sent when it is told to.
pub struct Browser {
    client: Client,
    cookies: BTreeMap<String, String>,
    base: String,
}

/// What a browser got.
pub struct Page {
    status: StatusCode,
    headers: HeaderMap,
    html: String,
}

impl Page {
    /// What somebody reads there: the words, a space for everything between them.
    pub fn words(&self) -> String {
        let mut words = String::new();
        for piece in self.html.split('<').skip(1) {
            words.push(' ');
            words.push_str(piece.split_once('>').unwrap().1);
        }
        let words = words
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#x27;", "'")
            .replace("&#x2f;", "/")
            .replace("&amp;", "&");
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The words between two others.
    fn between(&self, from: &str, to: &str) -> String {
        let words = self.words();
        let (_, after) = words.split_once(from).unwrap_or_else(|| panic!("{words}"));
        let (between, _) = after.split_once(to).unwrap_or_else(|| panic!("{words}"));
        between.trim().to_owned()
    }

    fn sent_to(&self) -> Url {
        Url::parse(self.headers[LOCATION].to_str().unwrap()).unwrap()
    }

    fn set_cookies(&self) -> Vec<&str> {
        let cookies = self.headers.get_all(SET_COOKIE).iter();
        cookies.map(|cookie| cookie.to_str().unwrap()).collect()
    }
}

impl Browser {
    fn of(world: &World) -> Browser {
        let _ = rollback_bot::http_client();
        Browser {
            client: Client::builder().redirect(Policy::none()).build().unwrap(),
            cookies: BTreeMap::new(),
            base: world.base().to_owned(),
        }
    }

    pub async fn opens(&mut self, path: &str) -> Page {
        self.sends(Method::GET, path, None).await
    }

    async fn sends(&mut self, method: Method, path: &str, origin: Option<&str>) -> Page {
        let url = match path.strip_prefix(OUR_ADDRESS) {
            Some(path) => format!("{}{path}", self.base),
            None if path.starts_with("http") => path.to_owned(),
            None => format!("{}{path}", self.base),
        };
        let is_ours = url.starts_with(&self.base);
        let mut request = self.client.request(method, url);
        if is_ours && !self.cookies.is_empty() {
            let cookies = self.cookies.iter();
            let cookies: Vec<String> = cookies
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header(COOKIE, cookies.join("; "));
        }
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        let answer = request.send().await.unwrap();
        let page = Page {
            status: answer.status(),
            headers: answer.headers().clone(),
            html: answer.text().await.unwrap(),
        };
        if is_ours {
            for cookie in page.set_cookies() {
                let (name, rest) = cookie.split_once('=').unwrap();
                let (value, attributes) = rest.split_once("; ").unwrap();
                match attributes.contains("Max-Age=0;") {
                    true => self.cookies.remove(name),
                    false => self.cookies.insert(name.to_owned(), value.to_owned()),
                };
            }
        }
        page
    }

    /// Begins a sign-in for a page, and is at Slack.
    async fn is_sent_to_slack(&mut self, page: &str) -> Url {
        let begun = self.opens(&format!("/web/sign-in?page={page}")).await;
        assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.html);
        begun.sent_to()
    }

    /// Says at Slack who it is, and is sent back: where to.
    async fn says_who(&mut self, at_slack: &Url, person: &str) -> Url {
        let mut at_slack = at_slack.clone();
        at_slack.query_pairs_mut().append_pair("as", person);
        let back = self.opens(at_slack.as_str()).await;
        assert_eq!(back.status, StatusCode::FOUND, "{}", back.html);
        back.sent_to()
    }

    /// Signs in for a page as somebody: the answer to coming back from Slack.
    async fn comes_back(&mut self, page: &str, person: &str) -> Page {
        let at_slack = self.is_sent_to_slack(page).await;
        let back = self.says_who(&at_slack, person).await;
        self.opens(back.as_str()).await
    }

    /// Signs in as somebody, and opens the page.
    async fn signs_in(&mut self, page: &str, person: &str) -> Page {
        let back = self.comes_back(page, person).await;
        assert_eq!(back.status, StatusCode::SEE_OTHER, "{}", back.html);
        self.opens(back.sent_to().as_str()).await
    }
}

/// Somebody who is signed in.
pub async fn signed_in(world: &World, person: &str) -> Browser {
    let mut browser = Browser::of(world);
    let page = browser.signs_in("board", person).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.html);
    browser
}

#[tokio::test]
async fn nothing_is_there_that_is_not_configured() {
    let world = World::new().await;
    let mut browser = Browser::of(&world);
    for path in ["/web", "/web/sign-in", "/web/stats", "/web/style.css"] {
        assert_eq!(browser.opens(path).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_member_signs_in_with_slack_and_reads_the_board() {
    let world = world().await;
    let mut browser = Browser::of(&world);
    let page = browser.opens("/web").await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert_snapshot!(page.words(), @"Sign in · Rollback Bot Board Statistics Sign in These pages are for members of the Slack workspace. Slack tells who you are, and nothing else is asked for. Sign in with Slack As of 2026-03-14 03:12:00 UTC. Reload for what is new. Nothing can be changed here: that is done in Slack, or with a token.");
    let at_slack = browser.is_sent_to_slack("board").await;
    assert_eq!(at_slack.path(), "/openid/connect/authorize");
    let asked: BTreeMap<_, _> = at_slack.query_pairs().into_owned().collect();
    assert_eq!(asked["scope"], "openid");
    assert_eq!(asked["team"], "T0ACME");
    assert_eq!(
        asked["redirect_uri"],
        "https://rollback.example.com/web/signed-in"
    );
    let back = browser.says_who(&at_slack, "U0TOM").await;
    let signed_in = browser.opens(back.as_str()).await;
    assert_eq!(
        signed_in.sent_to().as_str(),
        "https://rollback.example.com/web"
    );
    let board = browser.opens("/web").await;
    assert_eq!(board.status, StatusCode::OK);
    assert_snapshot!(board.words(), @"Board · Rollback Bot Board Statistics @tom Sign out Board Services service live before what goes on read frontend ( production ) live v214 on 8 of 8 surfaces before v213 0 s ago Last rollbacks Nothing was rolled back yet. As of 2026-03-14 03:12:00 UTC. Reload for what is new. Nothing can be changed here: that is done in Slack, or with a token.");
}

#[tokio::test]
async fn a_card_leads_to_its_page_and_signing_in_leads_there_too() {
    let mut world = world().await;
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    let card = world.slack.messages(CHANNEL).pop().unwrap();
    let link = "https://rollback.example.com/web/rollbacks/RB-1";
    assert!(
        json!(card.blocks).to_string().contains(link),
        "{:?}",
        card.blocks
    );
    assert!(world.channel().contains("Open in the browser"));
    let mut browser = Browser::of(&world);
    let page = browser.opens(link).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert!(page.html.contains("web/sign-in?page=RB-1"), "{}", page.html);
    let page = browser.signs_in("RB-1", "U0SAM").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_snapshot!(page.between("Sign out", "Timeline"), @r#"RB-1 frontend (production) v214 → v213 · PROPOSED Part of INC-1 · its card in Slack Card Roll back frontend to v213? checkout 500s · @maya, 03:12:00 UTC Live now v214 a1b2c3d, since 02:41:00 UTC (31 m) kim: checkout: new tax engine on 8/8 surfaces Go back to v213 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry You lose 1 change: v214 "checkout: new tax engine" Changes code, cron jobs of the target's vercel.json, env values baked into the build Stays database · today's env settings · flags · storage After automatic deploys are OFF until unpinned Needs one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-1 · production · code · plan d63f Where the time went RB-1 frontend (production) : v214 → v213 · PROPOSED requested by maya : “ checkout 500s ” reading the platform, 0 s waiting for people, 0 s goal 2 m 2026-03-14 03:12:00 UTC 0 s in all reading the platform 0 s waiting for people 0 s goal 2 m"#);
    world.slack.take_all();
}

#[tokio::test]
async fn an_incident_is_read_with_its_updates_as_they_are_in_slack() {
    let mut world = world().await;
    world
        .maya()
        .says("/rollback incident open P1 because shop down")
        .await;
    world.with_a_card().await;
    world
        .maya()
        .says("/rollback update initiated: we roll back")
        .await;
    world.settle().await;
    world.maya().sees();
    world.maya().clicks("Publish").await;
    world.settle().await;
    let update = world.slack.messages(CHANNEL).pop().unwrap();
    assert!(
        json!(update.blocks)
            .to_string()
            .contains("/web/incidents/INC-1")
    );
    world.slack.take_all();
    let mut browser = signed_in(&world, "U0TOM").await;
    let page = browser.opens("/web/incidents/INC-1").await;
    assert_snapshot!(page.between("Sign out", "Timeline"), @"INC-1 Channel C0SHOP · all times UTC INC-1: P1, investigating lead: nobody · communications: nobody · scribe: nobody opened: 03:12:00 UTC · started: not recorded · detected: not recorded · reported: not recorded · mitigated: not recorded · resolved: not recorded RB-1 PROPOSED frontend (production) It stays open until /rollback incident resolve because … : a verified rollback leaves the defect. /rollback help incident shows what can be recorded. Rollbacks RB-1 frontend (production): PROPOSED 2026-03-14 03:12:00 UTC 0 s 2026-03-14 03:12:00 UTC rollback service from → to asked for RB-1 PROPOSED frontend (production) v214 → v213 2026-03-14 03:12:00 UTC Updates Update, initiated: checkout 500s we roll back INC-1 · update 1 · @maya");
    assert_snapshot!(page.between("Timeline", "As of"), @r#"# happened who what 6 2026-03-14 03:12:00 UTC @maya (button) update published update 1, initiated, in @C0SHOP: "checkout 500s: we roll back" 5 2026-03-14 03:12:00 UTC rollback-bot (bot) RB-1 planned proposed v214 → v213, risk code, plan d63f 4 2026-03-14 03:12:00 UTC @maya (command) RB-1 requested asked to roll back frontend (production) to the previous release, because "checkout 500s" 3 2026-03-14 03:12:00 UTC @maya (command) severity set the severity to P1 2 2026-03-14 03:12:00 UTC @maya (command) incident opened declared the incident, because "shop down" 1 2026-03-14 03:12:00 UTC rollback-bot (bot) incident opened opened INC-1 in this channel"#);
}

#[tokio::test]
async fn the_statistics_count_what_was_done() {
    let mut world = world().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(20 * MINUTE).await;
    world.slack.take_all();
    let mut browser = signed_in(&world, "U0TOM").await;
    let page = browser.opens("/web/stats").await;
    assert_snapshot!(page.between("Sign out", "As of"), @"Statistics The last 90 days. Times are from the command to live; half of the rollbacks took at least the median. service median worst people waited for asked for run verified not proven failed emergency runs frontend (production) median 0 s worst 0 s people waited for 0 s asked for 1 run 1 verified 1 not proven 0 failed 0 emergency runs 0 Automatic deploys They are OFF , as last read, for frontend (production) . /rollback pins shows by whom. Emergency runs 0 in the last 30 days, 0 in the 30 before.");
    // After ninety days it is over.
    world.passes(91 * 24 * 60 * MINUTE).await;
    world.slack.take_all();
    let mut browser = signed_in(&world, "U0TOM").await;
    let page = browser.opens("/web/stats").await;
    assert!(
        page.words()
            .contains("Nothing was rolled back in this time.")
    );
}

#[tokio::test]
async fn what_does_not_fit_in_a_sign_in_lets_nobody_in() {
    let world = world().await;
    let cases: [(&str, serde_json::Value); 7] = [
        ("iss", json!("https://slack.example")),
        ("aud", json!("25259531569.99999999")),
        ("exp", json!(1_773_457_000)),
        ("nonce", json!("of-another-sign-in")),
        ("nonce", serde_json::Value::Null),
        ("https://slack.com/team_id", json!("T0EVIL")),
        ("https://slack.com/user_id", json!("BEVIL")),
    ];
    for (claim, value) in cases {
        let told = value.clone();
        world
            .slack
            .says_of_sign_ins(move |claims| claims[claim] = told.clone());
        let mut browser = Browser::of(&world);
        let page = browser.comes_back("board", "U0SAM").await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{claim} {value}");
        assert!(
            page.words().contains("Slack does not confirm this sign-in"),
            "{}",
            page.html
        );
        assert!(!browser.cookies.contains_key(SESSION), "{claim} {value}");
        assert_eq!(browser.opens("/web").await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_sign_in_belongs_to_the_browser_that_began_it_and_to_its_moment() {
    let world = world().await;
    let mut browser = Browser::of(&world);
    let at_slack = browser.is_sent_to_slack("board").await;
    let back = browser.says_who(&at_slack, "U0SAM").await;
    let code = back.query_pairs().find(|(key, _)| key == "code").unwrap().1;
    // Somebody has another person's browser come back with a code of their own.
    let mut victim = Browser::of(&world);
    let page = victim.opens(back.as_str()).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert_snapshot!(page.between("Statistics", "Sign in"), @"You are not signed in This sign-in was not begun by this browser, or it was more than ten minutes ago. Begin again.");
    // Or has begun a sign-in there, whose state is another one.
    victim.is_sent_to_slack("board").await;
    assert_eq!(
        victim.opens(back.as_str()).await.status,
        StatusCode::BAD_REQUEST
    );
    // A state that somebody has made up, and none.
    for state in ["", "1773457920.00", &format!("&state={}", "f".repeat(64))] {
        let page = browser
            .opens(&format!("/web/signed-in?code={code}&state={state}"))
            .await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{state}");
        browser.is_sent_to_slack("board").await;
    }
    // A page that was not wanted when it began.
    let at_slack = browser.is_sent_to_slack("board").await;
    let back = browser.says_who(&at_slack, "U0SAM").await;
    let begun = browser.cookies.get_mut("__Host-rollback-sign-in").unwrap();
    *begun = begun.replace(".board", ".stats");
    assert_eq!(
        browser.opens(back.as_str()).await.status,
        StatusCode::BAD_REQUEST
    );
    // More than ten minutes later.
    let at_slack = browser.is_sent_to_slack("board").await;
    world.clock.advance(11 * MINUTE);
    let back = browser.says_who(&at_slack, "U0SAM").await;
    assert_eq!(
        browser.opens(back.as_str()).await.status,
        StatusCode::BAD_REQUEST
    );
    assert!(!browser.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn a_code_is_good_for_once() {
    let world = world().await;
    let mut browser = Browser::of(&world);
    let at_slack = browser.is_sent_to_slack("board").await;
    let kept = browser.cookies.clone();
    let back = browser.says_who(&at_slack, "U0SAM").await;
    let first = browser.opens(back.as_str()).await;
    assert_eq!(first.status, StatusCode::SEE_OTHER);
    // The browser has forgotten that it began.
    assert_eq!(
        browser.opens(back.as_str()).await.status,
        StatusCode::BAD_REQUEST
    );
    // And where it has not, Slack has.
    let mut replaying = Browser::of(&world);
    replaying.cookies = kept;
    let again = replaying.opens(back.as_str()).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert!(!replaying.cookies.contains_key(SESSION));
}

#[tokio::test]
async fn somebody_who_does_not_want_to_sign_in_is_told_so() {
    let world = world().await;
    let mut browser = Browser::of(&world);
    let page = browser.comes_back("board", "nobody").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert_snapshot!(page.between("Statistics", "As of"), @"You are not signed in Slack says that you did not sign in. Nothing is shown to people it does not name. Sign in with Slack");
}

#[tokio::test]
async fn only_full_members_sign_in() {
    let world = world().await;
    for (person, what) in [
        ("U0GUS", "a guest"),
        ("U0UNA", "a guest"),
        ("U0BOT2", "a bot"),
        ("U0EVE", "from another workspace"),
        ("U0NOBODY", "not known in this workspace"),
    ] {
        // Their own workspace may be another one: it is not that on which this depends here.
        world
            .slack
            .says_of_sign_ins(|claims| claims["https://slack.com/team_id"] = json!("T0ACME"));
        let mut browser = Browser::of(&world);
        let page = browser.comes_back("board", person).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{person}");
        assert!(page.words().contains(what), "{}", page.words());
        assert!(!browser.cookies.contains_key(SESSION), "{person}");
    }
}

#[tokio::test]
async fn a_session_ends_at_the_next_page_when_its_person_has_left() {
    let world = world().await;
    let mut browser = signed_in(&world, "U0TOM").await;
    let mut phone = signed_in(&world, "U0TOM").await;
    world.slack.deactivates("U0TOM");
    let page = browser.opens("/web/stats").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert_snapshot!(page.between("Statistics", "As of"), @"Not for you to read Only full members of this workspace can use /rollback, and you are deactivated. Ask someone on the team. Nothing was run.");
    // It has ended, and so has every other one of theirs, whatever Slack says later.
    world
        .slack
        .change_person("U0TOM", |tom| tom.deleted = false);
    assert_eq!(browser.opens("/web").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(phone.opens("/web").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn nothing_is_shown_while_slack_does_not_say_who_reads() {
    let world = world().await;
    let mut browser = signed_in(&world, "U0TOM").await;
    world.slack.set_fault(Some(Fault::Outage));
    let page = browser.opens("/web").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!page.html.contains("frontend"), "{}", page.html);
    assert_snapshot!(page.between("Statistics", "As of"), @"Not now I can't check right now whether you may read this: Slack answered 503 to users.info. Nothing is shown until I can. Reload in a moment; `rollback-bot status` works while Slack is not answering.");
    // Nor does anybody sign in.
    let mut other = Browser::of(&world);
    let at_slack = other.is_sent_to_slack("board").await;
    let back = other.says_who(&at_slack, "U0SAM").await;
    let page = other.opens(back.as_str()).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!other.cookies.contains_key(SESSION));
    world.slack.heal();
    assert_eq!(browser.opens("/web").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_was_said_in_a_private_channel_stays_there() {
    let mut world = world().await;
    world.slack.make_private(CHANNEL);
    world.slack.set_person_in("U0TOM", CHANNEL, false);
    world.with_a_card().await;
    let mut sam = signed_in(&world, "U0SAM").await;
    let page = sam.opens("/web/rollbacks/RB-1").await;
    assert!(page.words().contains("checkout 500s"), "{}", page.words());
    assert!(
        sam.opens("/web/incidents/INC-1")
            .await
            .words()
            .contains("checkout 500s")
    );
    // What the board shows everybody, Tom sees, and nothing of what was said.
    let mut tom = signed_in(&world, "U0TOM").await;
    let page = tom.opens("/web/rollbacks/RB-1").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_snapshot!(page.between("Sign out", "As of"), @"RB-1 frontend (production) v214 → v213 · PROPOSED It was asked for in a private channel that you are not in. Its reasons, its card and its timeline stay there: ask somebody in the channel to invite you.");
    let page = tom.opens("/web/incidents/INC-1").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert_snapshot!(page.between("Statistics", "As of"), @"Not found There is no INC-1 that you can read. What was said in a private channel is shown only to those who are in it.");
    assert_eq!(
        tom.opens("/web/incidents/INC-9")
            .await
            .words()
            .replace("INC-9", "INC-1"),
        page.words(),
        "an incident that there is looks like one that there is not"
    );
    let board = tom.opens("/web").await;
    assert!(
        !board.words().contains("checkout 500s"),
        "{}",
        board.words()
    );
    // Invited, he reads it.
    world.slack.set_person_in("U0TOM", CHANNEL, true);
    let page = tom.opens("/web/rollbacks/RB-1").await;
    assert!(page.words().contains("checkout 500s"));
    // While Slack does not say who is in the channel, nobody reads it.
    world
        .slack
        .fault(Fault::Outage, Some("conversations.info"), None);
    let page = sam.opens("/web/rollbacks/RB-1").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!page.html.contains("checkout"), "{}", page.html);
    world.slack.heal();
    // Nor if the bot itself is not in it any more.
    world.slack.set_bot_in(CHANNEL, false);
    let page = sam.opens("/web/rollbacks/RB-1").await;
    assert!(!page.html.contains("checkout 500s"), "{}", page.html);
    world.slack.set_bot_in(CHANNEL, true);
}

#[tokio::test]
async fn where_only_roles_may_read_others_do_not() {
    let world = world_with("[policy]\nread = \"roles\"\n").await;
    let mut sam = signed_in(&world, "U0SAM").await;
    assert_eq!(sam.opens("/web/stats").await.status, StatusCode::OK);
    let mut browser = Browser::of(&world);
    let page = browser.comes_back("board", "U0TOM").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(!browser.cookies.contains_key(SESSION));
    assert_snapshot!(page.between("Statistics", "As of"), @"Not for you to read This needs somebody with the role lead or oncall, and you do not have it. @ana or @sam can. Nothing was run.");
}

#[tokio::test]
async fn a_session_is_over_after_four_hours_or_by_signing_out() {
    let world = world().await;
    let mut browser = signed_in(&world, "U0TOM").await;
    world.clock.advance(4 * 60 * MINUTE - MINUTE);
    assert_eq!(browser.opens("/web").await.status, StatusCode::OK);
    world.clock.advance(MINUTE);
    assert_eq!(browser.opens("/web").await.status, StatusCode::UNAUTHORIZED);
    let mut browser = signed_in(&world, "U0TOM").await;
    let session = browser.cookies[SESSION].clone();
    // Another site has the browser send it, and a link does.
    let forged = browser
        .sends(Method::POST, "/web/sign-out", Some("https://evil.example"))
        .await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let linked = browser.opens("/web/sign-out").await;
    assert_eq!(linked.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(browser.opens("/web").await.status, StatusCode::OK);
    let out = browser
        .sends(Method::POST, "/web/sign-out", Some(OUR_ADDRESS))
        .await;
    assert_eq!(out.status, StatusCode::SEE_OTHER);
    assert!(!browser.cookies.contains_key(SESSION));
    // What somebody kept of it is worth nothing.
    browser.cookies.insert(SESSION.into(), session);
    assert_eq!(browser.opens("/web").await.status, StatusCode::UNAUTHORIZED);
    for forged in ["", "0", &"0".repeat(64)] {
        browser.cookies.insert(SESSION.into(), forged.into());
        assert_eq!(browser.opens("/web").await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_session_outlives_the_bot_and_its_secret_is_not_stored() {
    let mut world = world().await;
    let mut browser = signed_in(&world, "U0TOM").await;
    world.stops().await;
    world.starts().await;
    browser.base = world.base().to_owned();
    assert_eq!(browser.opens("/web").await.status, StatusCode::OK);
    // What is stored is not what the browser keeps.
    let secret = &browser.cookies[SESSION];
    let digests = digests(&world).await;
    assert_eq!(digests.len(), 1);
    assert!(!digests.contains(secret));
}

async fn digests(world: &World) -> Vec<String> {
    use rollback_bot::store::Db;
    const DIGESTS: &str = "SELECT digest FROM web_session";
    match &world.app().engine.db {
        Db::Sqlite { read, .. } => sqlx::query_scalar(DIGESTS).fetch_all(read).await.unwrap(),
        Db::Postgres(pool) => sqlx::query_scalar(DIGESTS).fetch_all(pool).await.unwrap(),
    }
}

#[tokio::test]
async fn one_person_has_twenty_sessions_at_most() {
    let world = world().await;
    let mut first = signed_in(&world, "U0TOM").await;
    for _ in 0..20 {
        world.clock.advance(MINUTE);
        let mut browser = Browser::of(&world);
        let back = browser.comes_back("board", "U0TOM").await;
        assert_eq!(back.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(digests(&world).await.len(), 20);
    assert_eq!(first.opens("/web").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn nobody_is_sent_anywhere_but_to_slack_and_to_our_pages() {
    let world = world().await;
    let slack = Url::parse(&world.slack.api_url()).unwrap();
    for page in [
        "https://evil.example",
        "//evil.example",
        "%2F%2Fevil.example",
        "RB-1%0d%0aSet-Cookie:a=b",
        "",
    ] {
        let mut browser = Browser::of(&world);
        let at_slack = browser.is_sent_to_slack(page).await;
        assert_eq!(at_slack.origin(), slack.origin(), "{page}");
        let back = browser.says_who(&at_slack, "U0TOM").await;
        let signed_in = browser.opens(back.as_str()).await;
        assert_eq!(
            signed_in.sent_to().as_str(),
            "https://rollback.example.com/web",
            "{page}"
        );
    }
}

#[tokio::test]
async fn what_people_write_is_text_on_every_page() {
    let mut world = world().await;
    let hostile =
        "<script>alert(1)</script> \"><img src=x onerror=alert(2)> {{ 7*7 }} '&amp; \u{202e}";
    world
        .maya()
        .says(&format!("/rollback frontend because {hostile}"))
        .await;
    world.settle().await;
    world
        .maya()
        .says(&format!("/rollback note {hostile}"))
        .await;
    world
        .maya()
        .says(&format!("/rollback freeze frontend because {hostile}"))
        .await;
    world.settle().await;
    world.slack.take_all();
    let mut browser = signed_in(&world, "U0SAM").await;
    for path in [
        "/web",
        "/web/rollbacks/RB-1",
        "/web/incidents/INC-1",
        "/web/stats",
        "/web/rollbacks/%3Cscript%3E",
        "/web/incidents/INC-1%3Cscript%3E",
    ] {
        let page = browser.opens(path).await;
        let html = page.html.to_lowercase();
        assert!(!html.contains("<script"), "{path}");
        assert!(!html.contains("<img"), "{path}");
        assert!(!page.html.contains('\u{202e}'), "{path}");
        assert!(!page.html.contains("49"), "{path}");
    }
    let page = browser.opens("/web/incidents/INC-1").await;
    assert!(
        page.words().contains("<script>alert(1)</script>"),
        "{}",
        page.words()
    );
}

#[tokio::test]
async fn a_page_is_small_and_keeps_itself_from_others() {
    let mut world = world().await;
    world.with_a_card().await;
    for n in 0..40 {
        world.clock.advance(MINUTE);
        let text = format!("<{n}> \"/\" {}", "&<'/日本語".repeat(200));
        world.maya().says(&format!("/rollback note {text}")).await;
    }
    world.settle().await;
    world.slack.take_all();
    let mut browser = signed_in(&world, "U0SAM").await;
    let mut place = "/web/incidents/INC-1".to_owned();
    let mut read = 0;
    loop {
        let page = browser.opens(&place).await;
        assert!(
            page.html.len() <= PAGE_AT_MOST,
            "{place}: {}",
            page.html.len()
        );
        read += page.html.matches("class=\"seq num\"").count();
        let earlier = page
            .html
            .split("href=\"")
            .find(|link| link.contains("?before="));
        match earlier {
            Some(link) => {
                let (link, _) = link.split_once('"').unwrap();
                place = link.replace("&#x2f;", "/");
            }
            None => break,
        }
    }
    let recorded = world.record().await.lines().count();
    assert_eq!(read, recorded, "every entry is on one page");
    for path in [
        "/web",
        "/web/rollbacks/RB-1",
        "/web/stats",
        "/web/rollbacks/RB-77",
    ] {
        let page = browser.opens(path).await;
        assert!(
            page.html.len() <= PAGE_AT_MOST,
            "{path}: {}",
            page.html.len()
        );
        let header = |name: &str| page.headers[name].to_str().unwrap();
        assert_eq!(
            header("content-security-policy"),
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("x-frame-options"), "DENY");
        assert!(!page.html.contains(" style="), "{path}");
        assert!(!page.html.contains("<script"), "{path}");
    }
    let style = browser.opens("/web/style.css").await;
    assert!(style.html.len() <= PAGE_AT_MOST / 4, "{}", style.html.len());
    // A cookie is for this host alone, over TLS alone, and for no script.
    let mut browser = Browser::of(&world);
    let back = browser.comes_back("board", "U0SAM").await;
    for cookie in back.set_cookies() {
        assert!(cookie.starts_with("__Host-"), "{cookie}");
        assert!(cookie.contains("; Path=/; "), "{cookie}");
        assert!(
            cookie.ends_with("; Secure; HttpOnly; SameSite=Lax"),
            "{cookie}"
        );
    }
    assert_eq!(back.set_cookies().len(), 2);
}

#[tokio::test]
async fn somebody_who_opens_too_many_pages_waits() {
    let world = world_with("[limits]\nperson_per_minute = 6\n").await;
    let mut browser = signed_in(&world, "U0TOM").await;
    let mut opened = 1;
    let page = loop {
        let page = browser.opens("/web/stats").await;
        match page.status {
            StatusCode::OK => opened += 1,
            _ => break page,
        }
        assert!(opened < 100);
    };
    assert_eq!(opened, 20);
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert_snapshot!(page.between("Statistics", "As of"), @"Not so fast You have opened too many pages within a minute. Reload in a moment.");
    world.clock.advance(MINUTE);
    assert_eq!(browser.opens("/web/stats").await.status, StatusCode::OK);
}

#[tokio::test]
async fn half_of_a_configuration_is_named_with_what_is_missing() {
    let world = World::new().await;
    let mistakes = |web: &str| world.reads_settings(web).unwrap_err();
    assert_snapshot!(mistakes("[web]"), @r#"
    web.client_id: is missing; write client_id = "2141029472.691202649728"
    web.client_secret: is missing; write client_secret = "env:SLACK_CLIENT_SECRET"
    "#);
    assert_snapshot!(mistakes("[web]\nclient_id = \"A0ROLLBACK\"\nclient_secret = \"env:SIGNING_SECRET\"\nurl = \"http://rollback.example.com\""), @r#"
    web.url: "http://rollback.example.com/" is not encrypted, and Slack refuses it; write one that begins with https://
    web.client_id: "A0ROLLBACK" is no client id of Slack's; copy the Client ID from the app's page Basic Information, it looks like "2141029472.691202649728"
    web.client_secret: is the signing secret; copy the Client Secret, which is above it on the app's page Basic Information
    "#);
    assert_snapshot!(mistakes("[web]\nclient_id = \"1.2\"\nclient_secret = \"env:BOT_TOKEN\"\nurl = \"https://rollback.example.com/?a\""), @"
    web.url: has a ? or a #; end it after the host or the path
    web.client_secret: looks like a bot token of Slack's (xoxb-…); copy the Client Secret from the app's page Basic Information
    ");
    assert_snapshot!(mistakes(&format!("[web]\nclient_id = \"1.2\"\nclient_secret = \"{CLIENT_SECRET}\"")), @r#"web.client_secret: a secret does not belong in this file; write "env:NAME" or "file:PATH""#);
    let socket = World::by_socket(ROLES, FRONTEND).await;
    let listening = "listen = \"127.0.0.1:0\"\npublic_url = \"https://rollback.example.com\"\n";
    let settings = format!("{}\n{WEB}", socket.settings().replace(listening, ""));
    assert_snapshot!(socket.reads(&settings, socket.database()).unwrap_err(), @r#"
    web: is there, and nothing listens for browsers; write listen = "127.0.0.1:3000" into [server], or remove [web]
    web.url: is missing, and server.public_url is too: browsers and Slack have to know where the pages are; write url = "https://rollback.example.com"
    "#);
}
