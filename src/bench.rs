//! What the benches measure simulations against.
//!
//! Only for this project's own benches, which stand outside of the crate; not part of the public interface.

use futures_util::FutureExt as _;
use temporalio_common::{
    WorkflowDefinition,
    data_converters::{
        DataConverter, GenericPayloadConverter as _, SerializationContext, SerializationContextData,
        TemporalSerializable, WorkflowSerializationContext,
    },
    protos::{
        coresdk::{
            activity_result::{ActivityResolution, Success, activity_resolution},
            workflow_activation::{
                InitializeWorkflow, ResolveActivity, WorkflowActivation, WorkflowActivationJob,
                workflow_activation_job::Variant as Job,
            },
            workflow_commands::{WorkflowCommand, workflow_command::Variant as Command},
        },
        temporal::api::common::v1::Payload,
    },
};
use temporalio_workflow::workflows::WorkflowImplementation;

use crate::sdk::{WorkflowFactory, WorkflowInstance, WorkflowSettings};

/// A workflow that runs one activity, driven by hand: no cluster, no worker, no runtime, no history. Nothing
/// that runs workflow code can be faster.
pub struct GuestFloor {
    factory: WorkflowFactory,
    settings: WorkflowSettings,
    input: Payload,
    result: Payload,
}

impl GuestFloor {
    /// For a workflow with this input, whose one activity has this result.
    ///
    /// # Panics
    /// If one of them cannot be converted.
    pub fn new<W>(
        input: &(impl TemporalSerializable + 'static),
        result: &(impl TemporalSerializable + 'static),
    ) -> Self
    where
        W: WorkflowImplementation,
        <W::Run as WorkflowDefinition>::Input: Send,
    {
        let data_converter = DataConverter::default();
        let converter = data_converter.payload_converter().clone();
        let context = SerializationContextData::Workflow(WorkflowSerializationContext::new());
        let context = SerializationContext::new(&context, &converter);
        Self {
            factory: WorkflowFactory::of::<W>(),
            input: converter.to_payload(&context, input).expect("the input of a bench can be converted"),
            result: converter.to_payload(&context, result).expect("the result of a bench can be converted"),
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
        let [Some(Command::ScheduleActivity(activity))] =
            &variants(activate(&mut instance, Job::InitializeWorkflow(start)))[..]
        else {
            panic!("the workflow of this bench begins with one activity");
        };
        let completed = activity_resolution::Status::Completed(Success { result: Some(self.result.clone()) });
        let resolved = Job::ResolveActivity(ResolveActivity {
            seq: activity.seq,
            result: Some(ActivityResolution { status: Some(completed) }),
            is_local: false,
        });
        let [Some(Command::CompleteWorkflowExecution(_))] = &variants(activate(&mut instance, resolved))[..]
        else {
            panic!("the workflow of this bench completes after its activity");
        };
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

fn variants(commands: Vec<WorkflowCommand>) -> Vec<Option<Command>> {
    commands.into_iter().map(|command| command.variant).collect()
}
