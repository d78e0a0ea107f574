//! Recreations by a process that is killed at random, again and again.

use crate::{
    driver::{Driven, PLACE},
    engine::RealEngine,
    witness::{Witness, everything, start_shop},
};
use rollback_domain::{grammar::Target, platform::Production, rollback::State};
use std::{
    collections::BTreeMap,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How many recreations there are unless `DOCKER_RECREATIONS` says it.
const RECREATIONS: u64 = 3;
/// The longest that a process lives before it is killed, in milliseconds: longer than a recreation
/// takes.
const LIVES_AT_MOST: u64 = 1_500;

/// What is gone to, the oldest first; the first of them ends at once.
const TAGS: [&str; 4] = ["ends", "v1", "v2", "v3"];

/// Numbers that look like chance and can be repeated.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

pub fn number(name: &str, default: u64) -> u64 {
    let written = std::env::var(name).ok();
    written.map_or(default, |written| written.parse().unwrap())
}

/// Never two containers serve at the same time, one does in the end, and it has everything that the
/// first one had.
pub async fn recreations(engine: &RealEngine) {
    let (count, seed) = (
        number("DOCKER_RECREATIONS", RECREATIONS),
        number("DOCKER_SEED", 41),
    );
    let began = Instant::now();
    let mut chance = Chance::new(seed);
    let mut images = BTreeMap::new();
    for tag in TAGS {
        images.insert(tag, engine.image(&format!("shop:{tag}")).await);
    }
    let first = start_shop(engine, "shop:v3").await;
    let has = everything(&engine.inspect("shop").await);
    let witness = Witness::begin(engine.socket(), &first).await;
    let section = engine.section("container = \"shop\"\nsettle = \"0s\"");
    let place = engine.directory("record");
    let (mut kills, mut served, mut put_back, mut not_begun) = (0, 0, 0, 0);
    for at in 1..=count {
        let live = engine.inspect("shop").await["Image"].clone();
        let live = TAGS.iter().position(|tag| live == images[*tag]).unwrap();
        let to = match chance.below(8) {
            0 => 0,
            _ => 1 + usize::try_from(chance.below(3)).unwrap(),
        };
        // What is newer is gone to by undoing the last one.
        let to = if to == live { 0 } else { to };
        let undone = (to > live && at > 1).then(|| Driven::load(&place));
        let target = Target::Id(images[TAGS[to]].clone());
        let undone = undone.as_ref().map(Driven::rollback);
        let planned = Driven::plan_undo(&section, &place, 1000 + at, target, undone);
        planned.await.unwrap();
        let to = TAGS[to];
        let live = &images[TAGS[live]];
        for _ in 0..=chance.below(4) {
            kills += u32::from(lives_for(&place, chance.below(LIVES_AT_MOST)));
        }
        ends(&place);
        let driven = Driven::load(&place);
        let what = format!("recreation {at} to {to} with seed {seed}");
        let goes_to = match driven.rollback().state.clone() {
            State::Serving { n: 1, m: 1 } if to != "ends" => {
                served += 1;
                &images[to]
            }
            State::Failed {
                production: Production::AsBefore,
                why,
            } => {
                match why.contains("is the old container again") {
                    true => put_back += 1,
                    false => not_begun += 1,
                }
                live
            }
            state => panic!("{what}: {state:?}"),
        };
        let shop = engine.inspect("shop").await;
        assert_eq!(shop["Image"], *goes_to, "{what}");
        assert_eq!(shop["State"]["Running"], true, "{what}");
        assert_eq!(everything(&shop), has, "{what}: something was lost");
        let containers = engine.containers().await;
        let running = containers.iter().filter(|(_, runs)| *runs).count();
        assert_eq!(running, 1, "{what}: {containers:?}");
        assert!(
            containers.len() <= 3,
            "{what}: something is left: {containers:?}"
        );
        assert!(
            containers
                .iter()
                .all(|(name, _)| name == "shop" || name.contains("-before-RB-")),
            "{what}: something is left: {containers:?}"
        );
        let (most, _) = witness.seen();
        assert!(most <= 1, "{what}: {most} served at the same time");
    }
    let (most, starts) = witness.seen();
    assert!(starts >= served, "what was started was not seen");
    println!(
        "{count} recreations, seed {seed}: {kills} kills, {served} served the target, {put_back} were put back, {not_begun} had not begun; at most {most} served at the same time, nothing was lost; {} s",
        began.elapsed().as_secs()
    );
    engine.clear().await;
}

/// A process that goes on with a record.
fn process(place: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["driver::drives_a_record", "--exact", "--nocapture"])
        .env(PLACE, place)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Lets one live for so many milliseconds. Whether it was killed, and had not ended before.
pub fn lives_for(place: &Path, milliseconds: u64) -> bool {
    let mut process = process(place);
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(milliseconds) {
        if let Some(status) = process.try_wait().unwrap() {
            assert!(status.success());
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    true
}

/// Lets one go on to the end.
pub fn ends(place: &Path) {
    let status = process(place).wait().unwrap();
    assert!(status.success(), "it does not come to an end");
}
