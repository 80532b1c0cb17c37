use std::fmt::Write as _;

use super::Query;
use crate::cluster::visibility::{
    example::{closed_run, open_run, registry},
    record::Record,
};

fn check(record: &Record, query: &str, expected: bool) {
    let parsed = Query::parse(query, &registry()).unwrap_or_else(|error| panic!("{query}: {error:?}"));
    assert_eq!(parsed.filter.matches(record), expected, "{query}");
}

#[test]
fn properties_of_a_run() {
    for query in [
        "",
        "WorkflowId = 'order-17' AND RunId = 'the-run'",
        "WorkflowType IN ('Other', 'Order')",
        "WorkflowId STARTS_WITH 'ORDER-'",
        "WorkflowId NOT STARTS_WITH 'invoice'",
        "TaskQueue >= 'order' AND TaskQueue BETWEEN 'o' AND 'p'",
        "ExecutionStatus = 'Completed'",
        "ExecutionStatus = 2",
        "ExecutionStatus != 'WORKFLOW_EXECUTION_STATUS_RUNNING'",
        "StartTime = '2023-11-14T22:13:20Z'",
        "StartTime = '2023-11-15T00:13:20.000+02:00'",
        "StartTime < '2023-11-14T22:13:20.000001Z'",
        "StartTime = 1700000000000000000",
        "ExecutionDuration = '1h'",
        "ExecutionDuration > '00:59:59' AND ExecutionDuration < 3600000000001",
        "HistoryLength BETWEEN 11 AND 12",
        "ParentWorkflowId IS NULL",
        "RootWorkflowId = 'order-17'",
        "ScheduleId = 'order-17'",
    ] {
        check(&closed_run(&[]), query, true);
    }
    for query in ["CloseTime IS NULL", "HistoryLength IS NULL", "NOT ExecutionStatus = 'Completed'"] {
        check(&open_run(), query, true);
        check(&closed_run(&[]), query, false);
    }
}

#[test]
fn a_comparison_with_nothing_is_neither_true_nor_false() {
    for query in ["MyInt = 7", "MyInt != 7", "NOT MyInt = 7", "MyInt NOT IN (7)", "MyInt NOT BETWEEN 1 AND 2"]
    {
        check(&closed_run(&[]), query, false);
    }
    check(&closed_run(&[]), "MyInt = 7 OR MyInt IS NULL", true);
    check(&closed_run(&[]), "NOT (MyInt = 7 AND WorkflowId = 'x')", true);
    // Full text contains something or it does not.
    check(&closed_run(&[]), "MyText != 'word' AND MyList NOT IN ('a')", true);
}

#[test]
fn values_of_every_type() {
    let record = closed_run(&[
        ("MyKeyword", "\"Key\""),
        ("MyText", "\"Some-words, here\""),
        ("MyInt", "7"),
        ("MyDouble", "1.5"),
        ("MyBool", "true"),
        ("MyDatetime", "\"2024-05-06T07:08:09Z\""),
        ("MyList", "[\"One\", \"two three\"]"),
    ]);
    for query in [
        "MyKeyword = 'Key' AND MyKeyword != 'key' AND MyKeyword > 'A'",
        "MyText = 'words' AND MyText = 'nothing HERE' AND MyText = 'words-here'",
        "MyText != 'word' AND MyText != 'here-some'",
        "MyInt = 7.0 AND MyInt < 7.5 AND MyInt IN (6, 7) AND MyInt > -7",
        "MyDouble BETWEEN 1 AND 2 AND MyDouble != 1",
        "MyBool = true AND MyBool != FALSE AND MyBool > false",
        "MyDatetime > '2024-05-06T07:08:08.9Z' AND MyDatetime < '2024-05-06T07:08:09.1Z'",
        "MyList = 'one' AND MyList IN ('x', 'TWO three') AND MyList != 'two'",
        "MyList IS NOT NULL AND BuildIds IS NULL",
        "Keyword01 = 'Key'",
    ] {
        check(&record, query, true);
    }
    // A time of whole seconds is kept with its milliseconds and compared as text.
    check(&record, "MyDatetime = '2024-05-06T07:08:09Z'", false);
    check(&record, "MyDatetime >= '2024-05-06T07:08:09Z'", true);
}

#[test]
fn runs_of_the_server_are_hidden() {
    let record = closed_run(&[("TemporalNamespaceDivision", "\"Part\"")]);
    check(&record, "", false);
    check(&record, "WorkflowId = 'order-17'", false);
    check(&record, "TemporalNamespaceDivision = 'Part'", true);
    check(&record, "WorkflowId = 'x' OR TemporalNamespaceDivision IS NOT NULL", true);
}

