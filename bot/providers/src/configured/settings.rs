//! What a service, or the preset that it names, says of its platform.

use super::{
    call::{Call, Sources},
    fields::{Condition, Field, Switch, read_places},
    presets::{self, Preset, Variable},
    template::{Names, Values},
};
use rollback_domain::{
    platform::{Effects, Holds, Timing},
    risk::Risk,
};
use rollback_settings::{
    Repeats, Secret, Section, Value as Setting, choice, duration, flag, text, wrong_type,
};
use std::{collections::BTreeMap, io, path::Path, time::Duration};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// What is known of a release when it is asked for.
pub(super) const OF_A_RELEASE: [&str; 7] =
    ["id", "version", "sha", "from", "rollback", "because", "by"];
/// The handle of what the platform was asked for.
pub(super) const JOB: &str = "job";
/// What serves now, where automatic deploys are held off or let go.
pub(super) const LIVE: &str = "live";

/// A platform, as the configuration describes it.
#[derive(Clone, Debug)]
pub(crate) struct Description<C: Call> {
    /// What it does, but for how automatic deploys are held off.
    pub(super) effects: Effects,
    /// What its calls are filled with: the variables of a preset, and secrets.
    pub(super) values: Values,
    pub(super) shared: C::Shared,
    pub(super) list: C,
    pub(super) releases: ReleaseRows,
    pub(super) live: Live<C>,
    pub(super) roll_back: RollBack<C>,
    pub(super) observe: Option<Observe<C>>,
    pub(super) pinning: Pinning<C>,
    pub(super) check: Option<C>,
    /// How long a call may take that only reads.
    pub(super) read_within: Duration,
    /// How long a call may take that changes something.
    pub(super) roll_back_within: Duration,
}

/// How releases are read out of a list.
#[derive(Clone, Debug)]
pub(crate) struct ReleaseRows {
    /// Where the rows may be.
    pub(super) rows: Vec<String>,
    /// What a release is asked for by.
    pub(super) id: Field,
    /// What names its content, where several ids are the same; `None`: the id.
    pub(super) content: Option<Field>,
    /// The id of the release that it is a copy of.
    pub(super) copy_of: Option<Field>,
    pub(super) version: Option<Field>,
    pub(super) sha: Option<Field>,
    pub(super) created_at: Option<Field>,
    pub(super) live_since: Option<Field>,
    /// Until when the platform keeps it.
    pub(super) kept_until: Option<Field>,
    pub(super) by: Option<Field>,
    pub(super) message: Option<Field>,
    /// Which rows are releases of this service at all.
    pub(super) only: Condition,
    /// Which of them can be gone to.
    pub(super) eligible: Condition,
    /// Which of them are known to have served production.
    pub(super) served: Option<Condition>,
    pub(super) order: Order,
}

/// In which order a list has its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    NewestFirst,
    OldestFirst,
    /// In any; when they were made says it.
    CreatedAt,
}

/// How it is read what serves.
#[derive(Clone, Debug)]
pub(crate) struct Live<C> {
    /// `None`: the list says it.
    pub(super) call: Option<C>,
    /// Where the surfaces are; `None`: the whole answer is one.
    pub(super) rows: Option<Vec<String>>,
    pub(super) name: Option<Field>,
    pub(super) id: Field,
    /// Which rows are live.
    pub(super) when: Condition,
    /// When something is under way, in a row or in the whole answer.
    pub(super) in_flight: Option<Condition>,
    /// What is kept of the answer for the calls that follow.
    pub(super) keep: BTreeMap<String, Field>,
    /// Whether the answer has our own shape.
    pub(super) is_own: bool,
}

/// How the platform is asked to go to a release.
#[derive(Clone, Debug)]
pub(crate) struct RollBack<C> {
    pub(super) call: C,
    /// The handle of what it was asked for.
    pub(super) job: Option<Field>,
}

/// How it is read what became of the request.
#[derive(Clone, Debug)]
pub(crate) struct Observe<C> {
    pub(super) call: C,
    pub(super) state: Field,
    /// The states in which it has failed. Every other one is looked at again.
    pub(super) failed: Vec<String>,
    /// What it says besides, where it does.
    pub(super) message: Option<Field>,
    /// Whether it can be read only with the handle of the request.
    pub(super) needs_job: bool,
}

