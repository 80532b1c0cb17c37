//! The settings that a real server calls dynamic configuration.

use temporal_sim::Limits;

use crate::Problem;

/// Applies a setting; `false` if it means nothing here.
pub(crate) fn apply(limits: &mut Limits, key: &str, value: &str) -> Result<bool, Problem> {
    let problem = |what| Problem(format!("--dynamic-config-value {key}={value}: this is {what}"));
    let wrong = || problem("no whole number");
    let number = || value.parse::<usize>().map_err(|_| wrong());
    let events = || value.parse::<i64>().map_err(|_| wrong());
    let switch = || value.parse::<bool>().map_err(|_| problem("neither true nor false"));
    // The keys of a real server do not depend on case.
    match key.to_ascii_lowercase().as_str() {
        "limit.maxidlength" => limits.id_length = number()?,
        "limit.blobsize.error" => limits.blob_size = number()?,
        "limit.memosize.error" => limits.memo_size = number()?,
        "frontend.searchattributesnumberofkeyslimit" => limits.search_attributes = number()?,
        "frontend.searchattributessizeofvaluelimit" => limits.search_attribute_size = number()?,
        "frontend.searchattributestotalsizelimit" => limits.search_attributes_size = number()?,
        "frontend.maxlinksperrequest" => limits.links = number()?,
        "limit.historycount.error" => limits.history_count = events()?,
        "limit.historysize.error" => limits.history_size = number()?,
        "limit.historycount.suggestcontinueasnew" => limits.history_count_suggest_continue_as_new = events()?,
        "limit.historysize.suggestcontinueasnew" => limits.history_size_suggest_continue_as_new = number()?,
        "system.transactionsizelimit" => limits.transaction_size = number()?,
        "limit.numpendingactivities.error" => limits.pending_activities = number()?,
        "limit.numpendingchildexecutions.error" => limits.pending_children = number()?,
        "limit.numpendingsignals.error" => limits.pending_signals = number()?,
        "limit.numpendingcancelrequests.error" => limits.pending_cancel_requests = number()?,
        "history.maximumsignalsperexecution" => limits.signals = number()?,
        "history.maximumbufferedeventsbatch" => limits.buffered_events = number()?,
        "history.maximumbufferedeventssizeinbytes" => limits.buffered_events_size = number()?,
        "history.maxinflightupdates" => limits.updates_in_flight = number()?,
        "history.maxinflightupdatepayloads" => limits.updates_in_flight_size = number()?,
        "history.maxtotalupdates" => limits.updates = number()?,
        "frontend.workflowpauseenabled" => limits.workflow_pause = switch()?,
        "frontend.enablecancelworkerpollsonshutdown" => limits.cancel_polls_on_shutdown = switch()?,
        _ => return Ok(false),
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_changed_by_the_name_that_it_has_on_a_real_server() {
        let mut limits = Limits::default();
        assert!(apply(&mut limits, "limit.historyCount.error", "7").is_ok_and(|known| known));
        assert_eq!(limits.history_count, 7);
        assert!(
            apply(&mut limits, "frontend.enableUpdateWorkflowExecution", "true").is_ok_and(|known| !known)
        );
        let Err(Problem(text)) = apply(&mut limits, "limit.blobSize.error", "2MB") else {
            panic!("no number")
        };
        assert!(text.contains("limit.blobSize.error=2MB"), "{text}");
        assert!(apply(&mut limits, "frontend.enableCancelWorkerPollsOnShutdown", "true").is_ok());
        assert!(limits.cancel_polls_on_shutdown);
        assert!(apply(&mut limits, "frontend.WorkflowPauseEnabled", "on").is_err());
    }
}
