"""The notices that are kept for whoever looks later."""

from __future__ import annotations

from dataclasses import dataclass

from taskdock.base.notices import Notice, Notices, TroubleBegan
from taskdock.testing.clock import ManualClock
from taskdock.web.harness_api.observing.server.notices import MOST, KeptNotices, find


@dataclass(frozen=True, kw_only=True)
class SomethingSigned(Notice):
    token: str
    who: str


def test_the_latest_are_kept_the_newest_first() -> None:
    notices = Notices()
    kept = KeptNotices(notices, ManualClock())

    for number in range(MOST + 20):
        notices.publish(SomethingSigned(token="t", who=f"person-{number}"))

    found = kept.all()
    assert len(found) == MOST
    assert [each.number for each in found[:2]] == [MOST + 20, MOST + 19]
    assert found[-1].notice.facts["who"] == "person-20"


def test_they_are_found_by_level_and_text_and_without_secrets() -> None:
    notices = Notices()
    kept = KeptNotices(notices, ManualClock())
    notices.publish(SomethingSigned(token="s3cret", who="Ada"))
    notices.publish(TroubleBegan(what="engine", reason="it is <b>gone</b>"))

    assert [each["name"] for each in find(kept, "DEBUG", "")] == [
        "trouble_began",
        "something_signed",
    ]
    assert [each["name"] for each in find(kept, "WARNING", "")] == ["trouble_began"]
    (found,) = find(kept, "DEBUG", "ADA")
    assert found["facts"] == {"token": "***", "who": "Ada"}
    assert find(kept, "DEBUG", "s3cret") == []
    assert find(kept, "DEBUG", "what=engine")[0]["level"] == "WARNING"
