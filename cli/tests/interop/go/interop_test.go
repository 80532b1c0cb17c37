package interop

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// Setting is a client, and a worker that polls a queue of its own.
type Setting struct {
	client.Client
	*testing.T
	ctx        context.Context
	Activities *Activities
	Queue      string
}

func dial(t *testing.T) client.Client {
	address := os.Getenv("TEMPORAL_ADDRESS")
	if address == "" {
		t.Skip("TEMPORAL_ADDRESS says of no server")
	}
	c, err := client.Dial(client.Options{HostPort: address, Logger: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// set starts a worker with everything that there is.
func set(t *testing.T, options worker.Options) Setting {
	t.Parallel()
	c := dial(t)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	it := Setting{c, t, ctx, &Activities{}, strings.ReplaceAll(t.Name(), "/", "-") + "-" + time.Now().Format("150405.000000")}
	if options.BackgroundActivityContext == nil {
		options.BackgroundActivityContext = context.WithValue(context.Background(), identityKey{}, it.Queue)
	}
	it.work(it.Queue, options)
	return it
}

func (it Setting) work(queue string, options worker.Options) {
	w := worker.New(it.Client, queue, options)
	workflows := []any{
		GreetingWorkflow, TransferWorkflow, ActivityOptionsWorkflow, ApprovalWorkflow, CleanupWorkflow, SessionWorkflow,
		CronWorkflow, RetriedWorkflow, ParentWorkflow, CountdownWorkflow, LaterWorkflow,
	}
	if !options.DisableWorkflowWorker {
		for _, registered := range workflows {
			w.RegisterWorkflow(registered)
		}
		w.RegisterWorkflowWithOptions(GreetingWorkflow, workflow.RegisterOptions{Name: "greeting", DisableAlreadyRegisteredCheck: true})
	}
	w.RegisterActivity(it.Activities)
	w.RegisterActivity(HostOf)
	w.RegisterActivity(Greet)
	w.RegisterActivityWithOptions(Greet, activity.RegisterOptions{Name: "greet-by-name", DisableAlreadyRegisteredCheck: true})
	w.RegisterActivityWithOptions(&Activities{}, activity.RegisterOptions{
		Name: "prefix-", DisableAlreadyRegisteredCheck: true, SkipInvalidStructFunctions: true,
	})
	if err := w.Start(); err != nil {
		it.Fatal(err)
	}
	it.Cleanup(w.Stop)
}

func (it Setting) options() client.StartWorkflowOptions {
	return client.StartWorkflowOptions{ID: it.Queue, TaskQueue: it.Queue}
}

// start starts a workflow.
func (it Setting) start(options client.StartWorkflowOptions, started any, args ...any) client.WorkflowRun {
	it.Helper()
	run, err := it.ExecuteWorkflow(it.ctx, options, started, args...)
	if err != nil {
		it.Fatal(err)
	}
	return run
}

// expect waits for the result of a run.
func expect[T comparable](it Setting, run client.WorkflowRun, expected T) {
	it.Helper()
	var result T
	if err := run.Get(it.ctx, &result); err != nil {
		it.Fatal(err)
	}
	if result != expected {
		it.Fatalf("%v instead of %v", result, expected)
	}
}

func TestExecuteByFunction(t *testing.T) {
	it := set(t, worker.Options{})
	run := it.start(it.options(), GreetingWorkflow, "World")
	if run.GetID() != it.Queue || run.GetRunID() == "" {
		t.Fatalf("%q, %q", run.GetID(), run.GetRunID())
	}
	expect(it, run, "Hello World!")
}

func TestExecuteByName(t *testing.T) {
	it := set(t, worker.Options{})
	expect(it, it.start(it.options(), "GreetingWorkflow", "World"), "Hello World!")
}

func TestExecuteByRegisteredName(t *testing.T) {
	it := set(t, worker.Options{})
	expect(it, it.start(it.options(), "greeting", "World"), "Hello World!")
}

func TestAnUnknownWorkflowTypeIsRetriedUntilTheRunEnds(t *testing.T) {
	it := set(t, worker.Options{})
	run := it.start(it.options(), "nobody-knows-this")
	time.Sleep(300 * time.Millisecond)
	if err := it.TerminateWorkflow(it.ctx, run.GetID(), "", "enough", "detail"); err != nil {
		t.Fatal(err)
	}
	var terminated *temporal.TerminatedError
	if err := run.Get(it.ctx, nil); !errors.As(err, &terminated) {
		t.Fatal(err)
	}
}

func TestGetWorkflowFromAnotherProcess(t *testing.T) {
	it := set(t, worker.Options{})
	run := it.start(it.options(), GreetingWorkflow, "World")
	command := exec.Command(os.Args[0], "-test.run=^TestOtherProcess$", "-test.v")
	command.Env = append(os.Environ(), "OTHER_PROCESS_WORKFLOW="+run.GetID(), "OTHER_PROCESS_RUN="+run.GetRunID())
	output, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "result: Hello World!") {
		t.Fatalf("%v: %s", err, output)
	}
}

func TestOtherProcess(t *testing.T) {
	id := os.Getenv("OTHER_PROCESS_WORKFLOW")
	if id == "" {
		t.Skip("only as another process")
	}
	var result string
	if err := dial(t).GetWorkflow(context.Background(), id, os.Getenv("OTHER_PROCESS_RUN")).Get(context.Background(), &result); err != nil {
		t.Fatal(err)
	}
	t.Log("result: " + result)
}

func TestEveryStartOption(t *testing.T) {
	it := set(t, worker.Options{})
	options := client.StartWorkflowOptions{
		ID:                                       it.Queue,
		TaskQueue:                                it.Queue,
		WorkflowExecutionTimeout:                 time.Minute,
		WorkflowRunTimeout:                       50 * time.Second,
		WorkflowTaskTimeout:                      5 * time.Second,
		WorkflowIDReusePolicy:                    enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowIDConflictPolicy:                 enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		RetryPolicy:                              &temporal.RetryPolicy{InitialInterval: 10 * time.Millisecond, MaximumAttempts: 3},
		Memo:                                     map[string]any{"customer": "alice"},
		EnableEagerStart:                         true,
		StartDelay:                               50 * time.Millisecond,
		StaticSummary:                            "a greeting",
		StaticDetails:                            "of *somebody*",
		Priority:                                 temporal.Priority{PriorityKey: 1},
	}
	options.EnableEagerStart = false
	run := it.start(options, GreetingWorkflow, "World")
	expect(it, run, "Hello World!")
	description, err := it.DescribeWorkflowExecution(it.ctx, run.GetID(), run.GetRunID())
	if err != nil {
		t.Fatal(err)
	}
	config, info := description.GetExecutionConfig(), description.GetWorkflowExecutionInfo()
	if config.GetWorkflowExecutionTimeout().AsDuration() != time.Minute || config.GetWorkflowRunTimeout().AsDuration() != 50*time.Second ||
		config.GetDefaultWorkflowTaskTimeout().AsDuration() != 5*time.Second {
		t.Fatal(config)
	}
	if info.GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_COMPLETED || string(info.GetMemo().GetFields()["customer"].GetData()) != `"alice"` {
		t.Fatal(info)
	}
	_, err = it.ExecuteWorkflow(it.ctx, options, GreetingWorkflow, "again")
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	if !errors.As(err, &already) || already.RunId != run.GetRunID() {
		t.Fatal(err)
	}
}

func TestEagerStart(t *testing.T) {
	it := set(t, worker.Options{})
	options := it.options()
	options.EnableEagerStart = true
	expect(it, it.start(options, GreetingWorkflow, "World"), "Hello World!")
}

func TestSearchAttributes(t *testing.T) {
	it := set(t, worker.Options{})
	options := it.options()
	customer := temporal.NewSearchAttributeKeyKeyword("CustomKeywordField")
	options.TypedSearchAttributes = temporal.NewSearchAttributes(customer.ValueSet(it.Queue))
	expect(it, it.start(options, GreetingWorkflow, "World"), "Hello World!")
	query := "CustomKeywordField = '" + it.Queue + "' and ExecutionStatus = 'Completed'"
	for range 50 {
		count, err := it.CountWorkflow(it.ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
		if err != nil {
			t.Fatal(err)
		}
		if count.GetCount() == 1 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("it is not found")
}

func TestTheRunTimeoutEndsAWorkflow(t *testing.T) {
	it := set(t, worker.Options{})
	options := it.options()
	options.WorkflowRunTimeout = time.Second
	var timedOut *temporal.TimeoutError
	if err := it.start(options, ApprovalWorkflow).Get(it.ctx, nil); !errors.As(err, &timedOut) {
		t.Fatal(err)
	}
}

func TestAWorkflowIsRetried(t *testing.T) {
	it := set(t, worker.Options{})
	options := it.options()
	options.RetryPolicy = &temporal.RetryPolicy{InitialInterval: 10 * time.Millisecond, MaximumAttempts: 5}
	expect(it, it.start(options, RetriedWorkflow), int32(3))
}

func TestEveryActivityOption(t *testing.T) {
	it := set(t, worker.Options{})
	it.work(it.Queue+"-activities", worker.Options{DisableWorkflowWorker: true})
	expect(it, it.start(it.options(), ActivityOptionsWorkflow, it.Queue+"-activities"), "from 6: Hello local!")
}

func TestAnActivityThatCannotBeRetried(t *testing.T) {
	it := set(t, worker.Options{})
	err := it.start(it.options(), TransferWorkflow, Transfer{"alice", "bob", -1}).Get(it.ctx, nil)
	var application *temporal.ApplicationError
	if !errors.As(err, &application) || application.Type() != "InvalidAmount" || application.Message() != "negative amount" {
		t.Fatal(err)
	}
	var amount int
	if err := application.Details(&amount); err != nil || amount != -1 {
		t.Fatal(amount, err)
	}
}

func TestActivitiesOfAStruct(t *testing.T) {
	it := set(t, worker.Options{})
	expect(it, it.start(it.options(), TransferWorkflow, Transfer{"alice", "bob", 7}), "alice-7")
	if it.Activities.Withdrawn.Load() != 7 {
		t.Fatal("nothing was withdrawn")
	}
}

func TestAnActivityIsCompletedByItsId(t *testing.T) {
	it := set(t, worker.Options{})
	run := it.start(it.options(), LaterWorkflow)
	for range 100 {
		err := it.CompleteActivityByID(it.ctx, "default", run.GetID(), "", "later", "done by hand", nil)
		if err == nil {
			expect(it, run, "done by hand")
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("it was never there")
}

func TestQuerySignalAndUpdate(t *testing.T) {
	it := set(t, worker.Options{})
	run := it.start(it.options(), ApprovalWorkflow)
	value, err := it.QueryWorkflow(it.ctx, run.GetID(), "", "state")
	var state string
	if err != nil || value.Get(&state) != nil || state != "waiting" {
		t.Fatal(state, err)
	}
	update, err := it.UpdateWorkflow(it.ctx, client.UpdateWorkflowOptions{
		WorkflowID: run.GetID(), UpdateName: "note", Args: []any{"hurry"}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	var notes int
	if err != nil || update.Get(it.ctx, &notes) != nil || notes != 1 {
		t.Fatal(notes, err)
	}
	rejected, err := it.UpdateWorkflow(it.ctx, client.UpdateWorkflowOptions{
		WorkflowID: run.GetID(), UpdateName: "note", Args: []any{""}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = rejected.Get(it.ctx, nil)
	}
	if err == nil || !strings.Contains(err.Error(), "an empty note") {
		t.Fatal(err)
	}
	if err := it.SignalWorkflow(it.ctx, run.GetID(), "", "approve", "carol"); err != nil {
		t.Fatal(err)
	}
	expect(it, run, "approved by carol,hurry")
	value, err = it.QueryWorkflow(it.ctx, run.GetID(), "", "state")
	if err != nil || value.Get(&state) != nil || state != "approved by carol" {
		t.Fatal(state, err)
	}
	_, err = it.QueryWorkflow(it.ctx, run.GetID(), "", "nobody-knows-this")
	var failed *serviceerror.QueryFailed
	if !errors.As(err, &failed) {
		t.Fatal(err)
	}
}

func TestSignalWithStart(t *testing.T) {
	it := set(t, worker.Options{})
	run, err := it.SignalWithStartWorkflow(it.ctx, it.Queue, "approve", "dave", it.options(), ApprovalWorkflow)
	if err != nil {
		t.Fatal(err)
	}
	expect(it, run, "approved by dave")
}

func TestUpdateWithStart(t *testing.T) {
	it := set(t, worker.Options{})
	options := it.options()
	options.WorkflowIDConflictPolicy = enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	start := it.NewWithStartWorkflowOperation(options, ApprovalWorkflow)
	update, err := it.UpdateWithStartWorkflow(it.ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			UpdateName: "note", Args: []any{"first"}, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	var notes int
	if err != nil || update.Get(it.ctx, &notes) != nil || notes != 1 {
		t.Fatal(notes, err)
	}
}

func TestCancelAndCleanUp(t *testing.T) {
	it := set(t, worker.Options{})
	run := it.start(it.options(), CleanupWorkflow)
	time.Sleep(300 * time.Millisecond)
	if err := it.CancelWorkflow(it.ctx, run.GetID(), ""); err != nil {
		t.Fatal(err)
	}
	var cancelled *temporal.CanceledError
	if err := run.Get(it.ctx, nil); !errors.As(err, &cancelled) {
		t.Fatal(err)
	}
	if it.Activities.Cleaned.Load() != 1 {
		t.Fatal("nobody cleaned up")
	}
}

func TestSessions(t *testing.T) {
	options := worker.Options{EnableSessionWorker: true, MaxConcurrentSessionExecutionSize: 2}
	it := set(t, options)
	options.BackgroundActivityContext = context.WithValue(context.Background(), identityKey{}, "another worker")
	it.work(it.Queue, options)
	var hosts []string
	if err := it.start(it.options(), SessionWorkflow).Get(it.ctx, &hosts); err != nil {
		t.Fatal(err)
	}
	if len(hosts) != 3 || hosts[0] == "" || hosts[0] != hosts[1] || hosts[1] != hosts[2] {
		t.Fatal(hosts)
	}
}

func TestCronWithLastCompletionResult(t *testing.T) {
	it := set(t, worker.Options{})
	options := it.options()
	options.CronSchedule = "@every 1s"
	first := it.start(options, CronWorkflow)
	time.Sleep(3500 * time.Millisecond)
	if err := it.TerminateWorkflow(it.ctx, first.GetID(), "", "enough"); err != nil {
		t.Fatal(err)
	}
	history := it.GetWorkflowHistory(it.ctx, first.GetID(), first.GetRunID(), false, enums.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	closed, err := history.Next()
	if err != nil {
		t.Fatal(err)
	}
	second := closed.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
	if second == "" {
		t.Fatal(closed)
	}
	history = it.GetWorkflowHistory(it.ctx, first.GetID(), second, false, enums.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	closed, err = history.Next()
	if err != nil {
		t.Fatal(err)
	}
	if payloads := closed.GetWorkflowExecutionContinuedAsNewEventAttributes().GetLastCompletionResult().GetPayloads(); len(payloads) != 1 || string(payloads[0].Data) != "2" {
		t.Fatal(closed)
	}
}

func TestChildWorkflow(t *testing.T) {
	it := set(t, worker.Options{})
	expect(it, it.start(it.options(), ParentWorkflow), "approved by parent")
}

func TestContinueAsNew(t *testing.T) {
	it := set(t, worker.Options{})
	expect(it, it.start(it.options(), CountdownWorkflow, 2), "version 1, 7")
}

func TestSchedule(t *testing.T) {
	it := set(t, worker.Options{})
	handle, err := it.ScheduleClient().Create(it.ctx, client.ScheduleOptions{
		ID:                 it.Queue,
		Spec:               client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Hour}}},
		Action:             &client.ScheduleWorkflowAction{ID: it.Queue, Workflow: GreetingWorkflow, Args: []any{"World"}, TaskQueue: it.Queue},
		TriggerImmediately: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := handle.Delete(it.ctx); err != nil {
			t.Error(err)
		}
	}()
	for range 100 {
		description, err := handle.Describe(it.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if actions := description.Info.RecentActions; len(actions) == 1 {
			started := actions[0].StartWorkflowResult
			expect(it, it.GetWorkflow(it.ctx, started.WorkflowID, started.FirstExecutionRunID), "Hello World!")
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("nothing was started")
}

// Each of the options of a worker, with a workflow that has to come through.
func TestEveryWorkerOption(t *testing.T) {
	one := 1
	for name, options := range map[string]worker.Options{
		"Concurrency": {
			MaxConcurrentActivityExecutionSize: 2, MaxConcurrentLocalActivityExecutionSize: 2, MaxConcurrentWorkflowTaskExecutionSize: 2,
			MaxConcurrentActivityTaskPollers: 2, MaxConcurrentWorkflowTaskPollers: 2, MaxConcurrentEagerActivityExecutionSize: 1,
		},
		"Rates": {
			WorkerActivitiesPerSecond: 50, WorkerLocalActivitiesPerSecond: 50, TaskQueueActivitiesPerSecond: 50,
		},
		"Autoscaling": {
			WorkflowTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
			ActivityTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
		},
		"Timeouts": {
			StickyScheduleToStartTimeout: time.Second, WorkerStopTimeout: time.Second, DeadlockDetectionTimeout: 5 * time.Second,
			MaxHeartbeatThrottleInterval: time.Second, DefaultHeartbeatThrottleInterval: time.Second,
		},
		"Names":    {Identity: "the worker", BuildID: "build 7"},
		"Policies": {WorkflowPanicPolicy: worker.FailWorkflow, EnableLoggingInReplay: true, DisableRegistrationAliasing: true},
		"Eager":    {MaxEagerActivityReservationsPerWorkflowTask: &one},
		"NotEager": {DisableEagerActivities: true},
	} {
		t.Run(name, func(t *testing.T) {
			it := set(t, options)
			expect(it, it.start(it.options(), GreetingWorkflow, "World"), "Hello World!")
			pollers, err := it.DescribeTaskQueue(it.ctx, it.Queue, enums.TASK_QUEUE_TYPE_WORKFLOW)
			if err != nil || len(pollers.GetPollers()) == 0 {
				t.Fatal(pollers, err)
			}
		})
	}
}

func TestHealthAndClusterInfo(t *testing.T) {
	c := dial(t)
	if _, err := c.CheckHealth(context.Background(), &client.CheckHealthRequest{}); err != nil {
		t.Fatal(err)
	}
	info, err := c.WorkflowService().GetClusterInfo(context.Background(), &workflowservice.GetClusterInfoRequest{})
	if err != nil || info.GetServerVersion() == "" {
		t.Fatal(info, err)
	}
}

type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
