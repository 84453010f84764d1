// Does what data.do says.
const actions = {
  hello: (data) => ({ hello: data.name }),

  fail: () => {
    throw new TypeError('boom');
  },

  exit: (data) => process.exit(data.code),

  // A result of `bytes` bytes of JSON, the quotes among them.
  grow: (data) => 'x'.repeat(data.bytes - 2),

  print: () => {
    console.log('one');
    console.error('two');
    console.log('three\nfour');
  },

  tell: (data, context) => ({
    environment: process.env,
    functionName: context.functionName,
    functionVersion: context.functionVersion,
    invokedFunctionArn: context.invokedFunctionArn,
    memoryLimit: context.memoryLimitInMB,
    logGroup: context.logGroupName,
    logStream: context.logStreamName,
    requestId: context.awsRequestId,
    remaining: context.getRemainingTimeInMillis(),
  }),
};

exports.handler = async (task, context) => actions[task.data.do](task.data, context);
