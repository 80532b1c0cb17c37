//! A workflow task from its arrival to its completion.

use std::time::Duration;

use temporalio_common::protos::{
    coresdk::{
        workflow_activation::{QueryWorkflow, query_to_job, workflow_activation_job::Variant},
        workflow_commands::{QueryResult, WorkflowCommand, workflow_command},
        workflow_completion::Success,
    },
    temporal::api::enums::v1::VersioningBehavior,
};

use super::{
    Error, LocalActivityRequest, LocalActivityResult, Machines, Step, Task, TaskCompletion,
    ending::order_commands, flags::Flag, update::UpdateRequest,
};
use crate::clock::{Time, duration};

/// The id under which the workflow is asked the query of a task that carries nothing else.
const LONE_QUERY: &str = "legacy_query";

/// Where the machines are with a workflow task.
#[derive(Debug, Default)]
pub(super) enum Phase {
    /// There is none.
    #[default]
    NoTask,
    /// It is under way, and nothing has been decided about the next step.
    Undecided,
    /// The workflow code has an activation; `only_queries` if it is no part of the history.
    Activated { only_queries: bool },
    /// The workflow code has answered its activation, or there was nothing to activate it for.
    Answered(Answered),
    /// The workflow code has answered a lone query.
    QueryAnswered(QueryResult),
}

/// What came of an activation.
#[derive(Debug, Default)]
pub(super) struct Answered {
    query_results: Vec<QueryResult>,
    versioning_behavior: VersioningBehavior,
    /// Whether queries wait for an activation of their own.
    queries_wait: bool,
    /// Whether there was no activation, only local activities that are still awaited.
    heartbeat: bool,
}

/// The task waits for local activities.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    heartbeat_due: bool,
}

impl Machines {
    /// A workflow task for this run came in.
    ///
    /// # Errors
    /// [`Error::PartialHistory`] if events are missing; anything that can be wrong with a history.
    pub(crate) fn handle_task(&mut self, task: Task) -> Result<(), Error> {
        if let Phase::Activated { .. } = self.phase {
            return Err(Error::InvalidCommand("a task came while an activation is out".to_owned()));
        }
        if task.query.is_some() && !task.queries.is_empty() {
            let reason = "the task carries a lone query and others".to_owned();
            return Err(Error::MalformedHistory { event_id: None, reason });
        }
        self.check_complete(&task)?;
        if let Some(waiting) = &mut self.waiting {
            waiting.heartbeat_due = false;
        }
        if task.query.is_some()
            && task.started_event_id == 0
            && task.previous_started_event_id < self.last_started_event_id
        {
            return Err(Error::QueryExpired);
        }
        let lone = task.query.map(|query| (LONE_QUERY.to_owned(), query));
        self.queries =
            task.queries.into_iter().chain(lone).map(|(id, query)| query_to_job(id, query)).collect();
        self.requests =
            task.messages.into_iter().map(UpdateRequest::from_message).collect::<Result<_, _>>()?;
        self.history.replace(task.history);
        self.previous_started_event_id = task.previous_started_event_id;
        self.replaying = task.previous_started_event_id > 0;
        self.awaiting_task = false;
        self.phase = Phase::Undecided;
        self.apply_next_step()?;
        self.apply_deferred_results()?;
        if self.out.jobs.is_empty() {
            self.apply_next_step()?;
        }
        if self.out.jobs.is_empty() {
            if self.local.outstanding() > 0 {
                self.waiting.get_or_insert_default();
            } else {
                self.complete_without_activation()?;
            }
        }
        Ok(())
    }

