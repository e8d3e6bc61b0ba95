//! Expressions: `100 * (now - before) / before`, to steps in postfix notation. A small Pratt parser.
//!
//! Invariant: steps that are given find their operands, and leave one number. Neither parsing nor working them out can be made
//! to overflow the stack: brackets and signs are nested to a bound, and so long is an expression at most.

use crate::formula::Step;

/// How many characters an expression has at most.
const LONGEST: usize = 1_000;
/// How deep brackets and signs are nested at most.
const DEEPEST: usize = 32;
const OPERAND: &str = "a number, a name or `(`";

/// An expression that was understood.
#[derive(Debug, PartialEq)]
pub(super) struct Expression<'t> {
    pub(super) steps: Vec<Step>,
    /// The names in it, each once, with the character at which it first stands; [`Step::Term`] is a place in this list.
    pub(super) names: Vec<(&'t str, usize)>,
}

/// What is wrong with an expression, and where: from which character on, from 0, and how many.
#[derive(Debug, PartialEq)]
pub(super) struct Wrong {
    pub(super) at: usize,
    pub(super) width: usize,
    pub(super) what: String,
    pub(super) help: String,
}

/// A number, a name, or a sign, and at which character it begins.
#[derive(Clone, Copy)]
struct Token<'t> {
    text: &'t str,
    at: usize,
}

struct Parser<'t> {
    tokens: Vec<Token<'t>>,
    /// The next token.
    next: usize,
    /// Where the expression ends.
    end: usize,
    made: Expression<'t>,
}

/// Understands an expression.
pub(super) fn parse(text: &str) -> Result<Expression<'_>, Wrong> {
    let end = text.chars().count();
    if end > LONGEST {
        let what = format!("an expression of {end} characters is too long");
        let help = format!("write at most {LONGEST}; parts of it can be metrics of their own");
        return Err(Wrong { at: 0, width: end, what, help });
    }
    let made = Expression { steps: Vec::new(), names: Vec::new() };
    let mut parser = Parser { tokens: tokens(text)?, next: 0, end, made };
    parser.expression(0, 0)?;
    match parser.peek() {
        None => Ok(parser.made),
        Some(_) => Err(parser.expected("`+`, `-`, `*`, `/` or the end")),
    }
}

fn is_of_a_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.'
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, Wrong> {
    let (mut tokens, mut rest, mut at) = (Vec::new(), text, 0);
    while let Some(first) = rest.chars().next() {
        let width = match first {
            _ if is_of_a_word(first) => rest.find(|c| !is_of_a_word(c)).unwrap_or(rest.len()),
            _ if first.is_whitespace() || "+-*/()".contains(first) => first.len_utf8(),
            _ => {
                let what = format!("`{first}` at character {} means nothing in an expression", at + 1);
                let help = "write numbers, names, `+`, `-`, `*`, `/` and brackets".to_owned();
                return Err(Wrong { at, width: 1, what, help });
            }
        };
        let (token, behind) = rest.split_at(width);
        if !first.is_whitespace() {
            tokens.push(Token { text: token, at });
        }
        (rest, at) = (behind, at + token.chars().count());
    }
    Ok(tokens)
}

/// How tightly an operator binds its operands, and what it does.
fn operator(token: &str) -> Option<(u8, Step)> {
    match token {
        "+" => Some((1, Step::Add)),
        "-" => Some((1, Step::Subtract)),
        "*" => Some((2, Step::Multiply)),
        "/" => Some((2, Step::Divide)),
        _ => None,
    }
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<Token<'t>> {
        self.tokens.get(self.next).copied()
    }

    /// Operands and the operators between them that bind at least so tightly.
    fn expression(&mut self, tightly: u8, depth: usize) -> Result<(), Wrong> {
        self.operand(depth)?;
        while let Some((binds, step)) = self.peek().and_then(|token| operator(token.text)) {
            if binds < tightly {
                break;
            }
            self.next += 1;
            // Of operators that bind as tightly the first is the first.
            self.expression(binds + 1, depth)?;
            self.made.steps.push(step);
        }
        Ok(())
    }

    fn operand(&mut self, depth: usize) -> Result<(), Wrong> {
        let Some(token @ Token { text, at }) = self.peek() else { return Err(self.expected(OPERAND)) };
        if depth > DEEPEST {
            let what = format!("brackets and signs are nested more than {DEEPEST} deep at character {}", at + 1);
            return Err(Wrong { at, width: 1, what, help: "write a part of it as a metric of its own".to_owned() });
        }
        match text {
            "(" => {
                self.next += 1;
                self.expression(0, depth + 1)?;
                match self.peek() {
                    Some(Token { text: ")", .. }) => self.next += 1,
                    Some(_) => return Err(self.expected("`+`, `-`, `*`, `/` or `)`")),
                    None => {
                        let what = format!("the `(` at character {} is not closed", at + 1);
                        return Err(Wrong { at, width: 1, what, help: "write a `)`".to_owned() });
                    }
                }
            }
            "-" => {
                self.next += 1;
                self.operand(depth + 1)?;
                self.made.steps.push(Step::Negate);
            }
            ")" | "+" | "*" | "/" => return Err(self.expected(OPERAND)),
            _ => {
                let step = if text.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
                    Step::Number(number(token)?)
                } else {
                    Step::Term(self.term(token))
                };
                self.made.steps.push(step);
                self.next += 1;
            }
        }
        Ok(())
    }

    /// The place of a name.
    fn term(&mut self, Token { text, at }: Token<'t>) -> usize {
        let names = &mut self.made.names;
        names.iter().position(|(name, _)| *name == text).unwrap_or_else(|| {
            names.push((text, at));
            names.len() - 1
        })
    }

    /// Something else stands at the next token, or nothing.
    fn expected(&self, what: &str) -> Wrong {
        let before = self.next.checked_sub(1).map(|before| self.tokens[before].text);
        let after = before.map_or_else(|| "at the beginning".to_owned(), |before| format!("after `{before}`"));
        let (at, width, found) = match self.peek() {
            Some(Token { text, at }) => {
                (at, text.chars().count(), format!("there is `{text}` at character {}", at + 1))
            }
            None => (self.end.saturating_sub(1), 1, format!("it ends at character {}", self.end)),
        };
        let help = "an expression is made as in `100 * (now - before) / before`".to_owned();
        Wrong { at, width, what: format!("expected {what} {after}, but {found}"), help }
    }
}

