// Creates a task with the service's SDK, as a function on the service does.
// taskdock puts API_HOST and the four API_OAUTH_ variables into every function's environment.

const { createOAuth1Client } = require('@extrahorizon/javascript-sdk');

const exh = createOAuth1Client({
  host: process.env.API_HOST,
  consumerKey: process.env.API_OAUTH_CONSUMER_KEY,
  consumerSecret: process.env.API_OAUTH_CONSUMER_SECRET,
  token: process.env.API_OAUTH_TOKEN,
  tokenSecret: process.env.API_OAUTH_TOKEN_SECRET,
});

exports.handler = async (task) => {
  const { functionName = 'hello-world-javascript', name = 'world' } = task.data || {};

  const me = await exh.users.me();
  console.log(`Signed in as ${me.email}`);

  const created = await exh.tasks.create({ functionName, data: { name } });
  console.log(`Made task ${created.id} for ${functionName}`);
  return { taskId: created.id, userId: me.id };
};
