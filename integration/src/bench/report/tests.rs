use super::*;

pub(super) fn done(wall: f64, cpu: f64) -> Outcome {
    Outcome::Done(Measure { wall: Some(wall), cpu, peak: 10.0, ..Measure::default() })
}

fn report(outcomes: &[(Kind, Outcome)]) -> Report {
    let target = |kind| Target { kind, program: "x".into(), version: "1".to_owned() };
    let targets = [Kind::Peregrine, Kind::Peregrine2, Kind::Bird, Kind::Frr, Kind::Relay].map(target);
    let mut report = Report::new(&Sizes::full(), &targets, 3);
    for (target, outcome) in outcomes {
        let stages = vec![("load", outcome.clone())];
        report.add(Sample { scenario: Scenario::FullTable, target: *target, stages });
    }
    report
}

#[test]
fn ratios_are_of_medians_to_the_best_rival_and_the_relay() {
    let report = report(&[
        (Kind::Peregrine, done(1.0, 1.0)),
        (Kind::Peregrine, done(9.0, 9.0)),
        (Kind::Peregrine, done(2.0, 2.0)),
        (Kind::Bird, done(4.0, 4.0)),
        (Kind::Frr, done(8.0, 5.0)),
        (Kind::Relay, done(0.5, 0.25)),
    ]);
    let text = report.text(3);
    assert!(text.contains("| Peregrine | 2.000 | 0.50 | 2.000 | 0.50 | 8.00 | 10 | 1.00 | 0 |"), "{text}");
    assert!(report.is_sound(&[Kind::Peregrine, Kind::Relay]));
}

#[test]
fn two_shards_are_no_rival_and_compared_with_one() {
    let report = report(&[
        (Kind::Peregrine, done(1.0, 1.0)),
        (Kind::Peregrine2, done(1.04, 1.5)),
        (Kind::Bird, done(2.0, 2.0)),
    ]);
    let text = report.text(3);
    assert!(text.contains("| Peregrine (one run) | 1.000 | 0.50 |"), "{text}");
    assert!(text.contains("| Peregrine, 2 shards (one run) | 1.040 | 0.52 |"), "{text}");
    assert!(text.contains("Two shards take 1.04 times the wall of one."), "{text}");
}

#[test]
fn one_failed_run_among_good_ones_is_a_failure() {
    let failed = Outcome::Failed { why: "not exact".to_owned(), differences: Vec::new() };
    let report = report(&[(Kind::Peregrine, done(1.0, 1.0)), (Kind::Peregrine, failed)]);
    assert!(!report.is_sound(&[Kind::Peregrine]));
    assert!(report.gave_up(Scenario::FullTable, Kind::Peregrine));
    assert!(report.text(3).contains("| Peregrine | failed |"));
    assert!(report.text(3).contains("not exact"));
}

#[test]
fn nothing_measured_is_not_sound() {
    assert!(!report(&[(Kind::Bird, done(1.0, 1.0))]).is_sound(&[Kind::Peregrine]));
}

#[test]
fn too_slow_shows_its_limit() {
    let late = Outcome::TooSlow { limit: 60.0, why: "late".to_owned(), differences: Vec::new() };
    let report = report(&[(Kind::Bird, late)]);
    assert!(report.text(3).contains("| BIRD 2 | > 60 |"));
}

#[test]
fn failures_are_a_list_and_what_was_missing_is_code_in_it() {
    let receiver = |n| format!("receiver {n} must hold 3 routes\n  20.0.0.0/24: no route instead of 1=00");
    let late = |why: &str, differences| Outcome::TooSlow { limit: 30.0, why: why.to_owned(), differences };
    let report = report(&[
        (Kind::Bird, late("late", vec![receiver(1), receiver(2)])),
        (Kind::Frr, late("later\nit died: of *this*", vec![receiver(3)])),
        (Kind::Relay, late("latest", Vec::new())),
    ]);
    let expected = "\
- BIRD 2, full-table, load: late

      receiver 1 must hold 3 routes
        20.0.0.0/24: no route instead of 1=00

- FRR, full-table, load: later

      it died: of *this*
      receiver 3 must hold 3 routes
        20.0.0.0/24: no route instead of 1=00

- relay, unread, full-table, load: latest
";
    let text = report.text(1);
    assert_eq!(text.split_once("\n\n## Not done\n\n").unwrap().1, expected);
    assert!(report.text(3).contains("      receiver 2 must hold"));
}

#[test]
fn a_rival_is_worth_its_time_only_if_it_is_the_best_in_something() {
    let report = report(&[
        (Kind::Peregrine, done(0.1, 0.1)),
        (Kind::Bird, done(4.0, 4.0)),
        (Kind::Frr, Outcome::Done(Measure { peak: 20.0, wall: Some(5.0), cpu: 5.0, ..Measure::default() })),
    ]);
    assert!(report.is_best(Scenario::FullTable, Kind::Bird));
    assert!(!report.is_best(Scenario::FullTable, Kind::Frr));
}

#[test]
fn who_never_began_is_told_in_the_tables_of_the_others() {
    let mut report = report(&[(Kind::Bird, done(1.0, 1.0))]);
    let stages = vec![(ALL, Outcome::GaveUp { why: "gave up at 1000 clients".to_owned() })];
    report.add(Sample { scenario: Scenario::FullTable, target: Kind::Frr, stages });
    assert!(report.never_began(Scenario::FullTable, Kind::Frr));
    assert!(!report.never_began(Scenario::FullTable, Kind::Bird));
    let text = report.text(3);
    assert!(text.contains("| FRR | gave up at 1000 clients |"), "{text}");
    assert!(!text.contains("**all**"), "{text}");
}
