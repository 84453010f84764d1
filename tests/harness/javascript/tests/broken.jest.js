const { Fault, connect } = require('@taskdock/test');

const taskdock = connect();

test('a function fails', () => taskdock.execute('count', {}));
test('there is no such function', () => taskdock.execute('cuont'));
test('a fault needs a number above 0', () =>
  taskdock.faults.add('count', Fault.crash(), { times: 0 }));
