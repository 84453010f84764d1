const { createHash } = require("node:crypto");

const express = require("express");
const serverless = require("serverless-http");

const app = express();
app.use(express.json());
app.use(express.raw({ type: "application/octet-stream", limit: "6mb" }));

app.get("/hello", (request, response) => {
  console.log(`Greeting ${request.query.name}`);
  response.json({ greeting: `Hello ${request.query.name ?? "world"}!` });
});

app.post("/notes", (request, response) => {
  response.status(201).json({ kept: request.body });
});

app.post("/files", (request, response) => {
  const sha256 = createHash("sha256").update(request.body).digest("hex");
  response.json({ bytes: request.body.length, sha256 });
});

app.get("/files/bytes", (request, response) => {
  response.type("application/octet-stream").send(Buffer.from([...Array(256).keys()]));
});

app.get("/visits", (request, response) => {
  const before = /visits=(\d+)/.exec(request.get("cookie") ?? "");
  const visits = Number(before?.[1] ?? 0) + 1;
  response.cookie("visits", visits).cookie("theme", "dark").json({ visits });
});

app.get("/tags", (request, response) => {
  response.json({ tags: request.get("x-tag").split(/, */) });
});

// Relative, so that it stays below /tasks/v1/api/express-api.
app.get("/welcome", (request, response) => response.redirect("hello?name=guest"));

exports.handler = serverless(app, { binary: ["application/octet-stream"] });
