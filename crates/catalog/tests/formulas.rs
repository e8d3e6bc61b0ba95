//! What formulas mean: which parts they look at, and what comes out.

use activity::{Bucket, DimensionIndex, DimensionValue, Grain, MetricIndex, Window};
use catalog::{Cut, Formula, Gauge, Plan};
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeMap;

const CATALOGUE: &str = include_str!("catalogues/formulas.yaml");
const DAY: Bucket = Bucket(20_000);

fn plan() -> Plan {
    catalog::parse(CATALOGUE).unwrap_or_else(|mistakes| panic!("{}", mistakes.render("formulas.yaml", CATALOGUE)))
}

fn formula<'p>(plan: &'p Plan, name: &str) -> &'p Formula {
    plan.formulas.iter().find(|formula| formula.name == name).expect("it is in the catalogue")
}

/// The value of a formula where metrics have these values in units, and any others of them are not kept; and what was looked at.
fn valued(name: &str, slice: Option<u16>, window: Window, units: &[((u16, &str, i32), i128)]) -> Option<f64> {
    let (plan, as_of) = (plan(), DAY);
    let units: BTreeMap<_, _> =
        units.iter().map(|((metric, window, day), units)| ((*metric, window.to_string(), *day), *units)).collect();
    let missed = RefCell::new(Vec::new());
    let look = |metric: MetricIndex, window: Window, as_of: Bucket| {
        let key = (metric.0, window.to_string(), as_of.0 - DAY.0);
        units.get(&key).copied().or_else(|| {
            missed.borrow_mut().push(key);
            None
        })
    };
    let cut = slice.map(|value| Cut { dimension: DimensionIndex(0), value: DimensionValue(value) });
    let value = plan.evaluate(formula(&plan, name), cut, window, as_of, &look);
    assert!(value.is_none() || missed.borrow().is_empty(), "a value without {missed:?}");
    value
}

#[test]
fn windows_are_those_that_all_parts_without_one_of_their_own_have() {
    let plan = plan();
    let windows = |name: &str| formula(&plan, name).windows.clone();
    assert_eq!(windows("paying"), [Window::days(7)]);
    assert_eq!(windows("growth"), [1, 7, 28].map(Window::days), "an offset in days is of windows of days");
    assert_eq!(windows("stickiness"), [Window::days(28)], "the longest is the label");
    let all = plan.gauges().map(Gauge::name).collect::<Vec<_>>();
    let formulas = ["growth", "stickiness", "paying", "percent", "of_each"];
    assert_eq!(all, [&["users", "accounts", "payers", "revenue"][..], &formulas].concat(), "metrics, then formulas");
}

#[test]
fn a_part_has_the_window_that_is_shown_or_its_own() {
    let week = Window::days(7);
    assert_eq!(valued("paying", None, week, &[((2, "7d", 0), 1), ((1, "7d", 0), 3)]), Some(1.0 / 3.0));
    let users = [((0, "1d", 0), 7), ((0, "28d", 0), 14)];
    assert_eq!(valued("stickiness", None, Window::days(28), &users), Some(0.5));
}

#[test]
fn an_offset_is_so_many_buckets_before() {
    let users = [((0, "7d", 0), 150), ((0, "7d", -7), 120)];
    assert_eq!(valued("growth", None, Window::days(7), &users), Some(25.0));
    assert_eq!(valued("growth", None, Window::days(7), &users[..1]), None, "a week before is not kept");
}

#[test]
fn formulas_of_formulas_and_slices_take_the_parts_slices_of_the_same_value() {
    let plan = plan();
    // Value 2 is `team`.
    let series = |metric: usize| plan.metrics[metric].by[0].slice(DimensionValue(2)).0;
    let units = [((series(2), "7d", 0), 3), ((series(1), "7d", 0), 4)];
    assert_eq!(valued("paying", Some(2), Window::days(7), &units), Some(0.75));
    assert_eq!(valued("percent", Some(2), Window::days(7), &units), Some(75.0));
    let cuts = plan.cuts(Gauge::Formula(formula(&plan, "paying")), DimensionIndex(0));
    assert_eq!(cuts.iter().map(|cut| cut.value).collect::<Vec<_>>(), [0, 1, 2, 3].map(DimensionValue));
}

#[test]
fn sums_are_divided_with_their_decimals() {
    let units = [((3, "7d", 0), 1_000), ((2, "7d", 0), 3)];
    assert_eq!(valued("of_each", None, Window::days(7), &units), Some(10.0 / 3.0));
}

