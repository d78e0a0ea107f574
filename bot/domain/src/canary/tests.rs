use super::*;

/// Middle European time, as POSIX writes it: no list of zones is needed.
fn berlin() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

fn schedule(at: &str) -> Schedule {
    Schedule {
        at: time(at),
        from: time("08:00"),
        to: time("20:00"),
        zone: berlin(),
    }
}

/// When it reads each day, without the spread.
fn reads(daily: &str, after: &str) -> String {
    let schedule = schedule(daily);
    schedule.first(schedule.at, at(after)).to_string()
}

#[test]
fn it_reads_once_a_day_by_the_clocks_of_its_zone() {
    assert_eq!(
        reads("07:00", "2026-03-14T03:12:00Z"),
        "2026-03-14T06:00:00Z"
    );
    assert_eq!(
        reads("07:00", "2026-03-14T06:00:00Z"),
        "2026-03-15T06:00:00Z"
    );
    // Summer time: an hour earlier by UTC.
    assert_eq!(
        reads("07:00", "2026-03-28T06:00:00Z"),
        "2026-03-29T05:00:00Z"
    );
}

#[test]
fn a_time_that_does_not_come_is_read_later_and_one_that_comes_twice_once() {
    assert_eq!(
        reads("02:30", "2026-03-28T12:00:00Z"),
        "2026-03-29T01:30:00Z"
    );
    assert_eq!(
        reads("02:30", "2026-03-29T01:30:00Z"),
        "2026-03-30T00:30:00Z"
    );
    assert_eq!(
        reads("02:30", "2026-10-24T12:00:00Z"),
        "2026-10-25T00:30:00Z"
    );
    // 02:30 for the second time is not read again.
    assert_eq!(
        reads("02:30", "2026-10-25T00:30:00Z"),
        "2026-10-26T01:30:00Z"
    );
}

#[test]
fn what_the_clocks_do_is_told_beforehand() {
    assert_eq!(
        schedule("02:30").odd_days(at("2026-03-14T03:12:00Z")),
        [
            "there is no 02:30 on 2026-03-29, when the clocks go forward: it reads at 03:30",
            "02:30 comes twice on 2026-10-25, when the clocks go back: it reads the first time",
            "there is no 02:30 on 2027-03-28, when the clocks go forward: it reads at 03:30",
        ]
    );
    assert_eq!(
        schedule("07:00").odd_days(at("2026-03-14T03:12:00Z")),
        Vec::<String>::new()
    );
}

#[test]
fn services_are_spread_out_and_each_keeps_its_place() {
    let schedule = schedule("07:00");
    let now = at("2026-03-14T03:12:00Z");
    let names: Vec<String> = (0..40).map(|n| format!("service-{n}@production")).collect();
    let moments: BTreeSet<Timestamp> = names.iter().map(|name| schedule.next(name, now)).collect();
    assert!(moments.len() > 30, "{moments:?}");
    let (first, last) = (*moments.first().unwrap(), *moments.last().unwrap());
    assert!(last.duration_since(first) <= SPREAD);
    for name in &names {
        let next = schedule.next(name, now);
        let following = schedule.next(name, next);
        let day = SignedDuration::from_hours(24);
        // Never twice on one day, although it is read later than the day's moment.
        assert_eq!(following.duration_since(next), day, "{name}");
    }
}

#[test]
fn the_night_may_be_around_midnight_or_in_the_middle_of_the_day() {
    let now = |text: &str| at(text);
    let day = schedule("07:00");
    assert!(day.may_tell(now("2026-03-14T07:00:00Z")));
    assert!(!day.may_tell(now("2026-03-14T03:12:00Z")));
    assert!(!day.may_tell(now("2026-03-14T19:00:00Z")));
    assert_eq!(
        day.tells_at(now("2026-03-14T03:12:00Z")),
        now("2026-03-14T07:00:00Z")
    );
    let night = Schedule {
        from: time("22:00"),
        to: time("06:00"),
        ..schedule("23:00")
    };
    assert!(night.may_tell(now("2026-03-14T03:12:00Z")));
    assert!(!night.may_tell(now("2026-03-14T12:00:00Z")));
}

fn line(subject: Subject, level: Level) -> Line {
    Line {
        subject,
        level,
        sentence: "Something was read.".into(),
        next: None,
        read_at: at("2026-03-14T03:12:00Z"),
        affects_production: false,
    }
}

fn worse(news: &News) -> Vec<(Subject, Level)> {
    let lines = news.worse.iter();
    lines.map(|line| (line.subject, line.level)).collect()
}

#[test]
fn what_turns_red_is_told_once_and_once_more_when_it_is_green() {
    let mut told = Told::default();
    let red = [line(Subject::Target, Level::NotReady)];
    assert_eq!(
        worse(&told.take(&red, true)),
        [(Subject::Target, Level::NotReady)]
    );
    assert_eq!(told.take(&red, true), News::default());
    let green = [line(Subject::Target, Level::Ready)];
    assert_eq!(told.take(&green, true).better, [Subject::Target]);
    assert_eq!(told.take(&green, true), News::default());
}

#[test]
fn what_gets_worse_is_told_again_and_what_gets_a_little_better_is_not() {
    let mut told = Told::default();
    let of = |level| [line(Subject::Credentials, level)];
    assert_eq!(worse(&told.take(&of(Level::Attention), true)).len(), 1);
    assert_eq!(worse(&told.take(&of(Level::NotReady), true)).len(), 1);
    assert_eq!(told.take(&of(Level::Attention), true), News::default());
    assert_eq!(worse(&told.take(&of(Level::NotReady), true)).len(), 1);
}

#[test]
fn nobody_is_told_at_night_unless_production_does_not_work() {
    let mut told = Told::default();
    let red = line(Subject::Approvers, Level::NotReady);
    let news = told.take(std::slice::from_ref(&red), false);
    assert_eq!((worse(&news).len(), news.is_held), (0, true));
    assert_eq!(worse(&told.take(std::slice::from_ref(&red), true)).len(), 1);
    let down = Line {
        affects_production: true,
        ..line(Subject::Proofs, Level::NotReady)
    };
    assert_eq!(worse(&told.take(&[down], false)).len(), 1);
    // That it is green again can wait for the morning.
    let green = [line(Subject::Approvers, Level::Ready)];
    let news = told.take(&green, false);
    assert_eq!((news.better.len(), news.is_held), (0, true));
    assert_eq!(told.take(&green, true).better, [Subject::Approvers]);
}

#[test]
fn what_cannot_be_read_is_read_again_before_anybody_is_told() {
    let mut told = Told::default();
    let unread = [line(Subject::Target, Level::NotKnown)];
    let news = told.take(&unread, true);
    assert_eq!((worse(&news).len(), news.is_unread), (0, true));
    assert_eq!(
        worse(&told.take(&unread, true)),
        [(Subject::Target, Level::NotKnown)]
    );
    assert_eq!(told.take(&unread, true), News::default());
    // Once was a hiccup.
    let mut told = Told::default();
    told.take(&unread, true);
    assert_eq!(
        told.take(&[line(Subject::Target, Level::Ready)], true),
        News::default()
    );
    assert_eq!(told, Told::default());
    // At night it is kept for the morning.
    told.take(&unread, false);
    assert!(told.take(&unread, false).is_held);
    assert_eq!(worse(&told.take(&unread, true)).len(), 1);
}

#[test]
fn a_service_that_was_never_rolled_back_is_no_news() {
    let mut told = Told::default();
    let never = [line(Subject::Time, Level::NotKnown)];
    assert_eq!(told.take(&never, true), News::default());
    assert_eq!(told, Told::default());
}
