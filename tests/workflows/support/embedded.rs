//! Registers the fixtures with the embedded worker.

use std::sync::Arc;
use temporal_sim::Worker;
use temporal_sim_fixtures::scenarios::Registrar;
use temporalio_common::{WorkflowDefinition, data_converters::TemporalSerializable};
use temporalio_sdk::{
    WorkflowRegistrationError, activities::ExecutableActivity,
    workflow_interceptors::WorkflowInterceptorConstructor, workflows::WorkflowImplementation,
};

/// A worker that is being put together.
pub(crate) struct Embedded(Option<Worker>);

impl Embedded {
    pub(crate) fn new(worker: Worker) -> Self {
        Self(Some(worker))
    }

    pub(crate) fn into_worker(self) -> Worker {
        self.0.expect("every step puts the worker back")
    }

    fn step(&mut self, step: impl FnOnce(Worker) -> Worker) {
        self.0 = self.0.take().map(step);
    }
}

impl Registrar for Embedded {
    fn workflow<W>(&mut self) -> Result<(), WorkflowRegistrationError>
    where
        W: WorkflowImplementation,
        <W::Run as WorkflowDefinition>::Input: Send,
    {
        self.step(Worker::workflow::<W>);
        Ok(())
    }

    fn workflow_with_factory<W, F>(&mut self, factory: F) -> Result<(), WorkflowRegistrationError>
    where
        W: WorkflowImplementation,
        <W::Run as WorkflowDefinition>::Input: Send,
        F: Fn() -> W + Send + Sync + 'static,
    {
        self.step(|worker| worker.workflow_with_factory(factory));
        Ok(())
    }

    fn activity<A>(&mut self, activity: A, implementer: Arc<A::Implementer>)
    where
        A: ExecutableActivity,
        A::Input: Send + Sync,
        A::Output: Send + Sync,
    {
        self.step(|worker| worker.activity(activity, implementer));
    }

    fn heartbeat_details<T: TemporalSerializable + 'static>(&mut self) {
        self.step(Worker::heartbeat_details::<T>);
    }

    fn workflow_interceptors(&mut self, constructors: Vec<WorkflowInterceptorConstructor>) {
        for constructor in constructors {
            self.step(|worker| worker.workflow_interceptor(constructor));
        }
    }
}
