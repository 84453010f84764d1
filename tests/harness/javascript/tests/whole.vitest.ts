import { Fault, connect } from '@taskdock/test';
import { beforeEach, describe, expect, inject, test, vi } from 'vitest';

const taskdock = connect(inject('taskdock'));

beforeEach(() => taskdock.reset());

test('a function is executed', async () => {
  const { result, log, memoryUsed } = await taskdock.execute('count', { text: 'a b c' });

  expect(result).toEqual({ words: 3 });
  expect(log).toContain('there are 3 words');
  expect(memoryUsed).toBeLessThan(128);
});

test('a function that fails rejects with its error', async () => {
  await expect(taskdock.execute('count', {})).rejects.toMatchObject({
    error: { name: 'TypeError' },
    log: expect.stringContaining('/var/task/index.js:2'),
  });
});

test('a mail is sent', async () => {
  const sent = await taskdock.doubles.add('POST', '/mail/v1/', { json: { id: '17' } });

  const done = await (await taskdock.tasks.create('greet', { name: 'Ada' })).wait();

  expect(done.status).toBe('complete');
  expect(done.log).toContain('hello Ada');
  const [call] = await sent.calls();
  expect(call.json.recipients).toEqual({ to: ['ada@example.org'] });
  expect(call.functionName).toBe('greet');
});

test('retries take no time', async () => {
  await taskdock.doubles.add('POST', '/mail/v1/', { json: { id: '17' } });
  const fault = await taskdock.faults.add('greet', Fault.error('SmtpDown'), { times: 2 });

  const task = await taskdock.tasks.create('greet', { name: 'Ada' });
  const { chain } = await task.wait();

  expect(chain.map(({ status, delay }) => [status, delay])).toEqual([
    ['retried', 0],
    ['retried', 2],
    ['complete', 5],
  ]);
  const [{ used }] = await taskdock.faults.all();
  expect([fault.used, used]).toEqual([0, 2]);
});

test('a week of a schedule', async () => {
  const { now } = await taskdock.clock.get();
  await taskdock.schedules.create('count', 86_400, { startTimestamp: now, data: { text: 'a' } });

  await taskdock.clock.advance('6d');

  const tasks = await taskdock.tasks.of('count');
  expect(tasks.map(task => task.status)).toEqual(Array(7).fill('complete'));
});

test('a call without a double is listed', async () => {
  await expect(taskdock.execute('greet', { name: 'Ada' })).rejects.toThrow('HTTPError');

  const calls = await taskdock.doubles.calls({ unmatched: true });

  expect(calls.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /mail/v1/']);
});

test('a run is replayed', async () => {
  await taskdock.execute('count', { text: 'a b' });
  const [run] = await taskdock.runs.find({ functionName: 'count' });

  const { same, after } = await taskdock.runs.replay(run.id);

  expect(same).toBe(true);
  expect(after.answer).toEqual({ words: 2 });
});

describe('fake timers', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
    return () => vi.useRealTimers();
  });

  test('are another clock than the service has', async () => {
    const before = await taskdock.clock.get();

    vi.advanceTimersByTime(1_000_000_000);
    const after = await taskdock.clock.get();
    const moved = await taskdock.clock.advance('1h');

    expect(Date.parse(after.now)).toBeLessThan(Date.parse(before.now) + 600_000);
    expect(Date.parse(moved.now)).toBeGreaterThan(Date.parse(before.now) + 3_500_000);
    expect(Date.now()).toBe(1_000_000_000);
  });
});