/// How automatic deploys are held off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Not,
    ByItself,
    /// By a call before the first step.
    Before,
    /// By a call that is the last step.
    After,
}

/// How automatic deploys are held off and let go.
#[derive(Clone, Debug)]
pub(crate) struct Pinning<C> {
    pub(super) when: When,
    pub(super) pin: Option<C>,
    pub(super) unpin: Option<C>,
    /// What people do to let them go, where no call does.
    pub(super) unpin_by_hand: Option<String>,
    /// Where it is read whether they are held off: in an answer of its own, or in that of `live`.
    pub(super) state: Option<(Option<C>, Switch)>,
}

impl<C> Pinning<C> {
    /// What the engine has to do for it. The last step of a plan is done by the plan itself.
    pub(super) fn holds(&self) -> Holds {
        match self.when {
            When::Not => Holds::Not,
            When::ByItself | When::After => Holds::ByItself,
            When::Before => Holds::OnRequest,
        }
    }
}

/// Reads what a service says; `None` when there is a mistake in it.
pub(crate) fn read<C: Call>(section: &Section<'_>, provider: &str) -> Option<Description<C>> {
    let mut values = Values::default();
    let secrets = secrets(section, &mut values);
    let Some(_) = section.get("preset") else {
        let sources = Sources {
            own: section,
            preset: None,
        };
        let description = description(sources, values, &names(section, &[]));
        return secrets.and(description);
    };
    let Some(preset) = section.optional("preset", |value| presets::named(provider, value)) else {
        // Which variables belong here cannot be known: none of them is a mistake.
        for key in section.keys() {
            section.get(key);
        }
        return None;
    };
    let variables = variables(section, &preset, &mut values);
    let names = names(section, &preset.variables);
    let nothing = |_: &str| None;
    let no_file = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let read = rollback_settings::read(preset.text, &nothing, &no_file, &[], |described| {
        for key in presets::DOCUMENTATION {
            described.get(key);
        }
        let sources = Sources {
            own: section,
            preset: Some(described),
        };
        let description = description(sources, values, &names);
        described.done();
        description
    });
    match read {
        Ok((description, _)) => secrets.and(variables).map(|()| description),
        // What is wrong stands in the service's own section, and is told there.
        Err(mistakes) if mistakes.0.is_empty() => None,
        Err(mistakes) => {
            section.mistake("preset", format!("cannot be used: {mistakes}"));
            None
        }
    }
}

/// The placeholders that every call may have, whether or not what they stand for can be read.
fn names(section: &Section<'_>, variables: &[Variable]) -> Names {
    let listed = section.get("secrets").and_then(Setting::as_table);
    let listed = listed
        .into_iter()
        .flat_map(|secrets| secrets.keys().cloned());
    let (secret, plain): (Vec<&Variable>, Vec<&Variable>) =
        variables.iter().partition(|variable| variable.is_secret);
    let of_preset = secret
        .iter()
        .map(|variable| variable.secret_name().to_owned());
    Names {
        texts: plain.iter().map(|variable| variable.name.clone()).collect(),
        secrets: listed.chain(of_preset).collect(),
    }
}

/// Reads the secrets that the service lists.
fn secrets(section: &Section<'_>, values: &mut Values) -> Option<()> {
    let listed = section.section("secrets")?;
    let mut all = Some(());
    for name in listed.keys() {
        match listed.required(name, "\"env:NAME\"", |value| secret(&listed, value)) {
            Some(secret) => values.set_secret(name, secret),
            None => all = None,
        }
    }
    all
}

/// A secret that can be kept out of what is shown: a short one would be found everywhere.
fn secret(section: &Section<'_>, value: &Setting) -> Result<Secret, String> {
    const AT_LEAST: usize = 8;
    let secret = section.secret(value)?;
    match secret.expose().len() < AT_LEAST {
        true => Err(format!(
            "is shorter than {AT_LEAST} characters, so it cannot be kept out of what is shown; use a longer one"
        )),
        false => Ok(secret),
    }
}

