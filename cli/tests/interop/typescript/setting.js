'use strict';

const { randomUUID } = require('node:crypto');

const { Runtime, Worker, bundleWorkflowCode, DefaultLogger } = require('@temporalio/worker');

const activities = require('./activities');

Runtime.install({ logger: new DefaultLogger('ERROR') });

const logger = new DefaultLogger('ERROR');
const bundle = bundleWorkflowCode({ workflowsPath: require.resolve('./workflows.ts'), logger });

/** Where the binary under test is. */
const executable = { type: 'existing-path', path: process.env.TEMPORAL_SIM };

/** Calls `body` with a client, and options for a workflow that a worker serves meanwhile. */
async function withWorker(env, body) {
  const taskQueue = `queue-${randomUUID()}`;
  const worker = await Worker.create({
    connection: env.nativeConnection,
    namespace: env.namespace,
    taskQueue,
    workflowBundle: await bundle,
    activities,
  });
  const options = () => ({ taskQueue, workflowId: `wf-${randomUUID()}` });
  return await worker.runUntil(() => body({ env, client: env.client, taskQueue, options }));
}

module.exports = { executable, withWorker };
