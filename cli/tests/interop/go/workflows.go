// Package interop has programs of the Go SDK, as its guides teach them, to run against a server.
package interop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Transfer is what somebody wants to be paid.
type Transfer struct {
	From, To string
	Amount   int
}

// Activities are methods of a struct, which holds what they share.
type Activities struct {
	Withdrawn, Cleaned atomic.Int64
}

func (a *Activities) Withdraw(_ context.Context, transfer Transfer) (string, error) {
	if transfer.Amount < 0 {
		return "", temporal.NewNonRetryableApplicationError("negative amount", "InvalidAmount", nil, transfer.Amount)
	}
	a.Withdrawn.Add(int64(transfer.Amount))
	return fmt.Sprintf("%s-%d", transfer.From, transfer.Amount), nil
}

// Flaky fails until its third attempt.
func (a *Activities) Flaky(ctx context.Context) (int32, error) {
	attempt := activity.GetInfo(ctx).Attempt
	if attempt < 3 {
		return 0, fmt.Errorf("attempt %d", attempt)
	}
	return attempt, nil
}

// Counts goes on from where its last attempt was, by its heartbeats.
func (a *Activities) Counts(ctx context.Context, to int) (int, error) {
	from := 0
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &from); err != nil {
			return 0, err
		}
	}
	for count := from; count < to; count++ {
		activity.RecordHeartbeat(ctx, count+1)
		if count == to/2 && activity.GetInfo(ctx).Attempt == 1 {
			return 0, errors.New("half way")
		}
	}
	return from, nil
}

// UntilCancelled sends heartbeats until it is cancelled.
func (a *Activities) UntilCancelled(ctx context.Context) error {
	for {
		activity.RecordHeartbeat(ctx, "still here")
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (a *Activities) CleanUp(context.Context) error {
	a.Cleaned.Add(1)
	return nil
}

// Later is completed by somebody else, with its task token.
func (a *Activities) Later(ctx context.Context) (string, error) {
	return "", activity.ErrResultPending
}

func Greet(_ context.Context, name string) (string, error) {
	return "Hello " + name + "!", nil
}

// HostOf says which worker has run it.
func HostOf(ctx context.Context) (string, error) {
	return fmt.Sprint(ctx.Value(identityKey{})), nil
}

func GreetingWorkflow(ctx workflow.Context, name string) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 10 * time.Second})
	var greeting string
	err := workflow.ExecuteActivity(ctx, Greet, name).Get(ctx, &greeting)
	return greeting, err
}

func TransferWorkflow(ctx workflow.Context, transfer Transfer) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:        10 * time.Millisecond,
			BackoffCoefficient:     2,
			MaximumInterval:        time.Second,
			MaximumAttempts:        5,
			NonRetryableErrorTypes: []string{"Fatal"},
		},
	})
	var a *Activities
	var receipt string
	err := workflow.ExecuteActivity(ctx, a.Withdraw, transfer).Get(ctx, &receipt)
	return receipt, err
}

// ActivityOptionsWorkflow sets every option of an activity.
func ActivityOptionsWorkflow(ctx workflow.Context, activityQueue string) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              activityQueue,
		ScheduleToCloseTimeout: time.Minute,
		ScheduleToStartTimeout: 30 * time.Second,
		StartToCloseTimeout:    20 * time.Second,
		HeartbeatTimeout:       10 * time.Second,
		WaitForCancellation:    true,
		ActivityID:             "the-one",
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 10 * time.Millisecond, MaximumAttempts: 4},
		DisableEagerExecution:  true,
		Summary:                "counts to ten",
		Priority:               temporal.Priority{PriorityKey: 2},
	})
	var a *Activities
	var from int
	if err := workflow.ExecuteActivity(ctx, a.Counts, 10).Get(ctx, &from); err != nil {
		return "", err
	}
	local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: 10 * time.Second,
		StartToCloseTimeout:    5 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 10 * time.Millisecond, MaximumAttempts: 3},
		Summary:                "greets",
	})
	var greeting string
	err := workflow.ExecuteLocalActivity(local, Greet, "local").Get(local, &greeting)
	return fmt.Sprintf("from %d: %s", from, greeting), err
}