/// Digits, and perhaps a point and digits.
fn number(Token { text, at }: Token<'_>) -> Result<f64, Wrong> {
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_one = match text.split_once('.') {
        None => are_digits(text),
        Some((whole, decimals)) => are_digits(whole) && are_digits(decimals),
    };
    let value = text.parse().ok().filter(|value: &f64| is_one && value.is_finite());
    value.ok_or_else(|| Wrong {
        at,
        width: text.chars().count(),
        what: format!("`{text}` at character {} is neither a number nor a name", at + 1),
        help: "a number is digits, as in `100` or `0.5`; a name begins with a letter".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Step::{Add, Divide, Multiply, Negate, Number, Subtract, Term};

    #[test]
    fn operators_bind_as_they_do_on_paper() {
        let steps = |text| parse(text).unwrap().steps;
        assert_eq!(steps("a + b * 2"), [Term(0), Term(1), Number(2.0), Multiply, Add]);
        assert_eq!(steps("(a + b) * 2"), [Term(0), Term(1), Add, Number(2.0), Multiply]);
        assert_eq!(steps("a - b - a"), [Term(0), Term(1), Subtract, Term(0), Subtract]);
        assert_eq!(steps("a / b / 0.5"), [Term(0), Term(1), Divide, Number(0.5), Divide]);
        assert_eq!(steps("-a*b"), [Term(0), Negate, Term(1), Multiply]);
        assert_eq!(steps("a--b"), [Term(0), Term(1), Negate, Subtract]);
        assert_eq!(parse("b / (a + b)").unwrap().names, [("b", 0), ("a", 5)]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let wrong = |text| {
            let Wrong { at, width, what, .. } = parse(text).unwrap_err();
            (at, width, what)
        };
        let told = |at, width, what: &str| (at, width, what.to_owned());
        let operand = "expected a number, a name or `(`";
        assert_eq!(wrong("100 * )"), told(6, 1, &format!("{operand} after `*`, but there is `)` at character 7")));
        assert_eq!(wrong("a *"), told(2, 1, &format!("{operand} after `*`, but it ends at character 3")));
        assert_eq!(wrong("/ b"), told(0, 1, &format!("{operand} at the beginning, but there is `/` at character 1")));
        let behind = "expected `+`, `-`, `*`, `/` or the end after `a`, but there is `bc` at character 3";
        assert_eq!(wrong("a bc"), told(2, 2, behind));
        let inside = "expected `+`, `-`, `*`, `/` or `)` after `a`, but there is `b` at character 4";
        assert_eq!(wrong("(a b"), told(3, 1, inside));
        assert_eq!(wrong("a + (b"), told(4, 1, "the `(` at character 5 is not closed"));
        assert_eq!(wrong("é + a"), told(0, 1, "`é` at character 1 means nothing in an expression"));
        assert_eq!(wrong("a + 2b"), told(4, 2, "`2b` at character 5 is neither a number nor a name"));
        assert!(parse("1.").is_err() && parse(".5").is_err() && parse("1e3").is_err() && parse("").is_err());
        assert!(parse(&"9".repeat(400)).is_err(), "it is no finite number");
    }

    #[test]
    fn length_and_depth_are_bounded() {
        let nested = |depth| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
        assert!(parse(&nested(DEEPEST)).is_ok() && parse(&nested(DEEPEST + 1)).is_err());
        assert!(parse(&format!("{}a", "-".repeat(DEEPEST + 1))).is_err());
        let long = vec!["a"; LONGEST / 2].join("+");
        assert!(parse(&long).is_ok() && parse(&format!("{long}+a+a")).is_err());
    }
}
