import pytest
import requests

from taskdock.testing import Fault

FAULTS = [
    (Fault.error("SmtpDown"), "SmtpDown"),
    (Fault.timeout(), "Sandbox.Timedout"),
    (Fault.out_of_memory(), "Runtime.OutOfMemory"),
    (Fault.crash(), "Runtime.ExitError"),
    (Fault.init_error(), "Runtime.ExitError"),
    (Fault.throttle(), "TooManyRequestsException"),
    (Fault.no_capacity(), "NoCapacity"),
    (Fault.delay(0.1), None),
    (Fault.cold_start(), None),
]


@pytest.mark.parametrize(("fault", "error"), FAULTS, ids=lambda value: getattr(value, "kind", None))
def test_a_report_that_fails_says_why(taskdock, taskdock_faults, fault, error):
    taskdock_faults.add("report", fault, times=1)

    task = taskdock.tasks.create("report").wait()

    assert (task.error and task.error.name) == error


@pytest.mark.taskdock(auth="strict")
def test_a_stranger_may_not_see_tasks(taskdock, taskdock_session):
    signed = taskdock_session.get("/tasks/v1/")
    unsigned = requests.get(f"{taskdock.url}/tasks/v1/", timeout=10)

    assert (signed.status_code, unsigned.status_code) == (200, 401)
