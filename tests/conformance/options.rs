//! The command line: filters, and those flags of libtest that make sense here.

/// What is asked for on the command line.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Options {
    filters: Vec<String>,
    skip: Vec<String>,
    exact: bool,
    none: bool,
    /// Only print the names.
    pub(crate) list: bool,
}

impl Options {
    /// Reads the arguments. Flags of libtest that mean nothing here are accepted and ignored.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Self {
        let mut options = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--list" => options.list = true,
                "--exact" => options.exact = true,
                // No case is ever ignored.
                "--ignored" => options.none = true,
                "--skip" => options.skip.extend(arguments.next()),
                "--test-threads" | "--format" | "--color" | "--logfile" | "-Z" => drop(arguments.next()),
                flag if flag.starts_with('-') => {}
                _ => options.filters.push(argument),
            }
        }
        options
    }

    /// Whether a case is to be run.
    pub(crate) fn wants(&self, name: &str) -> bool {
        let fits = |filter: &String| if self.exact { name == filter } else { name.contains(filter.as_str()) };
        !self.none
            && (self.filters.is_empty() || self.filters.iter().any(fits))
            && !self.skip.iter().any(fits)
    }
}
