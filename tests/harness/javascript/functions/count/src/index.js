exports.handler = async task => {
  const words = task.data.text.split(' ');
  console.log(`there are ${words.length} words`);
  return { words: words.length };
};
