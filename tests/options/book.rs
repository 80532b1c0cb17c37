//! The pages of the book that name tests name tests that there are.

use std::path::Path;

/// The tests that a page names: behind the name of their file, in the same cell of a table.
fn named(page: &str) -> Vec<(String, String)> {
    let mut tests = Vec::new();
    for cell in page.lines().flat_map(|line| line.split(" | ")) {
        let mut file = None;
        for word in cell.split('`').skip(1).step_by(2) {
            if let Some(name) = word.strip_suffix(".rs") {
                file = Some(name.trim_start_matches("tests/").to_owned());
            } else if let Some(file) = &file
                && word.matches('_').count() >= 2
            {
                tests.push((file.clone(), word.to_owned()));
            }
        }
    }
    tests
}

#[test]
fn the_tests_that_the_book_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for page in ["options.md", "sdk-api.md"] {
        let text = std::fs::read_to_string(root.join("book/src").join(page)).expect("a page of the book");
        let tests = named(&text);
        assert!(tests.len() > 4, "{page} names {} tests", tests.len());
        for (file, test) in tests {
            let path = root.join("tests").join(format!("{file}.rs"));
            let source =
                std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {file}: {error}"));
            let there = source.contains(&format!("fn {test}("));
            // An option may stand behind the test that shows it.
            assert!(there || source.contains(&test), "{page} names {test} in {file}.rs");
        }
    }
}
