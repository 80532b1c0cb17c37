"""The environment of the Python SDK that skips time, with temporal-sim in the place of Temporal's test server."""

import asyncio
import os
import time
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from temporalio import activity, workflow
from temporalio.api.testservice.v1 import UnlockTimeSkippingRequest
from temporalio.client import WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, TimeoutError as TemporalTimeoutError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

MONTH = timedelta(days=30)


@workflow.defn
class SleepsForAMonth:
    @workflow.run
    async def run(self) -> str:
        await asyncio.sleep(MONTH.total_seconds())
        return workflow.now().isoformat()


@workflow.defn
class WaitsForSignal:
    def __init__(self) -> None:
        self.approved = False

    @workflow.run
    async def run(self) -> str:
        try:
            await workflow.wait_condition(lambda: self.approved, timeout=MONTH)
        except asyncio.TimeoutError:
            return "expired"
        return "approved"

    @workflow.signal
    def approve(self) -> None:
        self.approved = True

    @workflow.query
    def is_approved(self) -> bool:
        return self.approved

    @workflow.update
    async def approve_and_wait(self) -> str:
        self.approved = True
        return "thanks"


@activity.defn
async def fails_until_third_attempt() -> int:
    attempt = activity.info().attempt
    if attempt < 3:
        raise RuntimeError(f"attempt {attempt}")
    return attempt


@activity.defn
async def takes_real_time() -> str:
    await asyncio.sleep(0.5)
    return "done"


@activity.defn
async def sleeps_in_heartbeats() -> None:
    while True:
        await asyncio.sleep(10)


@workflow.defn
class Retries:
    @workflow.run
    async def run(self) -> int:
        return await workflow.execute_activity(
            fails_until_third_attempt,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(initial_interval=timedelta(hours=1), backoff_coefficient=24),
        )


@workflow.defn
class RacesTimerAgainstActivity:
    @workflow.run
    async def run(self) -> str:
        work = asyncio.create_task(
            workflow.execute_activity(takes_real_time, start_to_close_timeout=timedelta(hours=1))
        )
        timer = asyncio.create_task(asyncio.sleep(3600))
        done, _ = await workflow.wait([work, timer], return_when=asyncio.FIRST_COMPLETED)
        return "activity" if work in done else "timer"


@workflow.defn
class NobodyTakesTheActivity:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(
            takes_real_time,
            task_queue="nobody-polls-this",
            schedule_to_start_timeout=timedelta(days=2),
            start_to_close_timeout=timedelta(seconds=10),
        )


@workflow.defn
class HasChildWithLongSleep:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_child_workflow(SleepsForAMonth.run, id=workflow.info().workflow_id + "/child")


WORKFLOWS = [
    SleepsForAMonth, WaitsForSignal, Retries, RacesTimerAgainstActivity, NobodyTakesTheActivity, HasChildWithLongSleep
]
ACTIVITIES = [fails_until_third_attempt, takes_real_time, sleeps_in_heartbeats]


class Setting:
    def __init__(self, env: WorkflowEnvironment, worker: Worker) -> None:
        self.env, self.client, self.queue = env, env.client, worker.task_queue

    def options(self) -> dict:
        return {"id": f"wf-{uuid.uuid4()}", "task_queue": self.queue}


def run(body) -> None:
    async def main() -> None:
        path = os.environ["TEMPORAL_SIM"]
        async with await WorkflowEnvironment.start_time_skipping(test_server_existing_path=path) as env:
            queue = f"queue-{uuid.uuid4()}"
            async with Worker(env.client, task_queue=queue, workflows=WORKFLOWS, activities=ACTIVITIES) as worker:
                await body(Setting(env, worker))

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_month_of_sleep_takes_no_time():
    async def body(it: Setting) -> None:
        begin, real = await it.env.get_current_time(), time.monotonic()
        woken = await it.client.execute_workflow(SleepsForAMonth.run, **it.options())
        slept = datetime.fromisoformat(woken) - begin
        assert MONTH <= slept < MONTH + timedelta(seconds=10)
        assert time.monotonic() - real < 10
        assert await it.env.get_current_time() - begin >= MONTH

    run(body)


