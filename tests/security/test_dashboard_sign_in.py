"""Sessions of the dashboard: how they begin and end, and what they open."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from taskdock.base.files import own_folder
from taskdock.identity.directory import ADMINISTRATOR
from taskdock.testing.clock import ManualClock
from taskdock.web.ui.page import PAGES
from taskdock.web.ui.pages.sign_in import next_page
from tests.support.builders import Dock, StartDock
from tests.support.people import Person, administrator, nobody

PASSWORD = "walnut-table-7"
OWN = {"Sec-Fetch-Site": "same-origin"}
FORM = "/ui/sign-in"


class Browser(Person):
    """Somebody with cookies, whose requests come from pages of the dashboard."""

    def __init__(self, dock: Dock) -> None:
        super().__init__(dock.emulator.url)
        self.session = requests.Session()
        self.session.trust_env = False

    def open(self, path: str, **options: object) -> requests.Response:
        return self.session.get(self.url + path, headers=OWN, timeout=60, **options)  # type: ignore[arg-type]

    def send(self, path: str, **form: str) -> requests.Response:
        return self.session.post(
            self.url + path, form, headers=OWN, allow_redirects=False, timeout=60
        )

    def sign_in(self, email: str, password: str = PASSWORD, following: str = "") -> str:
        """The path that it leads to."""
        answer = self.send(FORM, email=email, password=password, next=following)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    @property
    def cookie(self) -> str:
        (value,) = self.session.cookies.values()
        return str(value)


@pytest.fixture
def strict(start_dock: StartDock) -> Dock:
    return start_dock(auth="strict")


def user(dock: Dock, email: str, *permissions: str) -> str:
    """The id of a new user with a password."""
    directory = dock.emulator.directory
    made = directory.accounts.register(
        email,
        PASSWORD,
        first_name="Ada",
        last_name="Walnut",
        phone_number="",
        language="EN",
        time_zone="UTC",
    )
    if permissions:
        role = directory.roles.create(f"role-{made.id}", "", permissions)
        directory.roles.give([made.id], [role.id])
    return made.id


def test_the_administrator_signs_in_and_out(strict: Dock) -> None:
    browser = Browser(strict)
    password = strict.emulator.directory.local.password or ""

    assert browser.open("/ui/").status_code == 401
    assert browser.sign_in(ADMINISTRATOR, password, "/ui/runs?status=new") == "/ui/runs?status=new"
    page = browser.open("/ui/")
    assert page.status_code == 200
    assert ADMINISTRATOR in page.text
    assert "Sign out" in page.text
    assert browser.open(FORM, allow_redirects=False).headers["Location"] == "/ui/"

    cookie = browser.cookie
    assert browser.send("/ui/sign-out").headers["Location"] == FORM
    assert not browser.session.cookies
    browser.session.cookies.set(f"taskdock_{strict.emulator.port}", cookie, path="/ui/")
    assert browser.open("/ui/").status_code == 401


def test_the_cookie_is_for_the_dashboard_of_this_port_alone(strict: Dock) -> None:
    user(strict, "ada@example.com", "VIEW_TASKS")
    browser = Browser(strict)

    answer = browser.send(FORM, email="ada@example.com", password=PASSWORD)
    cookie = answer.headers["Set-Cookie"]

    assert cookie.startswith(f"taskdock_{strict.emulator.port}={browser.cookie}; ")
    for attribute in ("HttpOnly", "SameSite=Strict", "Path=/ui/", "Max-Age=43200"):
        assert f"; {attribute}" in cookie
    api = browser.session.get(
        f"{browser.url}/tasks/v1/",
        headers={**OWN, "Cookie": f"taskdock_{strict.emulator.port}={browser.cookie}"},
        timeout=60,
    )
    assert api.status_code == 401


def test_the_data_folder_does_not_have_the_cookie(strict: Dock) -> None:
    user(strict, "ada@example.com", "VIEW_TASKS")
    browser = Browser(strict)
    browser.sign_in("ada@example.com")

    files = [each for each in strict.emulator.foundation.data.rglob("*") if each.is_file()]

    assert files
    assert not [each for each in files if browser.cookie.encode() in each.read_bytes()]


def end_by_password(dock: Dock, user_id: str) -> None:
    account = dock.emulator.directory.accounts.account(user_id, None)
    dock.emulator.directory.change_password(account, PASSWORD, f"{PASSWORD}-8")


def end_by_deletion(dock: Dock, user_id: str) -> None:
    dock.emulator.directory.accounts.remove(user_id)


@pytest.mark.parametrize("end", [end_by_password, end_by_deletion])
def test_a_session_ends_with_its_password_and_its_user(
    strict: Dock, end: Callable[[Dock, str], None]
) -> None:
    ada = user(strict, "ada@example.com", "VIEW_TASKS")
    browser = Browser(strict)
    browser.sign_in("ada@example.com")
    assert browser.open("/ui/").status_code == 200

    end(strict, ada)

    assert browser.open("/ui/").status_code == 401
    assert browser.open("/ui/stream").status_code == 401


def test_a_session_ends_after_some_hours(start_dock: StartDock, clock: ManualClock) -> None:
    dock = start_dock(auth="strict", clock=clock)
    user(dock, "ada@example.com", "VIEW_TASKS")
    browser = Browser(dock)
    browser.sign_in("ada@example.com")

    clock.jump(timedelta(hours=11, minutes=59).total_seconds())
    assert browser.open("/ui/").status_code == 200
    clock.jump(120)
    assert browser.open("/ui/").status_code == 401


def test_a_session_outlives_a_restart_of_the_server(tmp_path: Path) -> None:
    dock = Dock(tmp_path / "data", auth="strict")
    user(dock, "ada@example.com", "VIEW_TASKS")
    browser = Browser(dock)
    browser.sign_in("ada@example.com")
    port = dock.emulator.port
    dock.stop()

    again = Dock(tmp_path / "data", auth="strict", port=port)
    try:
        assert browser.open("/ui/").status_code == 200
    finally:
        again.stop()


def test_each_sign_in_has_a_session_of_its_own(strict: Dock) -> None:
    user(strict, "ada@example.com", "VIEW_TASKS")
    first, second = Browser(strict), Browser(strict)

    first.sign_in("ada@example.com")
    second.sign_in("ada@example.com")
    second.send("/ui/sign-out")

    # Another server of this host may have set a cookie of the same name.
    first.session.headers["Cookie"] = f"taskdock_{strict.emulator.port}=oak; " + (
        f"taskdock_{strict.emulator.port}={first.cookie}"
    )
    assert first.open("/ui/").status_code == 200


def test_an_unknown_address_is_answered_as_a_wrong_password(strict: Dock) -> None:
    user(strict, "ada@example.com")
    answers = [
        Browser(strict).send(FORM, email=email, password=password)
        for email, password in [
            ("ada@example.com", "oak-chair-77"),
            ("bob@example.com", "oak-chair-77"),
            ("ada@example.com", "x" * 500),
            ("functions@taskdock.localhost", "oak-chair-77"),
            ("", ""),
        ]
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert not [answer for answer in answers if "Set-Cookie" in answer.headers]
    assert len({re.sub(' value="[^"]*"| autofocus', "", a.text) for a in answers}) == 1
    assert "do not belong together" in answers[0].text


def test_passwords_are_compared_a_few_at_a_time_as_by_the_api(
    strict: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = strict.emulator.directory.accounts._passwords
    for _ in range(100):
        if not passwords._waiting.acquire(blocking=False):
            break

    answer = Browser(strict).send(FORM, email="ada@example.com", password=PASSWORD)

    assert answer.status_code == 429


def test_what_a_stranger_sends_is_small(strict: Dock) -> None:
    for path in (FORM, "/ui/sign-out"):
        answer = Browser(strict).send(path, email="ada@example.com", password="x" * 20_000)

        assert answer.status_code == 413
        assert "<h1>This is too large</h1>" in answer.text


@pytest.mark.parametrize(
    "asked",
    ["/ui/", "/ui/runs", "/ui/runs?status=new&present=1", "/ui/functions/walnut-table?tab=runs#a"],
)
def test_next_leads_to_a_page_of_the_dashboard(asked: str) -> None:
    assert next_page(asked) == asked


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "https://evil.example/ui/",
        "//evil.example/ui/",
        "/\\evil.example",
        "\\\\evil.example",
        "/ui/../tasks/v1/",
        "/ui/%2e%2e/tasks/v1/",
        "/ui/.%2E/tasks/v1/",
        "/ui/..\\tasks",
        "/ui/%5c..%5c..",
        "/uix",
        "/tasks/v1/",
        "ui/",
        "javascript:alert(1)",
        " /ui/",
        "/ui/\r\nSet-Cookie: a=b",
        "/ui/\tx",
        "/ui/\u202e",
        "http://[",
        "/ui/sign-in",
        "/ui/sign-in?next=/ui/sign-in",
    ],
)
def test_next_leads_nowhere_else(asked: str) -> None:
    assert next_page(asked) == "/ui/"


def test_a_wrong_next_in_the_form_leads_to_the_first_page(strict: Dock) -> None:
    user(strict, "ada@example.com")

    assert Browser(strict).sign_in("ada@example.com", PASSWORD, "//evil.example/") == "/ui/"


def test_the_form_says_where_the_password_is_and_never_what_it_is(strict: Dock) -> None:
    file = strict.emulator.foundation.data / own_folder.ADMINISTRATOR
    password = strict.emulator.directory.local.password or "-"

    assert str(file) not in nobody(strict).ask("GET", FORM).text
    file.write_text(f"PASSWORD={password}\n")
    text = nobody(strict).ask("GET", FORM).text

    assert str(file) in text
    assert password not in text


def test_a_page_shows_what_its_user_may_and_says_what_is_missing(strict: Dock) -> None:
    user(strict, "ada@example.com", "VIEW_TASK_FUNCTIONS")
    browser = Browser(strict)
    browser.sign_in("ada@example.com")

    refused = browser.open("/ui/runs")
    shown = browser.open("/ui/functions")

    assert refused.status_code == 403
    assert "VIEW_TASKS" in refused.text
    assert "administrator has every permission" in refused.text
    for answer in (refused, shown):
        for link in PAGES:
            led = f'href="{link.path}"' in answer.text
            assert led == (link.permission == "VIEW_TASK_FUNCTIONS"), (link, answer.status_code)


def test_a_page_takes_the_credentials_of_the_api_too(strict: Dock) -> None:
    assert administrator(strict).ask("GET", "/ui/runs").status_code == 200
    assert nobody(strict).ask("GET", "/ui/", headers={"Authorization": "Bearer x"}).status_code == (
        401
    )


def test_a_link_of_another_site_finds_the_session(strict: Dock) -> None:
    """The browser sends the cookie with no request that another site began."""
    link = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
        "Accept": "text/html",
    }

    answer = nobody(strict).ask("GET", "/ui/runs?status=new", headers=link)

    assert 'http-equiv="refresh"' in answer.text
    assert "url=/ui/sign-in?next=%2Fui%2Fruns%3Fstatus%3Dnew" in answer.text


def test_a_part_that_pages_share_is_shared_within_a_session_alone(strict: Dock) -> None:
    user(strict, "looks@oak.example", "VIEW_TASK_FUNCTIONS")
    user(strict, "nobody@oak.example")
    looks, nothing = Browser(strict), Browser(strict)
    looks.sign_in("looks@oak.example")
    nothing.sign_in("nobody@oak.example")
    told = {**OWN, "Taskdock-Told": "1"}

    def part(browser: Browser) -> int:
        url = browser.url + "/ui/system/server"
        return browser.session.get(url, headers=told, timeout=60).status_code

    assert [part(looks), part(looks), part(nothing), part(Browser(strict))] == [200, 200, 403, 401]

    cookies = looks.session.cookies.copy()
    looks.send("/ui/sign-out")
    looks.session.cookies.update(cookies)

    assert part(looks) == 401
