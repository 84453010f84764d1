"""Settings: given values, then the environment, then defaults."""

from pathlib import Path

import pytest

from taskdock.base.errors import StartupError
from taskdock.base.settings import Settings


def test_a_given_value_wins_over_the_environment_and_that_over_the_default():
    settings = Settings.load(
        {"port": 9000, "concurrency": None},
        {"TASKDOCK_PORT": "9001", "TASKDOCK_CONCURRENCY": "3"},
    )

    assert (settings.port, settings.concurrency, settings.data_dir) == (9000, 3, Path(".taskdock"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("port", "http"), ("port", 70000), ("concurrency", 0), ("log_level", "LOUD")),
        *(
            ("network", "loose"),
            ("container_callers", "here"),
            ("container_callers", "10.0.0.0/99"),
        ),
    ],
)
def test_a_bad_value_is_named_with_its_variable(name, value):
    with pytest.raises(StartupError, match=f"TASKDOCK_{name.upper()}"):
        Settings.load({name: value}, {})


def test_names_that_are_allowed_are_given_one_by_one_or_with_commas():
    given = Settings.load({"allowed_host": ("a.example", "b.example")}, {})
    set_ = Settings.load({"allowed_host": ()}, {"TASKDOCK_ALLOWED_HOST": "a.example, b.example,"})

    assert set_.allowed_host == given.allowed_host
    assert Settings.load({}, {"TASKDOCK_OPEN_BEYOND_LOOPBACK": "true"}).open_beyond_loopback
