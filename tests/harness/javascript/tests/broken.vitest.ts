import { connect } from '@taskdock/test';
import { inject, test } from 'vitest';

const taskdock = connect(inject('taskdock'));

test('a function fails', async () => {
  await taskdock.execute('count', {});
});

test('there is no such function', async () => {
  await taskdock.execute('cuont');
});