    /// What to do next. Before this, do what [`Self::poll_local_activity`] says.
    ///
    /// # Errors
    /// As [`Self::handle_commands`].
    pub(crate) fn next_step(&mut self) -> Result<Step, Error> {
        let mut heartbeat_tried = false;
        loop {
            match std::mem::replace(&mut self.phase, Phase::Undecided) {
                Phase::NoTask => {
                    self.phase = Phase::NoTask;
                    return Ok(Step::Idle);
                }
                activated @ Phase::Activated { .. } => {
                    self.phase = activated;
                    return Err(Error::InvalidCommand("the last activation was not answered".to_owned()));
                }
                Phase::QueryAnswered(result) => {
                    self.phase = Phase::NoTask;
                    return Ok(Step::AnswerQuery(result));
                }
                Phase::Answered(answered) => {
                    if let Some(completion) = self.try_complete(answered)? {
                        self.phase = Phase::NoTask;
                        self.awaiting_task = true;
                        return Ok(Step::Complete(completion));
                    }
                }
                Phase::Undecided => {
                    if !self.out.jobs.is_empty() {
                        let jobs = std::mem::take(&mut self.out.jobs);
                        self.phase = Phase::Activated { only_queries: false };
                        return Ok(Step::Activate(self.activation(jobs)));
                    }
                    let outstanding = self.local.outstanding() > 0;
                    let heartbeat_due = self.waiting.as_ref().is_some_and(|waiting| waiting.heartbeat_due);
                    if self.waiting.is_some() && !outstanding {
                        self.waiting = None;
                        self.complete_without_activation()?;
                    } else if !self.queries.is_empty() {
                        let queries = std::mem::take(&mut self.queries);
                        let jobs = queries.into_iter().map(Variant::QueryWorkflow).collect();
                        self.phase = Phase::Activated { only_queries: true };
                        return Ok(Step::Activate(self.activation(jobs)));
                    } else if heartbeat_due && !heartbeat_tried {
                        heartbeat_tried = true;
                        self.complete_without_activation()?;
                    } else if outstanding {
                        return Ok(Step::AwaitLocalActivities { heartbeat_after: self.heartbeat_after()? });
                    } else {
                        return Ok(Step::Idle);
                    }
                }
            }
        }
    }

    /// What the workflow code did in the activation that [`Self::next_step`] gave out. `now` is the worker's
    /// time, at which local activities are scheduled.
    ///
    /// # Errors
    /// [`Error::Nondeterminism`] if history has something else; [`Error::InvalidCommand`] if the commands
    /// make no sense in themselves.
    pub(crate) fn handle_commands(&mut self, now: Time, result: Success) -> Result<(), Error> {
        if !matches!(self.phase, Phase::Activated { .. }) {
            return Err(Error::InvalidCommand("commands came without an activation".to_owned()));
        }
        let versioning_behavior = result.versioning_behavior();
        let (answers, commands): (Vec<_>, Vec<_>) = match result.commands.iter().any(is_query_answer) {
            true => result.commands.into_iter().partition(is_query_answer),
            false => (Vec::new(), result.commands),
        };
        let mut query_results: Vec<QueryResult> = answers.into_iter().filter_map(query_answer).collect();
        if commands.is_empty()
            && let [result] = query_results.as_mut_slice()
            && result.query_id == LONE_QUERY
        {
            self.phase = Phase::QueryAnswered(std::mem::take(result));
            return Ok(());
        }
        let queries_wait = !self.queries.is_empty();
        self.phase = Phase::Undecided;
        let cut_off = self.replaying && !self.flags.try_use(Flag::MoveTerminalCommands, false);
        self.flags.use_lang(result.used_internal_flags);
        for command in order_commands(commands, cut_off) {
            self.handle_command(now, command)?;
        }
        self.finish_activation()?;
        self.phase =
            Phase::Answered(Answered { query_results, versioning_behavior, queries_wait, heartbeat: false });
        Ok(())
    }

    /// The next thing to do about local activities, `None` once they are all handed out.
    pub(crate) fn poll_local_activity(&mut self) -> Option<LocalActivityRequest> {
        self.local.poll()
    }

    /// A local activity ended, or wants to back off over a timer. Results that come between two activations,
    /// or between two tasks, are kept until they can be delivered.
    ///
    /// # Errors
    /// [`Error::InvalidCommand`] if there is no such local activity.
    pub(crate) fn handle_local_activity_result(&mut self, result: LocalActivityResult) -> Result<(), Error> {
        self.deferred_results.push(result);
        self.apply_deferred_results()
    }

