
await run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