/// Reads the variables of a preset.
fn variables(section: &Section<'_>, preset: &Preset, values: &mut Values) -> Option<()> {
    let mut all = Some(());
    for variable in &preset.variables {
        let (name, example) = (variable.name.as_str(), variable.example());
        if section.get(name).is_none() && variable.may_be_left_out() {
            if let Some(default) = &variable.default {
                values.set(name, default);
            }
            continue;
        }
        let is_read = match variable.is_secret {
            true => {
                let secret = section.required(name, &example, |value| {
                    section.token(value, &preset.platform)
                });
                secret.map(|secret| values.set_secret(variable.secret_name(), secret))
            }
            false => {
                let read = section.required(name, &example, text);
                read.map(|value| values.set(name, value))
            }
        };
        all = all.and(is_read);
    }
    all
}

/// Reads all of it. Everything is asked for before anything is given up.
fn description<C: Call>(
    sources: Sources<'_>,
    values: Values,
    names: &Names,
) -> Option<Description<C>> {
    let effects = effects(sources);
    let shared = C::shared(sources, names);
    let calls = sources.calls();
    let list = list::<C>(calls, names);
    let live = live::<C>(calls, names);
    let kept: Vec<&str> = live
        .iter()
        .flat_map(|live| live.keep.keys())
        .map(String::as_str)
        .collect();
    let asking = names.with(&OF_A_RELEASE).with(&kept);
    let roll_back = roll_back::<C>(calls, &asking);
    let observe = observe::<C>(calls, &asking.with(&[JOB]));
    let is_own = live.as_ref().is_some_and(|live| live.is_own);
    let pinning = pinning::<C>(calls, names, is_own);
    let check = plain_call::<C>(calls, "check", names);
    let read_within = within(sources, "read_within", 20 * SECOND);
    let roll_back_within = within(sources, "roll_back_within", MINUTE);
    let (effects, pinning) = (effects?, pinning?);
    let (list, releases) = list?;
    Some(Description {
        effects: Effects {
            holds: pinning.holds(),
            ..effects
        },
        values,
        shared: shared?,
        list,
        releases,
        live: live?,
        roll_back: roll_back?,
        observe: observe?,
        pinning,
        check: check?,
        read_within,
        roll_back_within,
    })
}

fn within(sources: Sources<'_>, key: &str, default: Duration) -> Duration {
    sources.of(key).or(key, default, duration(SECOND..=HOUR))
}

/// What it restores and leaves, and how long it takes.
fn effects(sources: Sources<'_>) -> Option<Effects> {
    let words = |key: &'static str, example: &str| {
        sources.of(key).list(key, example, Repeats::Refused, text)
    };
    let clause = |key: &'static str| sources.of(key).optional(key, text);
    let platform = sources
        .of("platform")
        .required("platform", "\"Kamal\"", text);
    let restores = words("restores", "\"the image\"");
    let leaves = words("leaves", "\"database\", \"today's environment\"");
    let (after, outage) = (clause("after"), clause("outage"));
    let class = sources.of("class").or("class", Risk::Code, |value| {
        choice(value, &Risk::ALL.map(|class| (class.name(), class)))
    });
    let undoable = sources.of("undoable").or("undoable", true, flag);
    let default = Timing::default();
    let time = |key: &'static str, default| {
        sources
            .of(key)
            .or(key, default, duration(SECOND..=24 * HOUR))
    };
    let timing = Timing {
        serve_within: time("serve_within", default.serve_within),
        trace_within: time("trace_within", default.trace_within),
        look_every: sources
            .of("look_every")
            .optional("look_every", duration(SECOND..=HOUR)),
    };
    Some(Effects {
        platform: platform?,
        restores: restores?,
        leaves: leaves?,
        after,
        holds: Holds::Not,
        undoable,
        class,
        timing,
        outage,
    })
}

/// How a call is written under a key.
enum Form<'a, C> {
    Absent,
    /// Without a section: its answer has our own shape.
    Short(C),
    Section(Section<'a>),
}

/// Reads what stands under a key; `None` when that is a mistake.
fn form<'a, C: Call>(section: &Section<'a>, key: &str, names: &Names) -> Option<Form<'a, C>> {
    let Some(value) = section.get(key) else {
        return Some(Form::Absent);
    };
    match value {
        Setting::Table(_) => section.section(key).map(Form::Section),
        value => match C::read_short(value, names) {
            Some(Ok(call)) => Some(Form::Short(call)),
            Some(Err(problem)) => {
                section.mistake(key, problem);
                None
            }
            None => {
                let wanted = format!("a section: [{}]", section.key(key));
                section.mistake(key, wrong_type(value, &wanted));
                None
            }
        },
    }
}