    /// The task is about to time out while local activities run: complete it, and ask for another.
    pub(crate) fn handle_heartbeat_due(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.heartbeat_due = true;
        }
    }

    /// The server answered a completion with `reset_history_event_id`: the task was speculative and left no
    /// events, so the history goes on after the given WorkflowTaskStarted event.
    pub(crate) fn handle_reset(&mut self, started_event_id: i64) {
        self.last_started_event_id = started_event_id;
        // The speculative task's own two events, scheduled and started, are void.
        self.last_event_id = self.last_event_id.saturating_sub(2).max(0);
        let last = self.last_event_id;
        self.workflow_task.take_if(|task| task.scheduled_event_id > last);
        let _void = self.by_event.split_off(&last.saturating_add(1));
    }

    /// A history must begin with the event that these machines expect next, or before.
    fn check_complete(&self, task: &Task) -> Result<(), Error> {
        let expected = self.last_event_id.saturating_add(1);
        match task.history.first() {
            Some(first) if first.event_id <= expected => Ok(()),
            None if self.last_event_id > 0 => Ok(()),
            first => {
                let first = first.map_or(0, |event| event.event_id);
                Err(Error::PartialHistory { expected, first })
            }
        }
    }

    /// The results that could not be delivered when they came: while an activation was out they would have
    /// overtaken what it leads to; between two tasks, the events of the next.
    fn apply_deferred_results(&mut self) -> Result<(), Error> {
        if self.awaiting_task || matches!(self.phase, Phase::Activated { only_queries: false }) {
            return Ok(());
        }
        for result in std::mem::take(&mut self.deferred_results) {
            self.apply_local_result(result)?;
        }
        Ok(())
    }

    /// Nothing activates the workflow, so the task is completed as it is.
    fn complete_without_activation(&mut self) -> Result<(), Error> {
        let heartbeat = self.waiting.is_some();
        let queries_wait = !self.queries.is_empty();
        self.finish_activation()?;
        self.phase = Phase::Answered(Answered { queries_wait, heartbeat, ..Default::default() });
        Ok(())
    }

    /// Queues what the activation produced, and goes on in history until there is something to activate the
    /// workflow for.
    fn finish_activation(&mut self) -> Result<(), Error> {
        self.deliver_found_or_all_if_idle()?;
        self.queue_commands();
        self.apply_deferred_results()?;
        while self.out.jobs.is_empty() {
            let applied = self.apply_next_step()?;
            if applied == 0 || !self.replaying {
                break;
            }
        }
        Ok(())
    }

    /// Completes the task, unless there is more to do first.
    fn try_complete(&mut self, answered: Answered) -> Result<Option<TaskCompletion>, Error> {
        if self.local.outstanding() == 0 {
            self.waiting = None;
            let force = answered.heartbeat;
            return Ok(self.completion(answered, force));
        }
        self.heartbeat_after()?;
        let heartbeat_due =
            answered.heartbeat || self.waiting.as_ref().is_some_and(|waiting| waiting.heartbeat_due);
        let completes = heartbeat_due || !answered.query_results.is_empty();
        self.waiting = Some(Waiting { heartbeat_due });
        // Without another task there would be none to deliver the results of local activities in.
        Ok(if completes { self.completion(answered, true) } else { None })
    }

    fn completion(&mut self, answered: Answered, force: bool) -> Option<TaskCompletion> {
        let answers = !answered.query_results.is_empty();
        let busy = !self.out.jobs.is_empty() || self.replaying || self.closed;
        if !answers && (busy || answered.queries_wait) {
            return None;
        }
        let local_result_waits = self
            .out
            .jobs
            .iter()
            .any(|job| matches!(job, Variant::ResolveActivity(resolution) if resolution.is_local));
        // A query that comes before the next task is answered by this worker.
        self.deployment_version.clone_from(&self.options.deployment_version);
        Some(TaskCompletion {
            commands: self.commands_to_send(),
            messages: std::mem::take(&mut self.messages),
            query_results: answered.query_results,
            sdk_metadata: self.flags.take_metadata(),
            force_create_new_workflow_task: force || (answers && local_result_waits),
            versioning_behavior: answered.versioning_behavior,
        })
    }

    /// Four fifths of the workflow task's timeout.
    fn heartbeat_after(&self) -> Result<Duration, Error> {
        let timeout = self.start.as_ref().and_then(|start| start.workflow_task_timeout.as_ref());
        match timeout {
            Some(timeout) => Ok(duration(Some(timeout)) / 5 * 4),
            None => Err(Error::malformed(1, "the workflow was started without a workflow task timeout")),
        }
    }
}

/// Queries that wait for an activation.
pub(super) type Queries = Vec<QueryWorkflow>;

fn is_query_answer(command: &WorkflowCommand) -> bool {
    matches!(command.variant, Some(workflow_command::Variant::RespondToQuery(_)))
}

fn query_answer(command: WorkflowCommand) -> Option<QueryResult> {
    match command.variant {
        Some(workflow_command::Variant::RespondToQuery(result)) => Some(result),
        _ => None,
    }
}
