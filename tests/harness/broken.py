"""How each test of the example is broken on purpose, and what its report has to say then."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

WELCOME = "functions/welcome-mail"
REPORT = "functions/report"


@dataclass(frozen=True)
class Break:
    test: str
    """The test that fails by this edit, with its parameters."""
    file: str
    before: str
    after: str
    shown: tuple[str, ...]
    """Texts that the test's part of the report has."""

    def apply(self, folder: Path) -> None:
        file = folder / self.file
        text = file.read_text()
        assert text.count(self.before) == 1, f"{self.file} has {self.before!r} not exactly once"
        file.write_text(text.replace(self.before, self.after))


BREAKS = (
    Break(
        "test_a_task_queues_the_next",
        f"{WELCOME}/src/index.js",
        "3_600_000",
        "7_200_000",
        ("hello Ada",),
    ),
    Break(
        "test_a_mail_is_sent",
        f"{WELCOME}/src/index.js",
        "@example.org",
        "@example.com",
        ("{'to': ['ada@example.com']}", "{'to': ['ada@example.org']}"),
    ),
    Break(
        "test_retries",
        f"{WELCOME}/task-config.json",
        '["SmtpDown"]',
        '["SmtpGone"]',
        ("[('failed', 0", "SmtpDown", "taskdock: injected fault error SmtpDown"),
    ),
    Break(
        "test_nobody_is_welcomed_without_a_name",
        f"{WELCOME}/src/index.js",
        "  if (!name) throw new TypeError('whom shall I welcome?');\n",
        "",
        (
            "Cannot read properties of undefined (reading 'toLowerCase')",
            "stack trace:",
            f"({WELCOME}/src/index.js:10:",
            "REPORT RequestId: ",
        ),
    ),
    Break(
        "test_the_mean_of_all_measurements",
        "doubles/services.yaml",
        "value: 120",
        "value: 100",
        ("{'mean': 115.0} != {'mean': 125}", "report for Ada: 115.0"),
    ),
    Break(
        "test_a_week_of_reports",
        "tests/test_report.py",
        'every="1d"',
        'every="2d"',
        ("Right contains 4 more items", "inProgress  ", "taskdock: report, task "),
    ),
    Break(
        "test_a_high_mean_is_mailed_to_the_doctor[141-1]",
        f"{REPORT}/src/main.py",
        "HIGH = 140",
        "HIGH = 150",
        ("report for all: 141.0", "doctor@example.org"),
    ),
    Break(
        "test_no_measurements_are_an_error",
        "tests/test_report.py",
        'b"ZeroDivisionError"',
        'b"ValueError"',
        (
            "error: ZeroDivisionError: division by zero",
            "stack trace:",
            f'File "{REPORT}/src/main.py", line 20, in average',
        ),
    ),
    Break(
        "test_a_report_that_fails_says_why",
        "tests/test_surroundings.py",
        "task.error.name) == error",
        "task.error.name) != error",
        ("taskdock: injected fault ",),
    ),
    Break(
        "test_a_stranger_may_not_see_tasks",
        "tests/test_surroundings.py",
        'auth="strict"',
        'auth="open"',
        ("(200, 200)", "(200, 401)"),
    ),
)
