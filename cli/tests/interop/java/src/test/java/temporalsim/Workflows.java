package temporalsim;

import io.temporal.activity.ActivityInterface;
import io.temporal.activity.ActivityOptions;
import io.temporal.failure.CanceledFailure;
import io.temporal.workflow.QueryMethod;
import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.UpdateMethod;
import io.temporal.workflow.UpdateValidatorMethod;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;

/** Workflows and activities for the tests beside this file. */
final class Workflows {
  static final Class<?>[] ALL = {GreetingImpl.class, MonthImpl.class, ApprovalImpl.class, ReservationImpl.class};

  private Workflows() {}

  @ActivityInterface
  public interface Activities {
    String greet(String name);

    void release();
  }

  static final class ActivitiesImpl implements Activities {
    @Override
    public String greet(String name) {
      return "Hello " + name + "!";
    }

    @Override
    public void release() {}
  }

  private static Activities activities() {
    Duration timeout = Duration.ofSeconds(10);
    return Workflow.newActivityStub(
        Activities.class, ActivityOptions.newBuilder().setStartToCloseTimeout(timeout).build());
  }

  @WorkflowInterface
  public interface Greeting {
    @WorkflowMethod
    String run(String name);
  }

  public static final class GreetingImpl implements Greeting {
    @Override
    public String run(String name) {
      return activities().greet(name);
    }
  }

  @WorkflowInterface
  public interface Month {
    @WorkflowMethod
    long run();
  }

  public static final class MonthImpl implements Month {
    @Override
    public long run() {
      long begin = Workflow.currentTimeMillis();
      Workflow.sleep(Duration.ofDays(30));
      return Duration.ofMillis(Workflow.currentTimeMillis() - begin).toDays();
    }
  }

  @WorkflowInterface
  public interface Approval {
    @WorkflowMethod
    String run();

    @SignalMethod
    void approve(String name);

    @QueryMethod
    boolean isApproved();

    @UpdateMethod
    String approveAndWait(String name);

    @UpdateValidatorMethod(updateName = "approveAndWait")
    void checkName(String name);
  }

  public static final class ApprovalImpl implements Approval {
    private String approver;

    @Override
    public String run() {
      boolean inTime = Workflow.await(Duration.ofDays(30), () -> approver != null);
      return inTime ? "approved by " + approver : "expired";
    }

    @Override
    public void approve(String name) {
      approver = name;
    }

    @Override
    public boolean isApproved() {
      return approver != null;
    }

    @Override
    public String approveAndWait(String name) {
      String thanks = activities().greet(name);
      approver = name;
      return thanks;
    }

    @Override
    public void checkName(String name) {
      if (name.isEmpty()) {
        throw new IllegalArgumentException("an approver has a name");
      }
    }
  }

  @WorkflowInterface
  public interface Reservation {
    @WorkflowMethod
    void run();

    @QueryMethod
    boolean isMade();
  }

  public static final class ReservationImpl implements Reservation {
    private boolean made;

    @Override
    public boolean isMade() {
      return made;
    }

    @Override
    public void run() {
      made = true;
      try {
        Workflow.sleep(Duration.ofDays(30));
      } catch (CanceledFailure cancelled) {
        Workflow.newDetachedCancellationScope(() -> activities().release()).run();
        made = false;
        throw cancelled;
      }
    }
  }
}
