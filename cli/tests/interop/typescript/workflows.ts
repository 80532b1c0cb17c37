// Workflows for the tests beside this file; the SDK's own bundler compiles them.

import {
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  executeChild,
  isCancellation,
  proxyActivities,
  setHandler,
  sleep,
} from '@temporalio/workflow';

import type * as activities from './activities';

const { greet, release } = proxyActivities<typeof activities>({ startToCloseTimeout: '10 seconds' });

const { failTwice } = proxyActivities<typeof activities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '1 hour', backoffCoefficient: 24 },
});

const { workInRealTime } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 hour' });

export async function greeting(name: string): Promise<string> {
  return await greet(name);
}

export async function sleepForAMonth(): Promise<number> {
  await sleep('30 days');
  return Date.now();
}

export async function parentOfAMonth(): Promise<number> {
  return await executeChild(sleepForAMonth);
}

export const approve = defineSignal<[string]>('approve');
export const isApproved = defineQuery<boolean>('isApproved');
export const approveAndWait = defineUpdate<string, [string]>('approveAndWait');

export async function approval(): Promise<string> {
  let approver: string | undefined;
  setHandler(approve, (name) => void (approver = name));
  setHandler(isApproved, () => approver !== undefined);
  setHandler(
    approveAndWait,
    async (name) => {
      await sleep('1 hour');
      approver = name;
      return `thanks, ${name}`;
    },
    {
      validator: (name) => {
        if (name === '') throw new Error('an approver has a name');
      },
    },
  );
  const inTime = await condition(() => approver !== undefined, '30 days');
  return inTime ? `approved by ${approver}` : 'expired';
}

export async function reservation(): Promise<string> {
  try {
    await sleep('30 days');
    return 'kept';
  } catch (error) {
    if (!isCancellation(error)) throw error;
    return await CancellationScope.nonCancellable(() => release());
  }
}

export async function retries(): Promise<number> {
  return await failTwice();
}

export async function race(): Promise<string> {
  return await Promise.race([workInRealTime(), sleep('1 hour').then(() => 'timer')]);
}