/// A call of which the answer does not matter. The outer `None`: there is a mistake in it.
fn plain_call<C: Call>(section: &Section<'_>, key: &str, names: &Names) -> Option<Option<C>> {
    match form::<C>(section, key, names)? {
        Form::Absent => Some(None),
        Form::Short(call) => Some(Some(call)),
        Form::Section(inner) => {
            let call = C::read(&inner, names);
            inner.done();
            call.map(Some)
        }
    }
}

fn missing(section: &Section<'_>, key: &str, what: &str) {
    let problem = format!("is missing; write how {what}, or name a preset");
    section.mistake(key, problem);
}

const ORDERS: [(&str, Order); 3] = [
    ("newest_first", Order::NewestFirst),
    ("oldest_first", Order::OldestFirst),
    ("created_at", Order::CreatedAt),
];

fn list<C: Call>(section: &Section<'_>, names: &Names) -> Option<(C, ReleaseRows)> {
    match form::<C>(section, "list", names)? {
        Form::Absent => {
            missing(section, "list", "releases are listed");
            None
        }
        Form::Short(call) => Some((call, own_rows())),
        Form::Section(inner) => {
            let call = C::read(&inner, names);
            let field = |key: &str| inner.optional(key, Field::read);
            let condition = |key: &str| inner.optional(key, Condition::read);
            let releases = ReleaseRows {
                rows: inner.or("rows", vec![String::new()], read_places),
                id: inner.or("id", Field::at(&["/id", "/line"]), Field::read),
                content: field("content"),
                copy_of: field("copy_of"),
                version: field("version"),
                sha: field("sha"),
                created_at: field("created_at"),
                live_since: field("live_since"),
                kept_until: field("kept_until"),
                by: field("by"),
                message: field("message"),
                only: condition("only").unwrap_or_default(),
                eligible: condition("eligible").unwrap_or_default(),
                served: condition("served"),
                order: inner.or("order", Order::NewestFirst, |value| choice(value, &ORDERS)),
            };
            inner.done();
            Some((call?, releases))
        }
    }
}

/// Releases in our own shape: an object each with what [`Release`](rollback_domain::release::Release)
/// has, or only their ids.
fn own_rows() -> ReleaseRows {
    let field = |at: &str| Some(Field::at(&[at]));
    ReleaseRows {
        rows: vec![String::new()],
        id: Field::at(&["/id", "/line"]),
        content: None,
        copy_of: field("/copy_of"),
        version: field("/version"),
        sha: field("/sha"),
        created_at: field("/created_at"),
        live_since: field("/live_since"),
        kept_until: field("/kept_until"),
        by: field("/by"),
        message: field("/message"),
        only: Condition::default(),
        eligible: Condition::default(),
        served: Some(Condition::any_at("/live_since")),
        order: Order::NewestFirst,
    }
}

fn live<C: Call>(section: &Section<'_>, names: &Names) -> Option<Live<C>> {
    match form::<C>(section, "live", names)? {
        Form::Absent => {
            missing(section, "live", "it is read what serves");
            None
        }
        Form::Short(call) => Some(Live {
            call: Some(call),
            rows: None,
            name: Some(Field::at(&["/name"])),
            id: Field::at(&["/live", "/id", "/line"]),
            when: Condition::default(),
            in_flight: Some(Condition::any_at("/in_flight")),
            keep: BTreeMap::new(),
            is_own: true,
        }),
        Form::Section(inner) => {
            let call = match inner.get(C::KEY) {
                None => Some(None),
                Some(_) => C::read(&inner, names).map(Some),
            };
            let name = inner.optional("name", Field::read);
            let id = inner.required("id", "\"/id\"", Field::read);
            let rows = inner.optional("rows", read_places);
            let when = inner.optional("when", Condition::read);
            let in_flight = inner.optional("in_flight", Condition::read);
            let keep = keep(&inner);
            inner.done();
            Some(Live {
                call: call?,
                rows,
                name,
                id: id?,
                when: when.unwrap_or_default(),
                in_flight,
                keep: keep?,
                is_own: false,
            })
        }
    }
}

