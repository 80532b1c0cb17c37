//! The machines as a worker drives them.

mod activities;
mod builder;
mod children;
mod corpus;
mod echo;
mod errors;
mod external;
mod histories;
mod local_activities;
mod patches;
mod queries;
mod timers;
mod updates;

use temporalio_common::protos::{
    coresdk::{
        workflow_activation::{WorkflowActivation, workflow_activation_job::Variant as Job},
        workflow_commands::{CompleteWorkflowExecution, WorkflowCommand, workflow_command::Variant},
        workflow_completion::Success,
    },
    temporal::api::enums::v1::CommandType,
};

use super::*;
use builder::Builder;

/// Machines under test. Its methods panic where a test expects something else.
#[derive(Debug)]
struct Run {
    machines: Machines,
}

impl Run {
    fn new() -> Self {
        Self::with_options(Options {
            sdk_metadata: true,
            sdk_name: "sdk".into(),
            sdk_version: "1".into(),
            ..Default::default()
        })
    }

    fn observed() -> Self {
        Self::with_options(Options { sdk_metadata: true, observe: true, ..Default::default() })
    }

    fn with_options(options: Options) -> Self {
        let run = RunInfo {
            namespace: "default".into(),
            workflow_id: "workflow".into(),
            run_id: builder::RUN_ID.into(),
            task_queue: "queue".into(),
        };
        Self { machines: Machines::new(run, options) }
    }

    /// Machines that got this task first.
    fn of(task: Task) -> Self {
        let mut run = Self::new();
        run.task(task);
        run
    }

    fn task(&mut self, task: Task) {
        self.machines.handle_task(task).expect("the task is accepted");
    }

    fn step(&mut self) -> Step {
        self.machines.next_step().expect("there is a next step")
    }

    fn activation(&mut self) -> WorkflowActivation {
        match self.step() {
            Step::Activate(activation) => activation,
            other => panic!("expected an activation, got {other:?}"),
        }
    }

    /// The jobs of the next activation.
    fn jobs(&mut self) -> Vec<String> {
        self.activation().jobs.iter().map(ToString::to_string).collect()
    }

    fn respond(&mut self, commands: impl IntoIterator<Item = Variant>) {
        self.try_respond(commands).expect("the commands are accepted");
    }

    fn try_respond(&mut self, commands: impl IntoIterator<Item = Variant>) -> Result<(), Error> {
        let commands = commands.into_iter().map(WorkflowCommand::from).collect();
        self.machines.handle_commands(Time::from_nanos(0), Success { commands, ..Default::default() })
    }

    fn completion(&mut self) -> TaskCompletion {
        match self.step() {
            Step::Complete(completion) => completion,
            other => panic!("expected the completion, got {other:?}"),
        }
    }

    /// The types of the commands that complete the task.
    fn commands(&mut self) -> Vec<CommandType> {
        self.completion().commands.iter().map(|command| command.command_type()).collect()
    }
}

fn complete_workflow() -> Variant {
    Variant::CompleteWorkflowExecution(CompleteWorkflowExecution::default())
}

fn first_job(activation: &WorkflowActivation) -> &Job {
    activation.jobs.first().and_then(|job| job.variant.as_ref()).expect("the activation has a job")
}

fn kind(error: Error) -> Mismatch {
    match error {
        Error::Nondeterminism(found) => found.kind,
        other => panic!("expected nondeterminism, got {other}"),
    }
}