def test_a_year_of_sleeps_is_skipped_one_by_one():
    async def body(it: Setting) -> None:
        begin = await it.env.get_current_time()
        for _ in range(12):
            await it.client.execute_workflow(SleepsForAMonth.run, **it.options())
        assert await it.env.get_current_time() - begin >= 12 * MONTH

    run(body)


def test_time_stands_while_nobody_waits_for_a_result():
    async def body(it: Setting) -> None:
        handle = await it.client.start_workflow(WaitsForSignal.run, **it.options())
        await asyncio.sleep(0.5)
        assert not await handle.query(WaitsForSignal.is_approved)
        await handle.signal(WaitsForSignal.approve)
        assert await handle.result() == "approved"

    run(body)


def test_time_is_skipped_to_the_timeout_of_a_wait():
    async def body(it: Setting) -> None:
        handle = await it.client.start_workflow(WaitsForSignal.run, **it.options())
        assert await handle.result() == "expired"

    run(body)


def test_sleep_moves_time_and_fires_what_is_due():
    async def body(it: Setting) -> None:
        handle = await it.client.start_workflow(WaitsForSignal.run, **it.options())
        begin = await it.env.get_current_time()
        await it.env.sleep(timedelta(days=20))
        slept = await it.env.get_current_time() - begin
        assert timedelta(days=20) <= slept < timedelta(days=20, seconds=10)
        assert await handle.execute_update(WaitsForSignal.approve_and_wait) == "thanks"
        assert await handle.result() == "approved"

    run(body)


def test_the_backoff_of_an_activity_is_skipped():
    async def body(it: Setting) -> None:
        begin = await it.env.get_current_time()
        assert await it.client.execute_workflow(Retries.run, **it.options()) == 3
        assert await it.env.get_current_time() - begin >= timedelta(hours=25)

    run(body)


def test_an_activity_at_work_holds_time():
    async def body(it: Setting) -> None:
        assert await it.client.execute_workflow(RacesTimerAgainstActivity.run, **it.options()) == "activity"

    run(body)


def test_an_activity_that_nobody_takes_times_out():
    async def body(it: Setting) -> None:
        with pytest.raises(WorkflowFailureError) as error:
            await it.client.execute_workflow(NobodyTakesTheActivity.run, **it.options())
        assert isinstance(error.value.cause, ActivityError)
        assert isinstance(error.value.cause.cause, TemporalTimeoutError)

    run(body)


def test_a_child_sleeps_for_a_month():
    async def body(it: Setting) -> None:
        begin = await it.env.get_current_time()
        await it.client.execute_workflow(HasChildWithLongSleep.run, **it.options())
        assert await it.env.get_current_time() - begin >= MONTH

    run(body)


def test_an_environment_whose_time_is_not_skipped_runs_like_the_wall_clock():
    async def body(it: Setting) -> None:
        with it.env.auto_time_skipping_disabled():
            handle = await it.client.start_workflow(WaitsForSignal.run, **it.options())
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(handle.result(), 1)
            await handle.signal(WaitsForSignal.approve)
            assert await handle.result() == "approved"

    run(body)


def test_an_unbalanced_unlock_is_refused():
    async def body(it: Setting) -> None:
        test = it.client.test_service
        await test.unlock_time_skipping(UnlockTimeSkippingRequest())
        with pytest.raises(RPCError) as error:
            await test.unlock_time_skipping(UnlockTimeSkippingRequest())
        assert error.value.status == RPCStatusCode.FAILED_PRECONDITION

    run(body)


def test_server_time_begins_at_the_system_time():
    async def body(it: Setting) -> None:
        assert abs(await it.env.get_current_time() - datetime.now(timezone.utc)) < timedelta(seconds=5)

    run(body)
