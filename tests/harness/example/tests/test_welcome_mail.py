from taskdock.testing import Fault


def test_a_task_queues_the_next(taskdock):
    done = taskdock.tasks.create("welcome-mail", {"name": "Ada"}).wait()

    assert done.status == "complete"
    assert "hello Ada" in done.log
    taskdock.assert_enqueued("report", data={"for": "Ada"}, start_in="1h")


def test_a_mail_is_sent(taskdock):
    sent = taskdock.doubles.add("POST", "/mail/v1/", json={"id": "5e9fff9d90135a2a9a718e31"})

    taskdock.execute("welcome-mail", {"name": "Ada"})

    assert sent.calls[0].json["recipients"] == {"to": ["ada@example.org"]}


def test_retries(taskdock, taskdock_clock):
    taskdock.faults.add("welcome-mail", Fault.error("SmtpDown"), times=2)

    chain = taskdock.tasks.create("welcome-mail", {"name": "Ada"}).wait().chain

    assert [(t.status, t.delay) for t in chain] == [("retried", 0), ("retried", 2), ("complete", 5)]


def test_nobody_is_welcomed_without_a_name(taskdock):
    failed = taskdock.execute("welcome-mail", {}, check=False)

    assert (failed.error.name, failed.error.message) == ("TypeError", "whom shall I welcome?")
    taskdock.refute_enqueued("report")
