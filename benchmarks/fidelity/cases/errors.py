"""Cases of errors that the runtime reports: in the handler, and before the handler is loaded."""

from __future__ import annotations

import json
import re

from benchmarks.fidelity.case import (
    Case,
    Row,
    body,
    calls,
    error,
    line,
    next_works,
    node,
    python,
    report_status,
    status_row,
    unhandled,
)
from benchmarks.fidelity.seen import Seen
from benchmarks.function import Function


def _process_of(seen: Seen) -> str:
    return "in the same process" if seen.answers[1].value == 2 else "in a new process"


HANDLER_ERROR = Case(
    "handler-error",
    "A handler that raises",
    python(
        """
        count = 0

        def handler(event, context):
            global count
            count += 1
            if event.get("fail"):
                raise Exception("Handler fails")
            return count
        """
    ),
    calls({"fail": True}, {}),
    (
        status_row(),
        unhandled(),
        Row(
            "body",
            '{"errorMessage": "Handler fails", "errorType": "Exception", "requestId": "<id>",'
            ' "stackTrace": ["  File \\"/var/task/app.py\\", line 7, in handler\\n'
            '    raise Exception(\\"Handler fails\\")\\n"]}',
            "R",
            body(0),
        ),
        Row(
            "the error in the log",
            "[ERROR] Exception: Handler fails",
            "S",
            lambda seen: seen.line("[ERROR]").split("\r")[0],
        ),
        report_status("no status"),
        Row("the next call", "in the same process", "R", _process_of),
    ),
)


def _error_case(name: str, title: str, function: Function, expected: str) -> Case:
    row = Row("error", expected, "R", error(0))
    return Case(name, title, function, calls({}), (row, unhandled()))


NOT_SERIALISABLE = _error_case(
    "not-serialisable",
    "A result that JSON does not have",
    python(
        """
        def handler(event, context):
            return {1, 2}
        """
    ),
    "Runtime.MarshalError: Unable to marshal response: Object of type set is not JSON serializable",
)


IMPORT_ERROR = Case(
    "import-error",
    "A module that imports what is not there",
    python(
        """
        print("loading", flush=True)
        import missing_module
        """
    ),
    calls({}),
    (
        status_row(),
        unhandled(),
        Row(
            "error",
            "Runtime.ImportModuleError: Unable to import module 'app':"
            " No module named 'missing_module'",
            "R",
            error(0),
        ),
        Row(
            "`requestId` in the body",
            '""',
            "R",
            lambda seen: json.dumps(json.loads(seen.answers[0].body)["requestId"]),
        ),
        Row("times that it is loaded", "2", "S", lambda seen: str(len(seen.lines("loading")))),
        Row(
            "log, first attempt",
            "INIT_REPORT Init Duration: <n> ms  Phase: init  Status: error"
            "  Error Type: Runtime.ImportModuleError",
            "R",
            line("INIT_REPORT"),
        ),
        Row(
            "log, second attempt",
            "INIT_REPORT Init Duration: <n> ms  Phase: invoke  Status: error"
            "  Error Type: Runtime.ImportModuleError",
            "R",
            line("INIT_REPORT", 1),
        ),
    ),
)


SYNTAX_ERROR = _error_case(
    "syntax-error",
    "A module with a syntax error",
    python(
        """
        def handler(event, context)
            return 1
        """
    ),
    "Runtime.UserCodeSyntaxError: Syntax error in module 'app': expected ':' (app.py, line 1)",
)


MISSING_HANDLER = _error_case(
    "missing-handler",
    "A module without the handler",
    python("print('no handler here')"),
    "Runtime.HandlerNotFound: Handler 'handler' missing on module 'app'",
)


BAD_HANDLER = _error_case(
    "bad-handler",
    "A handler's name without a dot",
    python("print('never loaded')", handler="app"),
    "Runtime.MalformedHandlerName: Bad handler 'app': not enough values to unpack"
    " (expected 2, got 1)",
)


NO_BOOTSTRAP = Case(
    "no-bootstrap",
    "provided.al2023 without a bootstrap",
    Function({"notes.txt": "nothing to run"}, runtime="provided.al2023", handler="any"),
    calls({}),
    (
        Row(
            "body",
            '{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: <id> Error: '
            "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]\"}",
            "R",
            body(0),
        ),
    ),
)


NODE_ERROR = Case(
    "node-error",
    "Node.js: a handler that throws",
    node(
        """
        exports.handler = async (event) => {
          if (event.text) throw "boom";
          throw new Error("Handler fails");
        };
        """
    ),
    calls({}, {"text": True}),
    (
        Row(
            "an Error",
            '{"errorType":"Error","errorMessage":"Handler fails",'
            '"trace":["Error: Handler fails", ...]}',
            "R",
            lambda seen: re.sub(
                r'("Error: Handler fails"),.*\]', r"\1, ...]", seen.body(0), flags=re.DOTALL
            ),
        ),
        Row("a string", '{"errorType":"string","errorMessage":"boom","trace":[]}', "R", body(1)),
    ),
)


NODE_REJECTION = Case(
    "node-rejection",
    "Node.js: a rejection that nobody handles",
    node(
        """
        exports.handler = async (event) => {
          if (!event.fail) return "fine";
          Promise.reject(new Error("forgotten"));
          await new Promise((resolve) => setTimeout(resolve, 1000));
        };
        """
    ),
    calls({"fail": True}, {}),
    (
        Row("error", "Runtime.UnhandledPromiseRejection: Error: forgotten", "S", error(0)),
        unhandled(),
        next_works(),
    ),
)
