import pytest

from taskdock.testing import matching


def test_the_mean_of_all_measurements(taskdock):
    answer = taskdock.execute("report", {"for": "Ada"})

    assert answer.result == {"mean": 125}
    assert "report for Ada: 125" in answer.log


def test_a_week_of_reports(taskdock, taskdock_clock):
    taskdock.schedules.create("report", every="1d")

    taskdock_clock.advance(days=7)

    assert [task.status for task in taskdock.tasks.of("report")] == ["complete"] * 7


@pytest.mark.parametrize(("value", "mails"), [(140, 0), (141, 1)])
def test_a_high_mean_is_mailed_to_the_doctor(taskdock, value, mails):
    documents = [{"data": {"value": value}}]
    taskdock.doubles.add("GET", "/data/v1/measurements/documents/", json={"data": documents})
    mail = taskdock.doubles.add("POST", "/mail/v1/", json={"id": "5e9fff9d90135a2a9a718e31"})

    taskdock.execute("report")

    assert [call.json for call in mail.calls] == mails * [
        matching({"recipients": {"to": ["doctor@example.org"]}})
    ]


def test_no_measurements_are_an_error(taskdock, lambda_client):
    taskdock.doubles.add("GET", "/data/v1/measurements/documents/", json={"data": []})

    answer = lambda_client.invoke(FunctionName="report", Payload=b"{}")

    assert answer["FunctionError"] == "Unhandled"
    assert b"ZeroDivisionError" in answer["Payload"].read()
