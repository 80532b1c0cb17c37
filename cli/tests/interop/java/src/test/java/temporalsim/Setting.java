package temporalsim;

import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import io.temporal.worker.Worker;
import io.temporal.worker.WorkerFactory;
import java.util.UUID;

/** A connection to a server, and a worker for {@link Workflows}. */
final class Setting implements AutoCloseable {
  final String taskQueue = "queue-" + UUID.randomUUID();
  final WorkflowServiceStubs service;
  final WorkflowClient client;
  private final WorkerFactory workers;

  Setting(String address) {
    service =
        WorkflowServiceStubs.newConnectedServiceStubs(
            WorkflowServiceStubsOptions.newBuilder().setTarget(address).build(), null);
    client = WorkflowClient.newInstance(service);
    workers = WorkerFactory.newInstance(client);
    Worker worker = workers.newWorker(taskQueue);
    worker.registerWorkflowImplementationTypes(Workflows.ALL);
    worker.registerActivitiesImplementations(new Workflows.ActivitiesImpl());
    workers.start();
  }

  <W> W workflow(Class<W> type) {
    WorkflowOptions options =
        WorkflowOptions.newBuilder().setTaskQueue(taskQueue).setWorkflowId("wf-" + UUID.randomUUID()).build();
    return client.newWorkflowStub(type, options);
  }

  /** The result of a workflow that was started. */
  static String result(Object workflow) {
    return WorkflowStub.fromTyped(workflow).getResult(String.class);
  }

  @Override
  public void close() {
    workers.shutdownNow();
    service.shutdownNow();
  }
}
