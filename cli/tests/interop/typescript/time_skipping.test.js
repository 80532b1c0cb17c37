'use strict';

// The environment of the TypeScript SDK that skips time, with temporal-sim in the place of Temporal's test server.

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');

const { TestWorkflowEnvironment } = require('@temporalio/testing');

const { executable, withWorker } = require('./setting');

const HOUR = 3_600_000;
const MONTH = 30 * 24 * HOUR;

let env;
before(async () => {
  env = await TestWorkflowEnvironment.createTimeSkipping({ server: { executable } });
});
after(async () => await env?.teardown());

/** How much of the server's time passes during `body`. */
async function serverTime(body) {
  const begin = await env.currentTimeMs();
  await body();
  return (await env.currentTimeMs()) - begin;
}

test('a month of sleep takes no time', async () => {
  await withWorker(env, async ({ client, options }) => {
    const begin = await env.currentTimeMs();
    const woken = await client.workflow.execute('sleepForAMonth', options());
    assert.ok(woken - begin >= MONTH && woken - begin < MONTH + 10_000);
  });
});

test('a child sleeps for a month', async () => {
  await withWorker(env, async ({ client, options }) => {
    assert.ok((await serverTime(() => client.workflow.execute('parentOfAMonth', options()))) >= MONTH);
  });
});

test('a signal arrives before the month is over, and a query sees it', async () => {
  await withWorker(env, async ({ client, options }) => {
    const handle = await client.workflow.start('approval', options());
    assert.equal(await handle.query('isApproved'), false);
    await handle.signal('approve', 'alice');
    assert.equal(await handle.query('isApproved'), true);
    assert.equal(await handle.result(), 'approved by alice');
  });
});

test('nobody approves', async () => {
  await withWorker(env, async ({ client, options }) => {
    assert.equal(await client.workflow.execute('approval', options()), 'expired');
  });
});

test('an update sleeps for an hour, and another one is refused', async () => {
  await withWorker(env, async ({ client, options }) => {
    const handle = await client.workflow.start('approval', options());
    await assert.rejects(handle.executeUpdate('approveAndWait', { args: [''] }), /Update failed/);
    const update = await handle.startUpdate('approveAndWait', { args: ['bob'], waitForStage: 'ACCEPTED' });
    await env.sleep('2 hours');
    assert.equal(await update.result(), 'thanks, bob');
    assert.equal(await handle.result(), 'approved by bob');
  });
});

test('a cancelled workflow cleans up', async () => {
  await withWorker(env, async ({ client, options }) => {
    const handle = await client.workflow.start('reservation', options());
    await env.sleep('10 days');
    await handle.cancel();
    assert.equal(await handle.result(), 'released');
  });
});

test('the backoff of an activity is skipped', async () => {
  await withWorker(env, async ({ client, options }) => {
    const passed = await serverTime(async () => {
      assert.equal(await client.workflow.execute('retries', options()), 3);
    });
    assert.ok(passed >= 25 * HOUR);
  });
});

test('an activity at work holds time', async () => {
  await withWorker(env, async ({ client, options }) => {
    assert.equal(await client.workflow.execute('race', options()), 'activity');
  });
});
