// The event is the task itself: its input is at task.data, its id at task.id.
exports.doTask = async (task) => {
  console.log('Hello world!');

  return { greeting: `Hello ${task.data?.name ?? 'world'}!`, taskId: task.id };
};

exports.handler = exports.doTask;
