package temporalsim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Empty;
import com.google.protobuf.Timestamp;
import io.temporal.api.testservice.v1.SleepRequest;
import io.temporal.api.testservice.v1.UnlockTimeSkippingRequest;
import io.temporal.client.WorkflowClient;
import io.temporal.internal.common.ProtobufTimeUtils;
import io.temporal.serviceclient.TestServiceStubs;
import io.temporal.serviceclient.TestServiceStubsOptions;
import java.io.IOException;
import java.net.ServerSocket;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The Java SDK with TEMPORAL_SIM, the binary, in the place of the test server. */
class TimeSkippingTest {
  private Process server;
  private Setting setting;
  private TestServiceStubs time;

  @BeforeEach
  void start() throws IOException {
    String port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = String.valueOf(free.getLocalPort());
    }
    server = new ProcessBuilder(System.getenv("TEMPORAL_SIM"), port).start();
    String address = "127.0.0.1:" + port;
    setting = new Setting(address);
    time =
        TestServiceStubs.newServiceStubs(
            TestServiceStubsOptions.newBuilder().setTarget(address).validateAndBuildWithDefaults());
  }

  @AfterEach
  void stop() {
    if (setting != null) {
      setting.close();
      time.shutdownNow();
    }
    server.destroyForcibly();
  }

  @Test
  void aMonthOfSleepIsSkipped() {
    time.blockingStub().unlockTimeSkipping(UnlockTimeSkippingRequest.getDefaultInstance());
    assertEquals(30, setting.workflow(Workflows.Month.class).run());
  }

  @Test
  void nobodyApproves() {
    time.blockingStub().unlockTimeSkipping(UnlockTimeSkippingRequest.getDefaultInstance());
    assertEquals("expired", setting.workflow(Workflows.Approval.class).run());
  }

  @Test
  void aSleepMovesTheTimeOfTheServer() {
    Workflows.Approval approval = setting.workflow(Workflows.Approval.class);
    WorkflowClient.start(approval::run);
    long begin = now();
    Duration tenDays = Duration.ofDays(10);
    time.blockingStub()
        .unlockTimeSkippingWithSleep(
            SleepRequest.newBuilder().setDuration(ProtobufTimeUtils.toProtoDuration(tenDays)).build());
    assertTrue(now() - begin >= tenDays.toSeconds());
    approval.approve("carol");
    assertEquals("approved by carol", Setting.result(approval));
  }

  private long now() {
    Timestamp now = time.blockingStub().getCurrentTime(Empty.getDefaultInstance()).getTime();
    return now.getSeconds();
  }
}