#[test]
fn nothing_over_nothing_is_no_value() {
    let week = Window::days(7);
    assert_eq!(valued("paying", None, week, &[((2, "7d", 0), 0), ((1, "7d", 0), 0)]), None);
    assert_eq!(valued("percent", None, week, &[((2, "7d", 0), 1), ((1, "7d", 0), 0)]), None);
    let nobody = valued("paying", None, week, &[((2, "7d", 0), 0), ((1, "7d", 0), -5)]);
    assert!(nobody.is_some_and(|value| value == 0.0 && value.is_sign_positive()), "{nobody:?}");
}

/// A declaration that makes several metrics makes names for each; of one with a mistake no more is said.
#[test]
fn what_a_type_makes_of_a_declaration_can_be_named() {
    let growth =
        "  flow: { type: growth, measure: { agg: count_distinct, entity: user, events: any }, windows: [7d] }\n";
    let quick = "  quick_ratio: { type: derived, expr: (flow_new + flow_resurrected) / flow_lapsed }\n";
    let plan = catalog::parse(&format!("{CATALOGUE}{quick}{growth}")).unwrap();
    let quick_ratio = formula(&plan, "quick_ratio");
    assert_eq!(plan.parts(quick_ratio).collect::<Vec<_>>(), ["flow_new", "flow_resurrected", "flow_lapsed"]);
    assert_eq!(quick_ratio.windows, [Window::days(7)]);
    let wrong = format!("{CATALOGUE}{quick}{}", growth.replace("entity: user", "entity: usr"));
    assert_eq!(catalog::parse(&wrong).unwrap_err().0.len(), 1);
    let taken = format!("{CATALOGUE}{growth}  flow_new: {{ type: ratio, numerator: users, denominator: accounts }}\n");
    assert!(catalog::parse(&taken).unwrap_err().to_string().contains("two metrics are called `flow_new`"));
}

/// However they are written, formulas are no state: they may come, go and change under what is stored.
#[test]
fn formulas_are_no_part_of_the_version() {
    let mut text = String::new();
    let mut is_formula = false;
    for line in CATALOGUE.lines() {
        if line.starts_with("  ") && !line.starts_with("    ") {
            is_formula =
                ["growth", "stickiness", "paying", "percent", "of_each"].iter().any(|name| line.contains(name));
        }
        if !is_formula {
            text += &format!("{line}\n");
        }
    }
    let without = catalog::parse(&text).unwrap();
    assert!(without.formulas.is_empty() && without.metrics == plan().metrics && without.slices == plan().slices);
    assert_eq!(without.version, plan().version);
}

/// Nested as much as it can be, a formula is read and worked out at once; more is a mistake.
#[test]
fn depth_and_width_of_formulas_are_bounded() {
    let chain = |count: usize, expr: &str| {
        let chain = (1..=count).map(|at| {
            let expr = expr.replace('x', &format!("f{}", at - 1)).replace("f0", "users");
            format!("  f{at}: {{ type: derived, expr: {expr} }}\n")
        });
        // The last first: the order means nothing.
        let chain: Vec<String> = chain.collect();
        format!("{CATALOGUE}{}", chain.into_iter().rev().collect::<String>())
    };
    let last = |count: usize, expr: &str| {
        let text = chain(count, expr);
        let plan = catalog::parse(&text).map_err(|mistakes| mistakes.to_string())?;
        let last = plan.formulas.iter().find(|formula| formula.name == format!("f{count}")).unwrap();
        Ok::<_, String>(plan.evaluate(last, None, Window::trailing(Grain::Hour, 24), DAY, &|_, _, _| Some(1)))
    };
    assert_eq!(last(255, "x + 1"), Ok(Some(256.0)));
    assert!(last(256, "x + 1").unwrap_err().contains("`f256` looks at 257 values"));
    assert_eq!(last(255, "x + x"), Ok(Some(2_f64.powi(255))), "what is named twice is looked at once");
    assert!(last(8, "x + twice + 0").is_err(), "there is no `twice`");
    assert!(last(900, "x + 1").unwrap_err().contains("`f256` looks at 257 values"));
}