#[test]
fn wrong_queries() {
    let queries = [
        "nonsense",
        "MyInt = 'x'",
        "MyInt = true",
        "MyKeyword = 1234567.5",
        "ExecutionStatus = 'running'",
        "ExecutionStatus = 99",
        "ExecutionDuration > 'long'",
        "StartTime > 'yesterday'",
        "MyText = ' '",
        "MyText STARTS_WITH 'a'",
        "MyKeyword LIKE 'a%'",
        "MyBool BETWEEN true AND true",
        "MyInt IS TRUE",
        "MyInt = -(5)",
        "MyInt = 1 + 2",
        "MyInt = MyDouble",
        "MyInt = 0x1F",
        "count(x) = 1",
        "ExecutionStatus STARTS_WITH 'Running'",
        "MyKeyword = 'x' LIMIT 3",
        "MyKeyword = 'x' ORDER BY StartTime",
        "GROUP BY MyKeyword",
        "GROUP BY ExecutionStatus, RunId",
        "MyKeyword = ('a', 'b')",
        "MyText = 'a\"b'",
        "BatcherNamespace = 'x'",
    ];
    let mut answers = String::new();
    for query in queries {
        let error = Query::parse(query, &registry()).expect_err(query).answer("ListWorkflowExecutions");
        let message = error.message.trim_start_matches("invalid query: ");
        writeln!(answers, "{query}\n    {message}").expect("a string takes anything");
    }
    insta::assert_snapshot!(answers, @r#"
    nonsense
        invalid expression: incomplete expression
    MyInt = 'x'
        invalid expression: invalid value type for search attribute MyInt of type Int: "x" (type: string)
    MyInt = true
        invalid expression: invalid value type for search attribute MyInt of type Int: true (type: bool)
    MyKeyword = 1234567.5
        invalid expression: invalid value type for search attribute MyKeyword of type Keyword: 1.2345675e+06 (type: float64)
    ExecutionStatus = 'running'
        invalid expression: invalid ExecutionStatus value 'running'
    ExecutionStatus = 99
        invalid expression: invalid ExecutionStatus value 99
    ExecutionDuration > 'long'
        invalid expression: invalid duration value for search attribute ExecutionDuration: long
    StartTime > 'yesterday'
        invalid expression: unable to parse datetime 'yesterday'
    MyText = ' '
        invalid expression: no tokens found filtering on Text type search attribute MyText
    MyText STARTS_WITH 'a'
        operation is not supported: operator 'STARTS_WITH' not supported for Text type search attribute 'MyText'
    MyKeyword LIKE 'a%'
        operation is not supported: operator 'LIKE' not supported for Keyword type search attribute 'MyKeyword'
    MyBool BETWEEN true AND true
        invalid expression: cannot do range condition on search attribute 'MyBool' of type Bool
    MyInt IS TRUE
        invalid expression: 'IS' operator can only be used as 'IS NULL' or 'IS NOT NULL'
    MyInt = -(5)
        invalid expression: unary operator not supported in "-(5)"
    MyInt = 1 + 2
        invalid expression: unexpected value type *sqlparser.BinaryExpr
    MyInt = MyDouble
        operation is not supported: column name on the right side of comparison expression (did you forget to quote "MyDouble"?)
    MyInt = 0x1F
        invalid expression: unable to parse value "0x1F"
    count(x) = 1
        invalid expression: must be a column name but was *sqlparser.FuncExpr
    ExecutionStatus STARTS_WITH 'Running'
        invalid expression: right-hand side of "starts_with" operator must be a literal string (got: Running)
    MyKeyword = 'x' LIMIT 3
        operation is not supported: 'LIMIT' clause
    MyKeyword = 'x' ORDER BY StartTime
        operation is not supported: 'ORDER BY' clause
    GROUP BY MyKeyword
        operation is not supported: 'GROUP BY' clause is not supported for search attribute MyKeyword
    GROUP BY ExecutionStatus, RunId
        operation is not supported: 'GROUP BY' clause supports only a single field
    MyKeyword = ('a', 'b')
        ListWorkflowExecutions operation failed.: SQL logic error: row value misused (1)
    MyText = 'a"b'
        ListWorkflowExecutions operation failed.: SQL logic error: unterminated string (1)
    BatcherNamespace = 'x'
        ListWorkflowExecutions operation failed.: SQL logic error: no such column: BatcherNamespace (1)
    "#);
}
