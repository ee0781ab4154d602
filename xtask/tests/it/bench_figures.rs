//! The figures of the benchmark: what they are made from, what they are held against, how they are shown.

use xtask::{Line, Options, Part, Plan, Table, Work, judge, line_through, median, percentile};

fn parse(line: &str) -> Result<Options, String> {
    let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    Options::parse(&args).map_err(|error| error.to_string())
}

#[test]
fn a_line_is_found_again_in_its_points() {
    let points: Vec<(f64, f64)> = [0.0, 1.0, 10.0, 50.0, 200.0].iter().map(|x| (*x, 7.0 + 2.5 * x)).collect();
    let Line { intercept, slope } = line_through(&points).unwrap();
    assert!((intercept - 7.0).abs() < 1e-9 && (slope - 2.5).abs() < 1e-9, "{intercept} {slope}");
}

#[test]
fn points_in_one_place_have_no_line() {
    for points in [vec![], vec![(1.0, 2.0)], vec![(1.0, 2.0), (1.0, 3.0)]] {
        assert_eq!(line_through(&points), None);
    }
}

#[test]
fn medians_and_percentiles_are_of_the_sorted_values() {
    assert_eq!(
        (median(&[]), median(&[3.0]), median(&[3.0, 1.0]), median(&[9.0, 1.0, 2.0])),
        (0.0, 3.0, 2.0, 2.0)
    );
    let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
    assert_eq!(
        (percentile(&hundred, 0.99), percentile(&hundred, 1.0), percentile(&hundred, 0.0)),
        (99.0, 100.0, 1.0)
    );
    assert_eq!(percentile(&[], 0.5), 0.0);
}

#[test]
fn a_target_is_met_up_to_its_bound() {
    let what = "wall time of a step";
    assert!(judge(what, 6.5).unwrap().met);
    assert!(!judge(what, 6.51).unwrap().met);
    // A slope that could not be told is no success.
    assert!(!judge(what, f64::INFINITY).unwrap().met);
    assert!(!judge(what, f64::NAN).unwrap().met);
    assert_eq!(judge("colour", 1.0), None);
}

#[test]
fn a_plan_survives_its_path() {
    for work in [Work::True, Work::TwoKilobytes, Work::Sleep, Work::StubbornSleep, Work::Deltas] {
        let plan = Plan { run: "everturn-true-0".to_owned(), work, calls: 200 };
        assert_eq!(Plan::of_path(&format!("{}/responses", plan.path())), Some(plan));
    }
    for path in
        ["", "/bench/r/true/1/v1/models", "/bench/r/true/1/2/v1/responses", "/bench/r/true/-1/v1/responses"]
    {
        assert_eq!(Plan::of_path(path), None, "{path}");
    }
}

#[test]
fn options_are_read() {
    assert_eq!(parse("").unwrap(), Options::default());
    let options = parse(
        "--repeats 3 --calls 10,1,10 --peer-bin codex --before old --out x.json --check --only delta,steps",
    )
    .unwrap();
    assert_eq!((options.repeats, options.calls.as_slice(), options.check), (3, &[1, 10][..], true));
    assert!(options.peer.is_some() && options.before.is_some() && options.out.is_some());
    assert!(options.wants(Part::Delta) && !options.wants(Part::Length));
}

#[test]
fn options_that_make_no_sense_are_explained() {
    for (line, why) in [
        ("--repeat 3", "there is no option --repeat"),
        ("--repeats", "--repeats needs a value"),
        ("--repeats many", "not `many`"),
        ("--calls 5", "two different numbers"),
        ("--peer claude", "it can be codex"),
        ("--only speed", "it can be steps, length, delta, interrupt"),
    ] {
        let error = parse(line).unwrap_err();
        assert!(error.contains(why) && error.contains("usage: cargo xtask bench local"), "{line}: {error}");
    }
}

#[test]
fn tables_are_markdown_with_figures_to_the_right() {
    let mut table = Table::new(["program", "ms"]);
    table.row(["everturn", "2.50"]);
    table.row(["×", "10.0"]);
    let expected = "\
| program  |   ms |
| -------- |-----:|
| everturn | 2.50 |
| ×        | 10.0 |
";
    assert_eq!(table.to_string(), expected);
}