// ApprovalWorkflow waits for a signal, answers queries and takes updates.
func ApprovalWorkflow(ctx workflow.Context) (string, error) {
	state := "waiting"
	if err := workflow.SetQueryHandler(ctx, "state", func() (string, error) { return state, nil }); err != nil {
		return "", err
	}
	notes := []string{}
	err := workflow.SetUpdateHandlerWithOptions(ctx, "note",
		func(ctx workflow.Context, note string) (int, error) {
			notes = append(notes, note)
			return len(notes), nil
		},
		workflow.UpdateHandlerOptions{Validator: func(note string) error {
			if note == "" {
				return errors.New("an empty note")
			}
			return nil
		}})
	if err != nil {
		return "", err
	}
	timer, cancelTimer := workflow.WithCancel(ctx)
	selector := workflow.NewSelector(ctx)
	selector.AddReceive(workflow.GetSignalChannel(ctx, "approve"), func(channel workflow.ReceiveChannel, _ bool) {
		var by string
		channel.Receive(ctx, &by)
		state = "approved by " + by
		cancelTimer()
	})
	selector.AddFuture(workflow.NewTimer(timer, time.Hour), func(workflow.Future) { state = "expired" })
	selector.Select(ctx)
	return state + strings.Join(append([]string{""}, notes...), ","), nil
}

// CleanupWorkflow cleans up after it was cancelled, in a context that is not.
func CleanupWorkflow(ctx workflow.Context) (err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute,
		HeartbeatTimeout:    2 * time.Second,
		WaitForCancellation: true,
	})
	var a *Activities
	defer func() {
		if !errors.Is(ctx.Err(), workflow.ErrCanceled) {
			return
		}
		disconnected, _ := workflow.NewDisconnectedContext(ctx)
		if cleaned := workflow.ExecuteActivity(disconnected, a.CleanUp).Get(disconnected, nil); cleaned != nil {
			err = cleaned
		}
	}()
	return workflow.ExecuteActivity(ctx, a.UntilCancelled).Get(ctx, nil)
}

// SessionWorkflow runs several activities on one worker.
func SessionWorkflow(ctx workflow.Context) ([]string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second, ScheduleToStartTimeout: 10 * time.Second,
	})
	session, err := workflow.CreateSession(ctx, &workflow.SessionOptions{
		CreationTimeout: 10 * time.Second, ExecutionTimeout: time.Minute, HeartbeatTimeout: 5 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	defer workflow.CompleteSession(session)
	hosts := make([]string, 3)
	for i := range hosts {
		if err := workflow.ExecuteActivity(session, HostOf).Get(session, &hosts[i]); err != nil {
			return nil, err
		}
	}
	return hosts, nil
}

// CronWorkflow goes on from what its last run has returned.
func CronWorkflow(ctx workflow.Context) (int, error) {
	count := 0
	if workflow.HasLastCompletionResult(ctx) {
		if err := workflow.GetLastCompletionResult(ctx, &count); err != nil {
			return 0, err
		}
	}
	return count + 1, nil
}

// RetriedWorkflow fails in its first two runs.
func RetriedWorkflow(ctx workflow.Context) (int32, error) {
	attempt := workflow.GetInfo(ctx).Attempt
	if attempt < 3 {
		return 0, fmt.Errorf("run %d", attempt)
	}
	return attempt, nil
}

// ParentWorkflow starts a child, signals it and waits for it.
func ParentWorkflow(ctx workflow.Context) (string, error) {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID + "/child",
	})
	child := workflow.ExecuteChildWorkflow(ctx, ApprovalWorkflow)
	if err := child.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
		return "", err
	}
	if err := child.SignalChildWorkflow(ctx, "approve", "parent").Get(ctx, nil); err != nil {
		return "", err
	}
	var state string
	err := child.Get(ctx, &state)
	return state, err
}

// CountdownWorkflow continues as new until it is at zero; a version marker and a side effect are on the way.
func CountdownWorkflow(ctx workflow.Context, from int) (string, error) {
	version := workflow.GetVersion(ctx, "change", workflow.DefaultVersion, 1)
	var id int
	err := workflow.SideEffect(ctx, func(workflow.Context) any { return 7 }).Get(&id)
	if err != nil {
		return "", err
	}
	if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
		return "", err
	}
	if from > 0 {
		return "", workflow.NewContinueAsNewError(ctx, CountdownWorkflow, from-1)
	}
	return fmt.Sprintf("version %d, %d", version, id), nil
}

// LaterWorkflow has an activity that somebody else completes.
func LaterWorkflow(ctx workflow.Context) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second, ActivityID: "later",
	})
	var a *Activities
	var result string
	err := workflow.ExecuteActivity(ctx, a.Later).Get(ctx, &result)
	return result, err
}

// identityKey is where the context of a worker's activities has the name of the worker.
type identityKey struct{}
