const { post } = require('./service');

const HOUR = 3_600_000; // milliseconds

exports.handler = async (event) => {
  const { name } = event.data;
  if (!name) throw new TypeError('whom shall I welcome?');
  console.log(`hello ${name}`);
  await post('/mail/v1/', {
    subject: 'Welcome',
    recipients: { to: [`${name.toLowerCase()}@example.org`] },
  });
  // From the task's own time: a test moves the time of the service, never that of a function.
  const start = new Date(Date.parse(event.startTimestamp) + HOUR);
  await post('/tasks/v1/', {
    functionName: 'report',
    data: { for: name },
    startTimestamp: start.toISOString(),
  });
  return { sent: true };
};
