'use strict';

const { activityInfo } = require('@temporalio/activity');

async function greet(name) {
  return `Hello ${name}!`;
}

async function release() {
  return 'released';
}

async function failTwice() {
  const { attempt } = activityInfo();
  if (attempt < 3) throw new Error(`attempt ${attempt}`);
  return attempt;
}

async function workInRealTime() {
  await new Promise((done) => setTimeout(done, 500));
  return 'activity';
}

module.exports = { greet, release, failTwice, workInRealTime };
