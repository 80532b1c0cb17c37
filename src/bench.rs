//! What the benches measure simulations against.
//!
//! Only for this project's own benches, which stand outside of the crate; not part of the public interface.

use std::sync::Arc;

use futures_util::FutureExt as _;
use temporalio_common::{
    WorkflowDefinition,
    data_converters::{
        DataConverter, GenericPayloadConverter as _, SerializationContext, SerializationContextData,
        WorkflowSerializationContext,
    },
    protos::{
        coresdk::{
            activity_result::{ActivityResolution, Success, activity_resolution},
            activity_task::Start,
            workflow_activation::{
                InitializeWorkflow, ResolveActivity, WorkflowActivation, WorkflowActivationJob,
                workflow_activation_job::Variant as Job,
            },
            workflow_commands::{ScheduleActivity, WorkflowCommand, workflow_command::Variant as Command},
        },
        temporal::api::common::v1::{Payload, WorkflowExecution},
    },
};
use temporalio_sdk::activities::ExecutableActivity;
use temporalio_workflow::workflows::WorkflowImplementation;

use crate::{
    sdk::{WorkflowFactory, WorkflowInstance, WorkflowSettings},
    worker::activities::{RegisteredActivity, attempt_context},
};

/// A workflow that runs one activity, driven by hand: no cluster, no worker, no runtime, no history.
///
/// The code of both runs through the SDK as every worker has to run it: the workflow by activations and commands, the
/// activity with a context of its own, and whatever goes from one to the other as payloads. Nothing that runs this code
/// can be faster.
pub struct GuestFloor {
    factory: WorkflowFactory,
    settings: WorkflowSettings,
    activity: RegisteredActivity,
    input: Payload,
}

impl GuestFloor {
    /// For a workflow with this input, whose one activity is `activity`.
    ///
    /// # Panics
    /// If the input cannot be converted.
    pub fn new<W, A>(
        _activity: A,
        implementer: A::Implementer,
        input: &<W::Run as WorkflowDefinition>::Input,
    ) -> Self
    where
        W: WorkflowImplementation,
        <W::Run as WorkflowDefinition>::Input: Send,
        A: ExecutableActivity,
        A::Input: Send + Sync,
        A::Output: Send + Sync,
    {
        let data_converter = DataConverter::default();
        let converter = data_converter.payload_converter().clone();
        let context = SerializationContextData::Workflow(WorkflowSerializationContext::new());
        let context = SerializationContext::new(&context, &converter);
        Self {
            factory: WorkflowFactory::of::<W>(),
            input: converter.to_payload(&context, input).expect("the input of a bench can be converted"),
            activity: RegisteredActivity::implemented_by::<A>(Arc::new(implementer)),
            settings: WorkflowSettings {
                namespace: "default".to_owned(),
                task_queue: "bench".to_owned(),
                data_converter,
                interceptors: Vec::new(),
                detect_nondeterministic_futures: true,
                patch_activation: None,
                foreign_wakes: None,
            },
        }
    }

    /// Runs the workflow once.
    ///
    /// # Panics
    /// If it does anything but run one activity and complete.
    pub fn run(&self) {
        let start = InitializeWorkflow {
            workflow_type: self.factory.workflow_type().to_owned(),
            workflow_id: "bench".to_owned(),
            arguments: vec![self.input.clone()],
            randomness_seed: 7,
            attempt: 1,
            ..Default::default()
        };
        let mut instance = self
            .factory
            .instantiate(&self.settings, "run", start.clone())
            .expect("the workflow of a bench can be made");
        let mut commands = activate(&mut instance, Job::InitializeWorkflow(start));
        let (Some(Command::ScheduleActivity(scheduled)), true) =
            (commands.pop().and_then(|command| command.variant), commands.is_empty())
        else {
            panic!("the workflow of this bench begins with one activity");
        };
        let seq = scheduled.seq;
        let completed =
            activity_resolution::Status::Completed(Success { result: Some(self.attempt(scheduled)) });
        let resolved = Job::ResolveActivity(ResolveActivity {
            seq,
            result: Some(ActivityResolution { status: Some(completed) }),
            is_local: false,
        });
        let commands = activate(&mut instance, resolved);
        assert!(
            matches!(
                commands[..],
                [WorkflowCommand { variant: Some(Command::CompleteWorkflowExecution(_)), .. }]
            ),
            "the workflow of this bench completes after its activity"
        );
    }

    /// Runs the activity once.
    fn attempt(&self, scheduled: ScheduleActivity) -> Payload {
        let converter = self.settings.data_converter.payload_converter();
        let start = Start {
            workflow_namespace: self.settings.namespace.clone(),
            workflow_type: self.factory.workflow_type().to_owned(),
            workflow_execution: Some(WorkflowExecution {
                workflow_id: "bench".to_owned(),
                run_id: "run".to_owned(),
            }),
            activity_id: scheduled.activity_id,
            activity_type: scheduled.activity_type,
            header_fields: scheduled.headers,
            start_to_close_timeout: scheduled.start_to_close_timeout,
            schedule_to_close_timeout: scheduled.schedule_to_close_timeout,
            attempt: 1,
            ..Default::default()
        };
        let task_queue = self.settings.task_queue.clone();
        let context = attempt_context(b"token".to_vec(), task_queue, start, converter, None, |_| {})
            .expect("there are no details of a heartbeat to convert")
            .context;
        self.activity
            .call(context, scheduled.arguments, converter)
            .now_or_never()
            .expect("the activity of a bench waits for nothing")
            .expect("the activity of a bench does not fail")
    }
}

impl std::fmt::Debug for GuestFloor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestFloor")
            .field("workflow_type", &self.factory.workflow_type())
            .finish_non_exhaustive()
    }
}

fn activate(instance: &mut WorkflowInstance, job: Job) -> Vec<WorkflowCommand> {
    let activation = WorkflowActivation {
        run_id: "run".to_owned(),
        jobs: vec![WorkflowActivationJob { variant: Some(job) }],
        ..Default::default()
    };
    instance
        .activate(activation)
        .now_or_never()
        .expect("an activation waits for nothing")
        .expect("the workflow of a bench does not fail")
}
