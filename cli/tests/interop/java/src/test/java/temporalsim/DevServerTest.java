package temporalsim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowFailedException;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.client.WorkflowUpdateException;
import io.temporal.client.schedules.Schedule;
import io.temporal.client.schedules.ScheduleActionExecutionStartWorkflow;
import io.temporal.client.schedules.ScheduleActionStartWorkflow;
import io.temporal.client.schedules.ScheduleClient;
import io.temporal.client.schedules.ScheduleHandle;
import io.temporal.client.schedules.ScheduleIntervalSpec;
import io.temporal.client.schedules.ScheduleOptions;
import io.temporal.client.schedules.ScheduleSpec;
import io.temporal.failure.CanceledFailure;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The Java SDK with the dev server at TEMPORAL_ADDRESS. */
class DevServerTest {
  private static Setting setting;

  @BeforeAll
  static void connect() {
    setting = new Setting(System.getenv("TEMPORAL_ADDRESS"));
  }

  @AfterAll
  static void disconnect() {
    if (setting != null) {
      setting.close();
    }
  }

  @Test
  void aWorkflowRuns() {
    assertEquals("Hello World!", setting.workflow(Workflows.Greeting.class).run("World"));
  }

  @Test
  void aSignalAndAQuery() {
    Workflows.Approval approval = setting.workflow(Workflows.Approval.class);
    WorkflowClient.start(approval::run);
    assertFalse(approval.isApproved());
    approval.approve("alice");
    assertTrue(approval.isApproved());
    assertEquals("approved by alice", Setting.result(approval));
  }

  @Test
  void anUpdateIsRefusedAndAnotherOneCompletes() {
    Workflows.Approval approval = setting.workflow(Workflows.Approval.class);
    WorkflowClient.start(approval::run);
    assertThrows(WorkflowUpdateException.class, () -> approval.approveAndWait(""));
    assertEquals("Hello bob!", approval.approveAndWait("bob"));
    assertEquals("approved by bob", Setting.result(approval));
  }

  @Test
  void aCancelledWorkflowCleansUp() {
    Workflows.Reservation reservation = setting.workflow(Workflows.Reservation.class);
    WorkflowClient.start(reservation::run);
    assertTrue(reservation.isMade());
    WorkflowStub.fromTyped(reservation).cancel();
    WorkflowFailedException failed =
        assertThrows(WorkflowFailedException.class, () -> Setting.result(reservation));
    assertInstanceOf(CanceledFailure.class, failed.getCause());
    assertFalse(reservation.isMade());
  }

  @Test
  void aScheduleStartsAWorkflow() {
    String workflowId = "scheduled-" + UUID.randomUUID();
    Schedule schedule =
        Schedule.newBuilder()
            .setSpec(
                ScheduleSpec.newBuilder()
                    .setIntervals(List.of(new ScheduleIntervalSpec(Duration.ofSeconds(1))))
                    .build())
            .setAction(
                ScheduleActionStartWorkflow.newBuilder()
                    .setWorkflowType(Workflows.Greeting.class)
                    .setArguments("schedule")
                    .setOptions(
                        WorkflowOptions.newBuilder()
                            .setWorkflowId(workflowId)
                            .setTaskQueue(setting.taskQueue)
                            .build())
                    .build())
            .build();
    ScheduleHandle handle =
        ScheduleClient.newInstance(setting.service)
            .createSchedule("schedule-" + UUID.randomUUID(), schedule, ScheduleOptions.newBuilder().build());
    try {
      assertTrue(eventually(() -> !handle.describe().getInfo().getRecentActions().isEmpty()));
      var action = handle.describe().getInfo().getRecentActions().get(0).getAction();
      String started = ((ScheduleActionExecutionStartWorkflow) action).getWorkflowId();
      assertTrue(started.startsWith(workflowId));
      assertEquals(
          "Hello schedule!", setting.client.newUntypedWorkflowStub(started).getResult(String.class));
    } finally {
      handle.delete();
    }
  }

  private static boolean eventually(BooleanSupplier condition) {
    for (int attempt = 0; attempt < 100; attempt++) {
      if (condition.getAsBoolean()) {
        return true;
      }
      try {
        Thread.sleep(100);
      } catch (InterruptedException interrupted) {
        throw new IllegalStateException(interrupted);
      }
    }
    return false;
  }
}
