'use strict';
// The signature of a request as the Task Service's SDK makes it: OAuth 1.0a with HMAC-SHA1,
// RFC 5849. A strict server wants it; an open one does not ask.

const { createHmac, randomBytes } = require('node:crypto');

const Clock = Date; // a test may put fake timers in its place later
const KEYS = ['CONSUMER_KEY', 'CONSUMER_SECRET', 'TOKEN', 'TOKEN_SECRET'];

/** The header `Authorization` of a request, or undefined without credentials for that server. */
function authorization(method, url, env) {
  const [key, secret, token, tokenSecret] = KEYS.map(name => env[`API_OAUTH_${name}`]);
  if (!key || !secret || !token || !tokenSecret || env.API_HOST !== url.origin) return undefined;
  const own = {
    oauth_consumer_key: key,
    oauth_nonce: randomBytes(16).toString('hex'),
    oauth_signature_method: 'HMAC-SHA1',
    oauth_timestamp: String(Math.floor(Clock.now() / 1000)),
    oauth_token: token,
    oauth_version: '1.0',
  };
  const pairs = [...Object.entries(own), ...url.searchParams].map(pair => pair.map(encoded));
  const sorted = pairs.sort(byNameThenValue).map(pair => pair.join('='));
  const base = [method, url.origin + url.pathname, sorted.join('&')].map(encoded).join('&');
  const hash = createHmac('sha1', `${encoded(secret)}&${encoded(tokenSecret)}`).update(base);
  const signed = { ...own, oauth_signature: hash.digest('base64') };
  const fields = Object.entries(signed).map(([name, value]) => `${name}="${encoded(value)}"`);
  return `OAuth ${fields.join(', ')}`;
}

function byNameThenValue([name, value], [otherName, otherValue]) {
  if (name !== otherName) return name < otherName ? -1 : 1;
  return value < otherValue ? -1 : Number(value > otherValue);
}

/** RFC 3986's percent-encoding, which is stricter than JavaScript's. */
function encoded(text) {
  const more = letter => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!'()*]/g, more);
}

module.exports = { authorization };
