import { connect } from '@taskdock/test';
import { inject, test } from 'vitest';

const taskdock = connect(inject('taskdock'));

test('a function fails', () => taskdock.execute('count', {}));
test('there is no such function', () => taskdock.execute('cuont'));
