use proptest::prelude::*;

use super::parse;

/// The canonical form of the filter in `query`, with the type of its root, or the error.
fn filter(query: &str) -> String {
    match parse(query) {
        Ok(statement) => {
            let filter = statement.filter.expect("the query has a filter");
            format!("{filter} | {}", filter.type_name())
        }
        Err(error) => error,
    }
}

#[test]
fn operators_bind_as_in_mysql() {
    for (query, root) in [
        ("a = 1 or b = 2 and c = 3", "*sqlparser.OrExpr"),
        ("not a = 1 and b = 2", "*sqlparser.AndExpr"),
        ("not a is null", "*sqlparser.NotExpr"),
        ("a = 1 and b is null", "*sqlparser.AndExpr"),
        ("a = 1 is null", "*sqlparser.IsExpr"),
        ("a between 1 and 2 and b", "*sqlparser.AndExpr"),
        ("(a = 1)", "*sqlparser.ParenExpr"),
        ("(1, 2)", "sqlparser.ValTuple"),
        ("-a + b", "*sqlparser.BinaryExpr"),
        ("-5", "*sqlparser.SQLVal"),
    ] {
        assert_eq!(filter(query), format!("{query} | {root}"));
    }
}

#[test]
fn queries_are_written_in_one_way() {
    let canonical = |query| filter(query).split_once(" | ").expect("it is a filter").0.to_owned();
    assert_eq!(canonical("a <> 'x' AND b NOT RLIKE \"y\""), "a != 'x' and b not regexp 'y'");
    assert_eq!(canonical("`a` = 1 || `my name` = - -5"), "a = 1 or `my name` = 5");
    assert_eq!(canonical("Status = !!x && a MOD 2"), "`status` = ! !x and a % 2");
    assert_eq!(canonical("a = 'it''s \\\"\\n'"), r#"a = 'it\'s \"\n'"#);
    assert_eq!(canonical("a = count(DISTINCT b.*, 1 x) -- more"), "a = count(distinct b.*, 1)");
}

#[test]
fn an_error_names_the_first_token_that_does_not_fit() {
    for (query, error) in [
        ("a =", "syntax error at position 31"),
        ("a = 'x' b", "syntax error at position 37 near 'b'"),
        ("a NOT = 1", "syntax error at position 35"),
        ("a IN 'x'", "syntax error at position 36 near 'x'"),
        ("a IN ()", "syntax error at position 35"),
        ("SELECT * FROM x", "syntax error at position 34 near 'select'"),
        ("a = 'open", "syntax error at position 37 near 'open'"),
        ("a = 1 ; b", "syntax error at position 37 near 'b'"),
        ("a is b", "syntax error at position 34 near 'b'"),
        ("group  by a", "syntax error at position 33 near 'group'"),
    ] {
        assert_eq!(filter(query), error, "{query}");
    }
}

#[test]
fn nesting_and_height_are_limited() {
    let nested = |depth: usize| format!("{}5{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(199)).is_ok());
    assert_eq!(filter(&nested(200)), "max nesting level reached at position 228");

    let chain = |length: usize| vec!["a = 1"; length].join(" and ");
    assert!(parse(&chain(995)).is_ok());
    assert_eq!(filter(&chain(996)), "max ast depth reached");
    assert_eq!(filter(&format!("{} and", chain(100_000))), "syntax error at position 1000027");
}

#[test]
fn only_the_filter_may_be_missing() {
    let statement = parse("group by a, b order by c desc limit 3").unwrap();
    assert!(statement.filter.is_none());
    assert_eq!((statement.group_by.len(), statement.order_by.len(), statement.has_limit), (2, 1, true));
    assert!(parse("  ").unwrap().filter.is_none());
}

proptest! {
    #[test]
    fn no_text_is_too_odd_to_parse(words in proptest::collection::vec(
        prop_oneof![
            "[a-zA-Z'\"`0-9.,()=<>!*/ -]{1,4}",
            proptest::sample::select(vec![
                "a", "=", "and", "not", "in", "(", ")", "'x'", "5", "between", "is", "null", "case", "when", "then",
                "end", "-", "select", "group by", "order by", "exists", ",",
            ]).prop_map(str::to_owned),
        ],
        0..30,
    )) {
        let query = words.join(" ");
        if let Ok(statement) = parse(&query) {
            for expression in statement.filter.iter().chain(&statement.group_by) {
                // What a parsed expression is written as means the same again.
                let written = expression.to_string();
                if let Some(again) = parse(&written).ok().and_then(|statement| statement.filter) {
                    prop_assert_eq!(again.to_string(), written);
                }
            }
        }
    }
}
