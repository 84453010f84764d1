DEFAULT_FAILURES = 2


class NotReadyYet(Exception):
    """The error that the retry policy in task-config.json names."""


def handler(task, context):
    """A retry is a new task; retryForTaskIds lists the earlier ones, so its length counts them."""
    attempt = len(task.get("retryForTaskIds") or []) + 1
    failures = int((task.get("data") or {}).get("failures", DEFAULT_FAILURES))
    print(f"Attempt {attempt}, to fail {failures} times")

    if attempt <= failures:
        raise NotReadyYet(f"attempt {attempt} fails on purpose")
    return {"attempts": attempt}
