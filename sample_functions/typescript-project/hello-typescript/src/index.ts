import type { Task } from '@extrahorizon/javascript-sdk';
import { exh } from './exh';

interface Input {
  name?: string;
}

export async function handler(task: Task<Input>) {
  const me = await exh.users.me();
  console.log(`Signed in as ${me.email}`);

  await exh.tasks.find(); // the role has VIEW_TASKS
  const refused = await errorOf(() => exh.tasks.functions.find()); // and nothing else
  console.log(`Not allowed: ${refused}`);

  return { greeting: `Hello ${task.data?.name ?? 'world'}!`, user: me.email, refused };
}

async function errorOf(call: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return (error as Error).name;
  }
}
