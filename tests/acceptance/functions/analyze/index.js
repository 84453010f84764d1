// Reads a document and its author, has another function judge it, fetches a file and sends a mail.
const { createOAuth1Client, rqlBuilder } = require('@extrahorizon/javascript-sdk');

const exh = createOAuth1Client({
  host: process.env.API_HOST,
  consumerKey: process.env.API_OAUTH_CONSUMER_KEY,
  consumerSecret: process.env.API_OAUTH_CONSUMER_SECRET,
  token: process.env.API_OAUTH_TOKEN,
  tokenSecret: process.env.API_OAUTH_TOKEN_SECRET,
});

exports.handler = async (task) => {
  const { documentId, fileToken } = task.data;

  const document = await exh.data.documents.findById('blood-pressure', documentId);
  const me = await exh.users.me();
  const found = await exh.users.find({ rql: rqlBuilder().eq('id', me.id).build() });
  const judged = await exh.tasks.functions.execute('judge', document.data);
  const letter = await exh.files.retrieve(fileToken);
  const mail = await exh.mails.send({
    recipients: { to: ['ada@example.org'] },
    subject: `Your blood pressure is ${judged.result.verdict}`,
    templateName: 'report',
    content: { userEmail: found.data[0].email, letterBytes: letter.length, startsWith: [...letter.subarray(0, 4)] },
  });
  await exh.data.documents.update('blood-pressure', documentId, { mailId: mail.id });
  return { mailId: mail.id };
};