/// A sum over one name must not count twice, whatever has the name.
#[test]
fn formulas_and_metrics_share_their_names() {
    let told = |formula: &str| catalog::parse(&format!("{CATALOGUE}{formula}")).unwrap_err().to_string();
    let clash = told("  payers_by_plan: { type: ratio, numerator: payers, denominator: accounts }\n");
    assert!(clash.contains("`payers_by_plan` is what the slices of `payers` by `plan` are called"), "{clash}");
    let clash = told("  paying_by_plan: { type: ratio, numerator: payers, denominator: accounts }\n");
    assert!(clash.contains("`paying_by_plan` is what the slices of `paying` by `plan` are called"), "{clash}");
    assert!(told("  users: { type: ratio, numerator: payers, denominator: accounts }\n").contains("defined twice"));
}

/// An expression as a tree.
#[derive(Clone, Debug)]
enum Tree {
    Number(u32),
    /// One of the metrics, by its index.
    Metric(u16),
    Less(Box<Tree>),
    Of(Box<Tree>, char, Box<Tree>),
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![(0_u32..4).prop_map(Tree::Number), (0_u16..4).prop_map(Tree::Metric)];
    leaf.prop_recursive(6, 32, 2, |inner| {
        let sign = prop_oneof![Just('+'), Just('-'), Just('*'), Just('/')];
        prop_oneof![
            inner.clone().prop_map(|of| Tree::Less(Box::new(of))),
            (inner.clone(), sign, inner).prop_map(|(one, sign, two)| Tree::Of(Box::new(one), sign, Box::new(two))),
        ]
    })
}

impl Tree {
    /// With no more brackets than are needed, and how tightly it holds together.
    fn written(&self, names: &[String]) -> (String, u8) {
        let within = |tree: &Tree, least: u8| match tree.written(names) {
            (text, tight) if tight >= least => text,
            (text, _) => format!("({text})"),
        };
        match self {
            Tree::Number(value) => (value.to_string(), 4),
            Tree::Metric(index) => (names[usize::from(*index)].clone(), 4),
            Tree::Less(of) => (format!("-{}", within(of, 3)), 3),
            Tree::Of(one, sign, two) => {
                let tight = if "+-".contains(*sign) { 1 } else { 2 };
                (format!("{} {sign} {}", within(one, tight), within(two, tight + 1)), tight)
            }
        }
    }

    fn value(&self, of: &[f64]) -> Option<f64> {
        let value = match self {
            Tree::Number(value) => f64::from(*value),
            Tree::Metric(index) => of[usize::from(*index)],
            Tree::Less(tree) => -tree.value(of)?,
            Tree::Of(one, sign, two) => match (one.value(of)?, sign, two.value(of)?) {
                (one, '+', two) => one + two,
                (one, '-', two) => one - two,
                (one, '*', two) => one * two,
                (_, _, 0.0) => return None,
                (one, _, two) => one / two,
            },
        };
        value.is_finite().then_some(value)
    }
}

proptest! {
    /// A tree that is written down, read again and worked out in steps is what it is by itself.
    #[test]
    fn expression_means_what_its_tree_means(tree in trees(), units in prop::array::uniform4(-3_i32..4)) {
        let names: Vec<String> = plan().metrics.iter().map(|metric| metric.name.clone()).collect();
        // Something has to be named, over a window that all have.
        let text = format!("{} + 0 * payers", tree.written(&names).0);
        let plan = catalog::parse(&format!("{CATALOGUE}  tree: {{ type: derived, expr: \"{text}\", windows: 7d }}\n")).unwrap();
        let look = |metric: MetricIndex, _, _| Some(i128::from(units[usize::from(metric.0)]) * if metric.0 == 3 { 100 } else { 1 });
        let told = plan.evaluate(formula(&plan, "tree"), None, Window::days(7), DAY, &look);
        let expected = tree.value(&units.map(f64::from));
        prop_assert_eq!(told, expected.map(|value| value + 0.0), "{}", text);
    }

    /// Whatever stands there, it is read or it is a mistake in its line.
    #[test]
    fn any_text_is_an_expression_or_a_mistake(text in "[a-z0-9_ +*/().%é-]{0,60}") {
        let whole = format!("{CATALOGUE}  text: {{ type: derived, expr: \"{text}\", windows: 7d }}\n");
        let last = whole.lines().count();
        if let Err(mistakes) = catalog::parse(&whole) {
            prop_assert!(mistakes.0.iter().all(|mistake| mistake.line() == last), "{}", mistakes);
        }
    }
}
