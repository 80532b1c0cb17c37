//! Carrying out what the workflow code asks for.

use temporalio_common::protos::{
    coresdk::{
        common::VersioningIntent,
        workflow_commands::{UpdateResponse, WorkflowCommand, workflow_command::Variant},
    },
    temporal::api::command::v1::Command,
};

use super::{
    Error, Machines,
    activity::Activity,
    annotations::Annotations,
    cancel_external::CancelExternal,
    cancel_workflow::cancel_workflow,
    child_workflow::ChildWorkflow,
    ending::{complete_workflow, fail_workflow},
    flags::Flag,
    machine::{Machine, Operation},
    modify_properties::modify_properties,
    signal_external::SignalExternal,
    timer::Timer,
    upsert_search_attributes::upsert_search_attributes,
};
use crate::clock::Time;

impl Machines {
    /// Carries out one command. Answers to queries never come here.
    #[allow(deprecated, reason = "workflows may still state a versioning intent")]
    pub(super) fn handle_command(&mut self, now: Time, command: WorkflowCommand) -> Result<(), Error> {
        let annotations = Annotations {
            user_metadata: command.user_metadata,
            event_group_markers: command.event_group_markers,
        };
        let variant = command.variant.ok_or_else(|| Error::InvalidCommand("it is empty".to_owned()))?;
        match variant {
            Variant::StartTimer(start) => {
                let operation = Operation::Timer(start.seq);
                let (timer, command) = Timer::new(start, annotations);
                self.start(operation, Machine::Timer(timer), command);
            }
            Variant::CancelTimer(cancel) => {
                let id = self.operation(Operation::Timer(cancel.seq))?;
                if let Some(Machine::Timer(timer)) = self.machines.get_mut(id.0) {
                    timer.cancel(annotations, &mut self.out)?;
                }
                self.collect(id);
            }
            Variant::ScheduleActivity(schedule) => {
                let operation = Operation::Activity(schedule.seq);
                let keeps_build_id = self.keeps_build_id(schedule.versioning_intent(), &schedule.task_queue);
                let (activity, command) = Activity::new(schedule, keeps_build_id, annotations);
                self.start(operation, Machine::Activity(activity), command);
            }
            Variant::RequestCancelActivity(cancel) => {
                let id = self.operation(Operation::Activity(cancel.seq))?;
                if let Some(Machine::Activity(activity)) = self.machines.get_mut(id.0) {
                    activity.cancel(annotations, &mut self.out)?;
                }
                self.collect(id);
            }
            Variant::ScheduleLocalActivity(schedule) => {
                self.schedule_local_activity(schedule, now, annotations)?;
            }
            Variant::RequestCancelLocalActivity(cancel) => self.cancel_local_activity(cancel.seq)?,
            Variant::StartChildWorkflowExecution(start) => {
                let operation = Operation::ChildWorkflow(start.seq);
                let keeps_build_id = self.keeps_build_id(start.versioning_intent(), &start.task_queue);
                let (child, command) = ChildWorkflow::new(start, keeps_build_id, annotations);
                self.start(operation, Machine::ChildWorkflow(child), command);
            }
            Variant::CancelChildWorkflowExecution(cancel) => {
                self.cancel_child(cancel.child_workflow_seq, cancel.reason, annotations)?;
            }
            Variant::SignalExternalWorkflowExecution(signal) => {
                let operation = Operation::SignalExternal(signal.seq);
                let (signal, command) = SignalExternal::new(signal, &self.run.namespace, annotations)?;
                self.start(operation, Machine::SignalExternal(signal), command);
            }
            Variant::CancelSignalWorkflow(cancel) => {
                let id = self.operation(Operation::SignalExternal(cancel.seq))?;
                if let Some(Machine::SignalExternal(signal)) = self.machines.get_mut(id.0) {
                    signal.cancel(&mut self.out)?;
                }
                self.collect(id);
            }
            Variant::RequestCancelExternalWorkflowExecution(cancel) => {
                let target = cancel.workflow_execution.ok_or_else(|| {
                    Error::InvalidCommand(format!("cancellation request {} has no target", cancel.seq))
                })?;
                let reason = format!(
                    "Cancel requested by workflow with run id {} with reason: {}",
                    self.run.run_id, cancel.reason
                );
                let (machine, command) =
                    CancelExternal::new(Some(cancel.seq), target, false, reason, annotations);
                self.issue(Machine::CancelExternal(machine), command);
            }
            Variant::SetPatchMarker(patch) => self.set_patch_marker(patch, annotations)?,
            Variant::UpsertWorkflowSearchAttributes(upsert) => {
                if let Some(attributes) = &upsert.search_attributes {
                    self.upserted_search_attributes.extend(attributes.indexed_fields.clone());
                }
                let patches_own_it = self.flags.try_use(Flag::UpsertOnPatch, !self.replaying);
                let command = upsert_search_attributes(upsert.search_attributes, patches_own_it, annotations);
                self.issue(Machine::Recorded, command);
            }
            Variant::ModifyWorkflowProperties(modify) => {
                self.issue(Machine::Recorded, modify_properties(modify, annotations));
            }
            Variant::UpdateResponse(response) => self.answer_update(response)?,
            Variant::CompleteWorkflowExecution(complete) => {
                self.end(complete_workflow(complete, annotations));
            }
            Variant::FailWorkflowExecution(fail) => self.end(fail_workflow(fail, annotations)),
            Variant::CancelWorkflowExecution(cancel) => self.end(cancel_workflow(cancel, annotations)),
            Variant::ContinueAsNewWorkflowExecution(next) => {
                let keeps_build_id = self.keeps_build_id(next.versioning_intent(), &next.task_queue);
                let command = self.continue_as_new(next, keeps_build_id, annotations);
                self.end(command);
            }
            Variant::ScheduleNexusOperation(_) | Variant::RequestCancelNexusOperation(_) => {
                return Err(Error::InvalidCommand("Nexus operations are not supported".to_owned()));
            }
            Variant::RespondToQuery(result) => {
                return Err(Error::InvalidCommand(format!("nobody asked query {:?}", result.query_id)));
            }
        }
        Ok(())
    }

