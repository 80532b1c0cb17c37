'use strict';

// The local environment of the TypeScript SDK, with temporal-sim in the place of the Temporal CLI's dev server.

const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { after, before, test } = require('node:test');
const { setTimeout: delay } = require('node:timers/promises');

const { ScheduleNotFoundError } = require('@temporalio/client');
const { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } = require('@temporalio/common');
const { TestWorkflowEnvironment } = require('@temporalio/testing');

const { executable, withWorker } = require('./setting');

const CUSTOMER = defineSearchAttributeKey('CustomerId', SearchAttributeType.KEYWORD);

let env;
before(async () => {
  env = await TestWorkflowEnvironment.createLocal({
    server: { executable, namespace: 'payments', searchAttributes: [CUSTOMER] },
  });
});
after(async () => await env?.teardown());

async function eventually(what, attempt) {
  for (let attempts = 0; attempts < 100; attempts++) {
    if (await attempt()) return;
    await delay(100);
  }
  assert.fail(what);
}

test('a workflow runs, and is found by a search attribute', async () => {
  await withWorker(env, async ({ client, options }) => {
    const customer = `customer-${randomUUID()}`;
    const typedSearchAttributes = new TypedSearchAttributes([{ key: CUSTOMER, value: customer }]);
    const result = await client.workflow.execute('greeting', {
      ...options(),
      args: ['World'],
      typedSearchAttributes,
    });
    assert.equal(result, 'Hello World!');
    const { count } = await client.workflow.count(`CustomerId = '${customer}'`);
    assert.equal(count, 1);
  });
});

test('a cancellation, and a signal with start', async () => {
  await withWorker(env, async ({ client, options, taskQueue }) => {
    const handle = await client.workflow.start('reservation', options());
    await handle.cancel();
    assert.equal(await handle.result(), 'released');

    const { workflowId } = options();
    const started = await client.workflow.signalWithStart('approval', {
      taskQueue,
      workflowId,
      signal: 'approve',
      signalArgs: ['carol'],
    });
    assert.equal(await started.result(), 'approved by carol');
  });
});

test('a schedule is created, described, triggered, paused and deleted', async () => {
  await withWorker(env, async ({ client, taskQueue }) => {
    const scheduleId = `schedule-${randomUUID()}`;
    const schedule = await client.schedule.create({
      scheduleId,
      spec: { intervals: [{ every: '1 day' }] },
      action: { type: 'startWorkflow', workflowType: 'greeting', args: ['schedule'], taskQueue },
    });
    assert.equal((await schedule.describe()).spec.intervals[0].every, 86_400_000);

    await schedule.trigger();
    await eventually('the triggered workflow ends', async () => {
      const [action] = (await schedule.describe()).info.recentActions;
      if (!action) return false;
      const { workflowId, firstExecutionRunId } = action.action.workflow;
      return (await client.workflow.getHandle(workflowId, firstExecutionRunId).result()) === 'Hello schedule!';
    });

    await schedule.pause('for a while');
    assert.equal((await schedule.describe()).state.paused, true);
    await eventually('the schedule is listed', async () => {
      for await (const { scheduleId: id } of client.schedule.list()) if (id === scheduleId) return true;
      return false;
    });
    await schedule.delete();
    await assert.rejects(schedule.describe(), ScheduleNotFoundError);
  });
});
