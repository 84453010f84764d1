import { createOAuth1Client } from '@extrahorizon/javascript-sdk';

// The credentials of the function's own user: executionCredentials in task-config.json.
export const exh = createOAuth1Client({
  host: process.env.API_HOST ?? '',
  consumerKey: process.env.API_OAUTH_CONSUMER_KEY ?? '',
  consumerSecret: process.env.API_OAUTH_CONSUMER_SECRET ?? '',
  token: process.env.API_OAUTH_TOKEN ?? '',
  tokenSecret: process.env.API_OAUTH_TOKEN_SECRET ?? '',
});
