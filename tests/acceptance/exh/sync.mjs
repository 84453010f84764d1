// The requests of `exh tasks sync --path FILE`, in its order, with the service's own SDK and the
// packer that exh uses. exh itself is not on the public npm. Written by reading ExtraHorizon/exh-cli
// 1.13.6: src/services/tasks/{sync,util,taskConfig}.ts and src/repositories/{user,functions,auth}.ts.

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import archiver from 'archiver';
import { createOAuth1Client, rqlBuilder } from '@extrahorizon/javascript-sdk';

const KEYS = ['$schema', 'name', 'description', 'path', 'entryPoint', 'runtime', 'timeLimit',
  'memoryLimit', 'executionPermission', 'defaultPriority', 'environment', 'retryPolicy',
  'executionCredentials'];

function client(variables) {
  return createOAuth1Client({
    host: variables.API_HOST,
    consumerKey: variables.API_OAUTH_CONSUMER_KEY,
    consumerSecret: variables.API_OAUTH_CONSUMER_SECRET,
    token: variables.API_OAUTH_TOKEN,
    tokenSecret: variables.API_OAUTH_TOKEN_SECRET,
  });
}

const exh = client(process.env);

async function zip(folder) {
  const archive = archiver('zip', { zlib: { level: 9 } });
  archive.directory(`${folder}/`, false);
  const [content] = await Promise.all([buffer(archive), archive.finalize()]);
  return content.toString('base64');
}

async function roleFor(name, wanted) {
  const roleName = `exh.tasks.${name}`;
  const chosen = rqlBuilder().eq('name', roleName).build();
  const { globalRoles } = exh.users;
  const role = await globalRoles.findByName(roleName);
  if (!role) {
    const description = `A role created by the CLI for the execution of the task ${name}`;
    const made = await globalRoles.create({ name: roleName, description });
    if (wanted.length) await globalRoles.addPermissions(chosen, { permissions: wanted });
    return made;
  }
  const has = (role.permissions ?? []).map(one => one.name);
  const added = wanted.filter(one => !has.includes(one));
  const removed = has.filter(one => !wanted.includes(one));
  if (added.length) await globalRoles.addPermissions(chosen, { permissions: added });
  if (removed.length) await globalRoles.removePermissions(chosen, { permissions: removed });
  return role;
}

async function give(user, role) {
  const chosen = rqlBuilder().eq('id', user.id).build();
  await exh.users.globalRoles.addToUsers(chosen, { roles: [role.id] });
}

async function tokenFor(name, { email: given, permissions }) {
  const email = (given || `exh.tasks+${name}@extrahorizon.com`).toLowerCase();
  const password = `0Oo-${randomBytes(16).toString('hex')}`;
  const role = await roleFor(name, permissions);
  const known = await exh.users.findFirst({ rql: rqlBuilder().eq('email', email).build() });
  if (!known) {
    const user = await exh.users.createAccount({
      activationMode: 'manual', firstName: name, lastName: 'exh.tasks', email, password,
      phoneNumber: '0000000000', language: 'EN',
    });
    await give(user, role);
    return (await exh.raw.post('/auth/v2/oauth1/tokens', { email, password })).data;
  }
  const there = await exh.tasks.functions.getByName(name);
  const variables = Object.fromEntries(
    Object.entries(there.environmentVariables).map(([key, one]) => [key, one.value]));
  const me = await client(variables).users.me();
  if (me.id !== known.id) throw new Error(`credentials of ${me.email}, not of ${known.email}`);
  if (!known.roles?.find(one => one.name === role.name)) await give(known, role);
  return { token: variables.API_OAUTH_TOKEN, tokenSecret: variables.API_OAUTH_TOKEN_SECRET };
}

async function sync(file) {
  const config = JSON.parse(await readFile(file));
  const unknown = Object.keys(config).filter(key => !KEYS.includes(key));
  if (unknown.length) throw new Error(`must NOT have additional properties: ${unknown}`);

  await exh.users.me();
  const request = {
    name: config.name,
    description: config.description || 'none',
    entryPoint: config.entryPoint,
    code: await zip(join(dirname(file), config.path)),
    runtime: config.runtime,
    timeLimit: config.timeLimit,
    memoryLimit: config.memoryLimit,
  };
  const variables = { ...config.environment };
  if (config.executionCredentials) {
    const { token, tokenSecret } = await tokenFor(config.name, config.executionCredentials);
    for (const key of ['API_HOST', 'API_OAUTH_CONSUMER_KEY', 'API_OAUTH_CONSUMER_SECRET']) {
      variables[key] = process.env[key];
    }
    Object.assign(variables, { API_OAUTH_TOKEN: token, API_OAUTH_TOKEN_SECRET: tokenSecret });
  }
  request.environmentVariables = Object.fromEntries(
    Object.entries(variables).map(([key, value]) => [key, { value }]));

  const all = (await exh.raw.get('/tasks/v1/functions/')).data.data;
  if (!all.find(one => one.name === config.name)) {
    await exh.raw.post('/tasks/v1/functions/', request);
    return 'created';
  }
  const there = (await exh.raw.get(`/tasks/v1/functions/${config.name}`)).data;
  if (request.runtime === there.runtime) delete request.runtime;
  const answer = (await exh.raw.put(`/tasks/v1/functions/${config.name}`, request)).data;
  if (!answer.affectedRecords) throw new Error('nothing was updated');
  return 'updated';
}

console.log(await sync(process.argv[2]));
