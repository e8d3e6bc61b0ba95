use super::*;
use proptest::prelude::*;

#[test]
fn quotient_is_what_one_division_of_doubles_gives_where_both_are_exact() {
    let cases = [(1, 3), (2, 3), (-1, 3), (1, -3), (0, 5), (7, 7), (1, 1_000_000_007), (9_007_199_254_740_991, 10)];
    for (above, below) in cases {
        #[expect(clippy::cast_precision_loss, reason = "they are exact")]
        let expected = f64::from_bits((above as f64 / below as f64).to_bits());
        assert_eq!(quotient(above, below) + 0.0, expected + 0.0, "{above} over {below}");
    }
    // Of more digits than a double has.
    assert_eq!(quotient(i128::MAX, i128::MAX), 1.0);
    assert_eq!(quotient(i128::MIN, 1), -(2_f64.powi(127)));
    assert_eq!(quotient(1, i128::MIN), -(2_f64.powi(-127)));
    assert_eq!(quotient((1 << 53) + 1, 1), 2_f64.powi(53), "as near to two doubles: the even one");
    assert_eq!(quotient((1 << 53) + 3, 1), 2_f64.powi(53) + 4.0);
}

proptest! {
    /// The decimals of the quotient, many more than a double has, read as a double: the standard library rounds them right.
    #[test]
    fn quotient_is_rounded_once(above in any::<i128>(), below in any::<i128>(), shift in 0_u32..127, other in 0_u32..127) {
        let (above, below) = (above >> shift, below >> other);
        prop_assume!(below != 0 && above != 0);
        let (mut rest, by) = (above.unsigned_abs() % below.unsigned_abs(), below.unsigned_abs());
        let mut digits = format!("{}.", above.unsigned_abs() / by);
        for _ in 0..400 {
            // Ten times the rest, without more than 128 bits: as five times two.
            let mut digit = 0_u8;
            let mut ten = 0_u128;
            for _ in 0..10 {
                // `ten + rest` is below twice `by`, which is at most 2^127.
                ten += rest;
                if ten >= by {
                    (ten, digit) = (ten - by, digit + 1);
                }
            }
            digits.push(char::from(b'0' + digit));
            rest = ten;
        }
        let expected: f64 = digits.parse().unwrap();
        let sign = if (above < 0) == (below < 0) { 1.0 } else { -1.0 };
        prop_assert_eq!(quotient(above, below), sign * expected);
    }
}

#[test]
fn ratio_of_amounts_is_of_the_same_decimals() {
    let exact = Amount::Exact;
    assert_eq!(ratio(exact(1, 0), exact(300, 2)), Some(1.0 / 3.0), "1 over 3.00");
    assert_eq!(ratio(exact(1250, 2), exact(5, 1)), Some(25.0), "12.50 over 0.5");
    assert_eq!(ratio(exact(1, 0), exact(0, 3)), None);
    assert_eq!(ratio(exact(0, 0), exact(0, 0)), None);
    assert_eq!(ratio(Amount::Rounded(0.5), exact(20, 1)), Some(0.25));
    assert_eq!(ratio(Amount::Rounded(0.5), Amount::Rounded(0.0)), None);
    let unscaled = ratio(exact(i128::MAX, 0), exact(i128::MAX, 9)).unwrap();
    assert!((unscaled - 1e9).abs() < 1e-6, "nearly, where they cannot be scaled: {unscaled}");
}

#[test]
fn expression_has_no_value_if_something_in_it_has_none() {
    use Step::*;
    let of = |steps: &[Step], terms: &[f64]| worked_out(steps, terms);
    assert_eq!(of(&[Number(100.0), Term(0), Term(1), Subtract, Multiply, Term(1), Divide], &[3.0, 2.0]), Some(50.0));
    assert_eq!(of(&[Term(0), Negate, Number(2.5), Add], &[1.0]), Some(1.5));
    assert_eq!(of(&[Term(0), Term(1), Divide], &[1.0, 0.0]), None);
    assert_eq!(of(&[Term(0), Term(1), Divide], &[0.0, -0.0]), None);
    // One over what is beyond all numbers is not 0.
    assert_eq!(of(&[Number(1.0), Term(0), Term(0), Multiply, Divide], &[1e200]), None);
}
