const { Fault, connect } = require('@taskdock/test');

const taskdock = connect();

test('a function fails', async () => {
  await taskdock.execute('count', {});
});

test('a fault needs a number above 0', async () => {
  await taskdock.faults.add('count', Fault.crash(), { times: 0 });
});
