"""What the engine's words about a registry mean, and when one is asked again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from taskdock.engines.docker.images.registry import (
    PullFault,
    SilentRegistries,
    fault_of,
    pause,
    refusal_of,
    registry_of,
)

HOST = "public.ecr.aws"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            'Get "https://public.ecr.aws/v2/": dial tcp: lookup public.ecr.aws on 10.0.0.1:53:'
            " no such host",
            PullFault.UNREACHABLE,
        ),
        (
            'Get "https://public.ecr.aws/v2/": dial tcp: lookup public.ecr.aws on 8.8.8.8:53: read'
            " udp 10.0.0.2:41641->8.8.8.8:53: i/o timeout",
            PullFault.UNREACHABLE,
        ),
        (
            "dial tcp: lookup public.ecr.aws: Temporary failure in name resolution",
            PullFault.UNREACHABLE,
        ),
        ("dial tcp 127.0.0.1:5000: connect: connection refused", PullFault.UNREACHABLE),
        ("dial tcp 1.2.3.4:443: connect: network is unreachable", PullFault.UNREACHABLE),
        ("dial tcp 1.2.3.4:443: connect: no route to host", PullFault.UNREACHABLE),
        ("dial tcp 1.2.3.4:443: i/o timeout", PullFault.UNREACHABLE),
        (
            'Get "https://public.ecr.aws/v2/": net/http: request canceled while waiting for'
            " connection (Client.Timeout exceeded while awaiting headers)",
            PullFault.UNREACHABLE,
        ),
        ("x509: certificate signed by unknown authority", PullFault.UNREACHABLE),
        ("http: server gave HTTP response to HTTPS client", PullFault.UNREACHABLE),
        ("proxyconnect tcp: dial tcp 127.0.0.1:3128: connect: refused", PullFault.UNREACHABLE),
        (
            'Get "https://public.ecr.aws/v2/": net/http: request canceled (Client.Timeout exceeded'
            " while awaiting headers)",
            PullFault.SLOW,
        ),
        ("net/http: TLS handshake timeout", PullFault.SLOW),
        ("context deadline exceeded", PullFault.SLOW),
        ("received unexpected HTTP status: 503 Service Unavailable", PullFault.SLOW),
        ("manifest for a/b:1 not found: manifest unknown: manifest unknown", PullFault.DENIED),
        ("pull access denied for a/b, repository does not exist", PullFault.DENIED),
        ("denied: Your authorization token has expired. Reauthenticate", PullFault.DENIED),
        ("toomanyrequests: You have reached your pull rate limit", PullFault.DENIED),
        (
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
            PullFault.DENIED,
        ),
        ("unexpected EOF", PullFault.BROKEN),
        ("read tcp 1.2.3.4:1->5.6.7.8:443: read: connection reset by peer", PullFault.BROKEN),
        ("filesystem layer verification failed for digest sha256:00", PullFault.BROKEN),
        ("write /var/lib/docker/tmp/GetImageBlob1: no space left on device", PullFault.NO_ROOM),
    ],
)
def test_an_engines_words_are_told_apart(text: str, fault: PullFault) -> None:
    assert fault_of(text) is fault


def test_an_old_sign_in_that_keeps_a_public_image_away_is_named_with_its_remedy() -> None:
    refusal = refusal_of(f"{HOST}/lambda/python:3.11", "denied: authorization token has expired")

    assert refusal.message.endswith(f"docker logout {HOST}")


@pytest.mark.parametrize(
    ("reference", "registry"),
    [
        ("public.ecr.aws/lambda/python:3.11", HOST),
        ("localhost/a", "localhost"),
        ("127.0.0.1:5000/a@sha256:00", "127.0.0.1:5000"),
        ("library/busybox", "docker.io"),
        ("busybox:1.36", "docker.io"),
    ],
)
def test_the_registry_is_the_host_in_a_reference(reference: str, registry: str) -> None:
    assert registry_of(reference) == registry


def test_a_registry_is_left_alone_longer_each_time_up_to_five_minutes() -> None:
    pauses = [pause(times) for times in range(10)]

    assert pauses == [0, 5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert pause(1_000_000) == 300


class Time:
    seconds = 1_000_000.0

    def now(self) -> Any:
        return SimpleNamespace(timestamp=lambda: self.seconds)


def test_all_processes_know_that_a_registry_could_not_be_reached(tmp_path: Path) -> None:
    time: Any = Time()
    one, other = (
        SilentRegistries(tmp_path / "silent", time),
        SilentRegistries(tmp_path / "silent", time),
    )

    one.failed(HOST, "no such host")
    one.failed(HOST, "no such host")
    time.seconds += 4

    assert (other.wait(HOST), other.wait("docker.io")) == (6, 0)
    assert other.reason(HOST) == "no such host"
    time.seconds += 6
    assert other.wait(HOST) == 0
    one.answered(HOST)
    other.failed(HOST, "no such host")
    assert one.wait(HOST) == 5


@pytest.mark.parametrize("content", ["", "[]", "1764311111.5", '{"since": "x"}', '{"since": 9e99}'])
def test_a_memory_that_makes_no_sense_is_none(tmp_path: Path, content: str) -> None:
    time: Any = Time()
    (tmp_path / HOST).write_text(content)

    assert SilentRegistries(tmp_path, time).wait(HOST) == 0


def test_a_clock_that_was_set_back_does_not_make_it_wait(tmp_path: Path) -> None:
    time: Any = Time()
    memory = SilentRegistries(tmp_path, time)
    memory.failed(HOST, "no such host")
    time.seconds -= 3600

    assert memory.wait(HOST) == 0


def test_a_folder_that_cannot_be_written_only_means_that_registries_are_asked_more_often() -> None:
    time: Any = Time()
    memory = SilentRegistries(Path("/proc/silent"), time)

    memory.failed(HOST, "no such host")
    memory.answered(HOST)

    assert memory.wait(HOST) == 0
