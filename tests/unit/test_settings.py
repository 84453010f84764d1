"""Settings: given values, then the environment, then defaults."""

from pathlib import Path

import pytest

from taskdock.base.errors import StartupError
from taskdock.base.settings import Origin, Settings


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


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        *(
            ("clock", "x", "is 'x'; write real, manual or auto"),
            ("auth", 7, "write open or strict"),
        ),
        ("port", "http", "write a whole number, at least 0 and at most 65535"),
        ("retire_after", 0, "write a number, more than 0"),
        ("region", "here", "write one such as us-east-1"),
        ("open_beyond_loopback", "maybe", "write true or false"),
        *(("doubles", 5, "write a path"), ("data_dir", 5, "write a path")),
        ("allowed_host", 5, "write texts"),
        ("container_callers", ("here",), "is 'here'; 'here' is no network such as 192.0.2.0/24"),
    ],
)
def test_a_bad_value_is_shown_with_what_to_write(name, value, advice):
    with pytest.raises(StartupError, match=advice):
        Settings.load({name: value}, {})


@pytest.mark.parametrize("name", Settings.model_fields)
def test_no_word_of_the_validator_reaches_the_user(name):
    if Settings.model_fields[name].annotation is str and not Settings.model_fields[name].metadata:
        return  # any text will do

    with pytest.raises(StartupError) as caught:
        Settings.load({name: object()}, {})

    assert "Input" not in str(caught.value)
    assert "should" not in str(caught.value)


def test_all_bad_values_are_told_at_once():
    with pytest.raises(StartupError) as caught:
        Settings.load({"port": "http", "keep_days": "inf"}, {"TASKDOCK_AUTH": "maybe"})

    assert str(caught.value) == (
        "the setting port (TASKDOCK_PORT) is 'http'; write a whole number, at least 0 and at most"
        " 65535; the setting auth (TASKDOCK_AUTH) is 'maybe'; write open or strict; the setting"
        " keep_days (TASKDOCK_KEEP_DAYS) is 'inf'; write a number, at least 0 and at most 36500"
    )


def test_names_that_are_allowed_are_given_one_by_one_or_with_commas():
    given = Settings.load({"allowed_host": ("a.example", "b.example")}, {})
    set_ = Settings.load({"allowed_host": ()}, {"TASKDOCK_ALLOWED_HOST": "a.example, b.example,"})

    assert set_.allowed_host == given.allowed_host
    assert Settings.load({}, {"TASKDOCK_OPEN_BEYOND_LOOPBACK": "true"}).open_beyond_loopback


def test_a_setting_knows_where_it_was_read() -> None:
    variables = {"TASKDOCK_CONCURRENCY": "3", "TASKDOCK_PORT": "1", "TASKDOCK_REGION": ""}

    read = Settings.load({"port": 9000, "auth": None, "allowed_host": ()}, variables)

    assert read.origin("port") is Origin.OPTION
    assert read.origin("concurrency") is Origin.VARIABLE
    assert {read.origin(name) for name in ("auth", "allowed_host", "region")} == {Origin.DEFAULT}
    copied = read.model_copy(update={"harness": "on"})
    assert (copied.origin("harness"), copied.origin("port")) == (Origin.PROGRAM, Origin.OPTION)
    assert Settings(clock="auto").origin("clock") is Origin.PROGRAM
