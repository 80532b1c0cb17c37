//! What the tests over all fixtures share.

pub(crate) mod embedded;
pub(crate) mod normal_form;
