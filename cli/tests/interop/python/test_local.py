"""The local environment of the Python SDK, with temporal-sim in the place of the Temporal CLI's dev server."""

import asyncio
import os
import uuid
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

CUSTOMER = SearchAttributeKey.for_keyword("CustomerId")


@activity.defn
async def greet(name: str) -> str:
    return f"Hello {name}!"


@workflow.defn
class Greeting:
    @workflow.run
    async def run(self, name: str) -> str:
        return await workflow.execute_activity(greet, name, start_to_close_timeout=timedelta(seconds=10))


def run(body, **options) -> None:
    async def main() -> None:
        path = os.environ["TEMPORAL_SIM"]
        async with await WorkflowEnvironment.start_local(dev_server_existing_path=path, **options) as env:
            await body(env)

    asyncio.run(asyncio.wait_for(main(), 60))


async def greet_somebody(client: Client, **options) -> None:
    queue = f"queue-{uuid.uuid4()}"
    async with Worker(client, task_queue=queue, workflows=[Greeting], activities=[greet]):
        result = await client.execute_workflow(
            Greeting.run, "World", id=f"wf-{uuid.uuid4()}", task_queue=queue, **options
        )
        assert result == "Hello World!"


def test_a_workflow_runs():
    async def body(env: WorkflowEnvironment) -> None:
        await greet_somebody(env.client)

    run(body)


def test_namespace_and_search_attributes():
    async def body(env: WorkflowEnvironment) -> None:
        assert env.client.namespace == "payments"
        attributes = TypedSearchAttributes([SearchAttributePair(CUSTOMER, "alice")])
        await greet_somebody(env.client, search_attributes=attributes)
        found = [it async for it in env.client.list_workflows("CustomerId = 'alice'")]
        assert len(found) == 1

    run(body, namespace="payments", search_attributes=[CUSTOMER])


def test_histories_survive_in_a_file(tmp_path):
    options = {"dev_server_database_filename": str(tmp_path / "histories.db")}

    async def first(env: WorkflowEnvironment) -> None:
        await greet_somebody(env.client)

    async def second(env: WorkflowEnvironment) -> None:
        found = [it async for it in env.client.list_workflows("WorkflowType = 'Greeting'")]
        assert len(found) == 1
        assert await env.client.get_workflow_handle(found[0].id).result() == "Hello World!"

    run(first, **options)
    run(second, **options)
