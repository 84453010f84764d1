const { Fault, connect } = require('@taskdock/test');

const taskdock = connect();

beforeEach(() => taskdock.reset());

test('a function is executed', async () => {
  const { result, log } = await taskdock.execute('count', { text: 'a b c' });

  expect(result).toEqual({ words: 3 });
  expect(log).toContain('there are 3 words');
});

test('a mail is sent, at the second try', async () => {
  const sent = await taskdock.doubles.add('POST', '/mail/v1/', { json: { id: '17' } });
  await taskdock.faults.add('greet', Fault.error('SmtpDown'), { times: 1 });

  const done = await (await taskdock.tasks.create('greet', { name: 'Ada' })).wait();

  expect(done.chain.map(task => task.status)).toEqual(['retried', 'complete']);
  expect((await sent.calls()).map(call => call.json.recipients.to)).toEqual([['ada@example.org']]);
});

test('a task of tomorrow', async () => {
  const { now } = await taskdock.clock.get();
  const tomorrow = new Date(Date.parse(now) + 86_400_000);
  await taskdock.tasks.create('count', { text: 'a' }, { startTimestamp: tomorrow });

  await taskdock.clock.moveTo(tomorrow);

  const [task] = await taskdock.tasks.of('count');
  expect(task.status).toBe('complete');
});