    fn start(&mut self, operation: Operation, machine: Machine, command: Command) {
        let id = self.issue(machine, command);
        self.operations.insert(operation, id);
    }

    fn end(&mut self, command: Command) {
        self.issue(Machine::Recorded, command);
        self.finished = true;
        self.local.end();
    }

    fn cancel_child(&mut self, seq: u32, reason: String, annotations: Annotations) -> Result<(), Error> {
        let id = self.operation(Operation::ChildWorkflow(seq))?;
        let request = match self.machines.get_mut(id.0) {
            Some(Machine::ChildWorkflow(child)) => child.cancel(&reason, annotations, &mut self.out)?,
            _ => None,
        };
        self.collect(id);
        if let Some(request) = request {
            let (machine, command) =
                CancelExternal::new(None, request.target, true, reason, request.annotations);
            self.issue(Machine::CancelExternal(machine), command);
        }
        Ok(())
    }

    fn answer_update(&mut self, response: UpdateResponse) -> Result<(), Error> {
        let id = self.updates.get(&response.protocol_instance_id).copied().ok_or_else(|| {
            Error::InvalidCommand(format!("nobody asked for update {:?}", response.protocol_instance_id))
        })?;
        if let Some(Machine::Update(update)) = self.machines.get_mut(id.0) {
            update.answer(response, &mut self.out)?;
        }
        self.collect(id);
        Ok(())
    }

    /// Whether a command keeps what it starts on the workflow's own build id: by default if it stays on the
    /// same task queue.
    #[allow(deprecated, reason = "workflows may still state a versioning intent")]
    fn keeps_build_id(&self, intent: VersioningIntent, task_queue: &str) -> bool {
        match intent {
            VersioningIntent::Compatible => true,
            VersioningIntent::Default => false,
            VersioningIntent::Unspecified => task_queue.is_empty() || task_queue == self.run.task_queue,
        }
    }
}