fn keep(section: &Section<'_>) -> Option<BTreeMap<String, Field>> {
    let kept = section.section("keep")?;
    let read = kept.keys().filter_map(|name| {
        Some((
            name.to_owned(),
            kept.required(name, "\"/etag\"", Field::read)?,
        ))
    });
    Some(read.collect())
}

fn roll_back<C: Call>(section: &Section<'_>, names: &Names) -> Option<RollBack<C>> {
    match form::<C>(section, "roll_back", names)? {
        Form::Absent => {
            missing(section, "roll_back", "it is asked to go to a release");
            None
        }
        Form::Short(call) => Some(RollBack { call, job: None }),
        Form::Section(inner) => {
            let call = C::read(&inner, names);
            let job = inner.optional("job", Field::read);
            inner.done();
            Some(RollBack { call: call?, job })
        }
    }
}

/// The outer `None`: there is a mistake in it.
fn observe<C: Call>(section: &Section<'_>, names: &Names) -> Option<Option<Observe<C>>> {
    match form::<C>(section, "observe", names)? {
        Form::Absent => Some(None),
        Form::Short(call) => Some(Some(Observe {
            call,
            state: Field::at(&["/progress", "/line"]),
            failed: vec!["failed".into()],
            message: Some(Field::at(&["/message"])),
            needs_job: false,
        })),
        Form::Section(inner) => {
            let call = C::read(&inner, names);
            let state = inner.required("state", "\"/status\"", Field::read);
            let failed = inner.list("failed", "\"failed\"", Repeats::Refused, text);
            let message = inner.optional("message", Field::read);
            let needs_job = inner.or("needs_job", true, flag);
            inner.done();
            Some(Some(Observe {
                call: call?,
                state: state?,
                failed: failed?,
                message,
                needs_job,
            }))
        }
    }
}

fn pinning<C: Call>(section: &Section<'_>, names: &Names, own_live: bool) -> Option<Pinning<C>> {
    const WHEN: [(&str, When); 4] = [
        ("not", When::Not),
        ("by_itself", When::ByItself),
        ("before", When::Before),
        ("after", When::After),
    ];
    let names = names.with(&[LIVE]);
    let pin = plain_call::<C>(section, "pin", &names);
    let unpin = plain_call::<C>(section, "unpin", &names);
    let unpin_by_hand = section.optional("unpin_by_hand", text);
    let state = pin_state::<C>(section, &names, own_live);
    let default = match pin {
        Some(Some(_)) => When::Before,
        Some(None) | None => When::Not,
    };
    let when = section.or("holds", default, |value| choice(value, &WHEN));
    let pinning = Pinning {
        when,
        pin: pin?,
        unpin: unpin?,
        unpin_by_hand,
        state: state?,
    };
    let lacks = |key: &str, why: &str| {
        section.mistake(key, format!("is missing; {why}"));
        None
    };
    match pinning.when {
        When::Not => return Some(pinning),
        When::Before | When::After if pinning.pin.is_none() => {
            return lacks(
                "pin",
                "write how automatic deploys are held off, or holds = \"not\"",
            );
        }
        When::ByItself | When::Before | When::After => {}
    }
    if pinning.unpin.is_none() && pinning.unpin_by_hand.is_none() {
        return lacks(
            "unpin",
            "write how automatic deploys go live again, or unpin_by_hand with what people do",
        );
    }
    if pinning.state.is_none() {
        return lacks("pinned", "write where it is read whether they are held off");
    }
    Some(pinning)
}

/// The outer `None`: there is a mistake in it.
fn pin_state<C: Call>(
    section: &Section<'_>,
    names: &Names,
    own_live: bool,
) -> Option<Option<(Option<C>, Switch)>> {
    if section.get("pinned").is_none() {
        return Some(own_live.then(|| (None, Switch::own())));
    }
    let inner = section.section("pinned")?;
    let call = match inner.get(C::KEY) {
        None => Some(None),
        Some(_) => C::read(&inner, names).map(Some),
    };
    let switch = Switch::read(&inner);
    inner.done();
    Some(Some((call?, switch?)))
}
