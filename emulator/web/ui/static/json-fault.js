// Finds the first place at which a text is no JSON. Browsers word their errors each in its own way,
// and some name no place.

const TOKEN = {
  space: /[ \t\r\n]*/y,
  text: /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y,
  number: /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![0-9A-Za-z.])/y,
  word: /(?:true|false|null)(?![A-Za-z0-9_])/y,
};

class Fault extends Error {
  constructor(at, message) {
    super(message);
    this.at = at;
  }
}

// { at, line, column, message } of the fault, or null.
export function fault(text) {
  try {
    JSON.parse(text);
    return null;
  } catch {
    // its place is looked for below
  }
  try {
    new Reader(text).whole();
  } catch (error) {
    // A text may be nested deeper than a browser's calls.
    if (!(error instanceof Fault)) return { at: 0, line: 1, column: 1, message: "it is no JSON" };
    const before = text.slice(0, error.at);
    const line = before.split("\n").length;
    return { at: error.at, line, column: error.at - before.lastIndexOf("\n"), message: error.message };
  }
  return { at: 0, line: 1, column: 1, message: "it is no JSON" };
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  whole() {
    this.value();
    this.skip();
    if (this.at < this.text.length) this.fail("the JSON has ended, but there is more");
  }

  value() {
    this.skip();
    const next = this.text[this.at];
    if (next === undefined) this.fail("it ends too early");
    if (next === "{") this.list("}", () => this.member());
    else if (next === "[") this.list("]", () => this.value());
    else if (next === '"') this.string();
    else if (!this.take("number") && !this.take("word")) this.fail("this is no value; text needs double quotes");
  }

  list(end, one) {
    this.at += 1;
    this.skip();
    if (this.text[this.at] === end) {
      this.at += 1;
      return;
    }
    for (;;) {
      one();
      this.skip();
      const next = this.text[this.at];
      if (next === end) {
        this.at += 1;
        return;
      }
      if (next === undefined) this.fail("it ends too early");
      if (next !== ",") this.fail("a comma belongs here");
      const comma = this.at;
      this.at += 1;
      this.skip();
      if (this.text[this.at] === end) {
        this.at = comma;
        this.fail("the last comma has nothing after it");
      }
    }
  }

  member() {
    this.skip();
    if (this.text[this.at] === undefined) this.fail("it ends too early");
    if (this.text[this.at] !== '"') this.fail("a name in double quotes belongs here");
    this.string();
    this.skip();
    if (this.text[this.at] !== ":") this.fail("a colon belongs here");
    this.at += 1;
    this.value();
  }

  string() {
    if (!this.take("text")) this.fail("a text begins here that has no end, or has what is written with a backslash");
  }

  skip() {
    this.take("space");
  }

  take(kind) {
    const token = TOKEN[kind];
    token.lastIndex = this.at;
    const found = token.exec(this.text);
    if (!found) return false;
    this.at += found[0].length;
    return true;
  }

  fail(message) {
    throw new Fault(this.at, message);
  }
}
