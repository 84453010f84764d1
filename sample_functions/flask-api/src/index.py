from hashlib import sha256

from apig_wsgi import make_lambda_handler
from flask import Flask, jsonify, redirect, request

app = Flask(__name__)


@app.get("/hello")
def hello():
    name = request.args.get("name", "world")
    print(f"Greeting {name}")
    return {"greeting": f"Hello {name}!"}


@app.post("/notes")
def keep_note():
    return {"kept": request.get_json()}, 201


@app.post("/files")
def take_file():
    content = request.get_data()
    return {"bytes": len(content), "sha256": sha256(content).hexdigest()}


@app.get("/files/bytes")
def give_file():
    return bytes(range(256)), {"Content-Type": "application/octet-stream"}


@app.get("/visits")
def count_visit():
    visits = int(request.cookies.get("visits", 0)) + 1
    response = jsonify(visits=visits)
    response.set_cookie("visits", str(visits))
    response.set_cookie("theme", "dark")
    return response


@app.get("/tags")
def show_tags():
    return {"tags": [tag.strip() for tag in request.headers["X-Tag"].split(",")]}


@app.get("/welcome")
def welcome():
    # Relative, so that it stays below /tasks/v1/api/flask-api.
    return redirect("hello?name=guest")


_answer = make_lambda_handler(app)


def handler(event, context):
    # The Task Service gives the query with its "?"; WSGI has it without.
    event["rawQueryString"] = event["rawQueryString"].removeprefix("?")
    return _answer(event, context)
