"""Who calls, by the headers alone: hosts, origins, what browsers say of a request, addresses."""

import pytest

from taskdock.web.access import admission
from taskdock.web.access.admission import HeaderCheck, Hosts, Openness, of_website
from taskdock.web.http.connection_limit import Peer
from taskdock.web.http.messages import Request
from taskdock.web.public import router as public_router

HERE = "192.168.1.5"


def hosts(*allowed, host="localhost"):
    return Hosts(admission.names(host, allowed), is_here=lambda address: address == HERE)


def request(*headers, target=b"/health", version="1.1"):
    return Request(
        method="GET",
        target=target,
        path="/health",
        query=b"",
        headers=list(headers),
        version=version,
        peer=Peer("127.0.0.1"),
        server=("127.0.0.1", 8080),
    )


def asks_for(given):
    """The headers of a request, by keywords; the host is localhost unless it is said."""
    said = {"host": "localhost:8080", **given}
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in said.items()]


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:1",
        "LocalHost.:8080",
        "app.localhost",
        "a.b.localhost:3000",
        "127.0.0.1",
        "127.0.0.1:8080",
        "127.9.8.7",
        "[::1]",
        "[::1]:8080",
        "[0:0:0:0:0:0:0:1]",
        "10.0.0.9",  # the address that was called
        HERE,
        "host.docker.internal:8080",
        "gateway.docker.internal",
        "host.containers.internal",
        "host.taskdock",
    ],
)
def test_this_machine_is_known_by_its_names_and_addresses(host):
    assert hosts().allows(host, "10.0.0.9")


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "evillocalhost",
        ".localhost",
        "a..localhost",
        "localhost..",
        "127.0.0.1.evil.example",
        "192.168.1.6",
        "[2001:db8::1]",
        "0.0.0.0",  # which browsers take to loopback, and say nothing of it
        "[::]",
        "[::ffff:127.0.0.1]",
        "224.0.0.1",
        "127.1",
        "0x7f000001",
        "localhost:port",
        "localhost:123456",
        "localhost:80:80",
        "user@localhost",
        "localhost@evil.example",
        "localhost/",
        "localhost evil.example",
        "localhost,evil.example",
        "[::1",
        "[127.0.0.1]",
        "::1",
        "löcalhost",
    ],
)
def test_no_other_name_is_this_machines(host):
    assert not hosts().allows(host, "10.0.0.9")


@pytest.mark.parametrize(
    ("allowed", "host", "known"),
    [
        ("app.example.org", "APP.example.org.:80", True),
        ("app.example.org", "www.example.org", False),
        ("app.example.org", "app.example.org.evil.example", False),
        (".example.org", "a.b.example.org", True),
        ("*.example.org", "a.example.org", True),
        (".example.org", "example.org", False),
        (".example.org", "evilexample.org", False),
        (".test", "app.test", True),
        ("taskdock", "taskdock:8080", True),
        ("10.1.2.3", "10.1.2.3:8080", True),
        ("[2001:db8::0:1]", "[2001:DB8::1]:8080", True),
        ("bücher.example", "xn--bcher-kva.example", True),
    ],
)
def test_a_name_can_be_allowed(allowed, host, known):
    assert hosts(allowed).allows(host, "127.0.0.1") is known


def test_the_name_that_is_served_is_allowed_and_all_addresses_are_none():
    assert hosts(host="dev.lan").allows("dev.lan:8080", "127.0.0.1")
    assert not hosts(host="0.0.0.0").allows("0.0.0.0:8080", "127.0.0.1")


@pytest.mark.parametrize(
    "name", ["", "*", ".", "*.com", ".org", "http://a.b", "a.b:80", "a b", "a/b"]
)
def test_what_is_no_host_or_everybodys_cannot_be_allowed(name):
    with pytest.raises(ValueError, match=r"would allow|no host"):
        admission.names("localhost", [name])


def test_known_hosts_are_remembered_and_not_without_end():
    asked = []
    known = Hosts([".example.org"], is_here=asked.append)

    for number in range(5000):
        assert known.allows(f"a{number}.example.org", "127.0.0.1")

    assert len(known._known) <= 1024
    assert not known.allows("evil.example", "127.0.0.1")
    assert "evil.example" not in known._known


HOST, EVIL = (b"host", b"localhost"), (b"host", b"evil.example")
ORIGIN = (b"origin", b"http://localhost")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request(HOST), None),
        (request(HOST, ORIGIN), None),
        (request(EVIL), 421),
        (request(EVIL, version="1.0"), 403),
        (request(), 421),
        (request(version="1.0"), 403),
        (request(HOST, HOST), 421),
        (request(HOST, EVIL), 421),
        (request(EVIL, HOST), 421),
        (request(HOST, target=b"http://evil.example/health"), 421),
        (request(EVIL, target=b"http://localhost/health"), None),  # RFC 9112, 3.2.2
        (request(HOST, target=b"http://user@localhost/health"), 421),
        (request(HOST, target=b"HTTP://evil.example"), 421),
        (request(HOST, target=b"*"), None),
        (request(HOST, ORIGIN, ORIGIN), 400),
        (request(HOST, (b"origin", b"http://[")), 400),
        (request(HOST, (b"origin", b"http://a, http://b")), 400),
        (request(HOST, (b"origin", b"http://evil@localhost")), 400),
        (request(HOST, (b"origin", b"walnut")), 400),
        (request(HOST, (b"origin", b"http://")), 400),
        (request(HOST, (b"origin", b"null")), None),
        (request(HOST, (b"origin", b"")), None),
        (request(HOST, (b"origin", b"https://evil.example")), None),  # let in, as nobody
        (request(HOST, (b"origin", b"chrome-extension://abcdef")), None),
    ],
)
def test_what_is_for_another_server_or_says_two_things_is_turned_away(sent, status):
    reply = HeaderCheck(hosts(), public_router.refuse)(sent)

    assert (None if reply is None else reply.status) == status


@pytest.mark.parametrize(
    "said",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://localhost.evil.example"},
        {"origin": "http://evil.example:8080"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "Cross-Site"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"},
        {"sec_fetch_site": "cross-site", "origin": "http://localhost:3000"},
        {"sec_fetch_site": "same-site", "host": "dev.example.org"},
        {"origin": "http://www.example.org", "host": "dev.example.org"},
        {"origin": "http://dev.example.org:81", "host": "dev.example.org"},
        {"origin": "https://dev.example.org", "host": "dev.example.org"},
        {"user_agent": "Mozilla/5.0", "host": "host.docker.internal"},
        {"user_agent": "Mozilla/5.0", "host": "localhost.:8080"},  # Firefox
        {"user_agent": "Mozilla/5.0", "host": "127.0.0.2:8080"},
        {"user_agent": "Mozilla/5.0", "host": "dev.example.org"},
    ],
)
def test_a_browser_says_that_it_asks_for_another_sites_page(said):
    assert of_website(asks_for(said))


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"user_agent": "curl/8"},
        {"user_agent": "Mozilla/5.0"},  # before 2023, browsers did not say more
        {"user_agent": "Mozilla/5.0", "host": "[::1]:8080"},
        {"user_agent": "Mozilla/5.0", "host": "app.localhost"},
        {"user_agent": "curl/8", "host": "host.docker.internal"},
        {"origin": "http://localhost:3000"},
        {"origin": "http://localhost:3000", "sec_fetch_site": "same-site"},
        {"origin": "https://app.localhost"},
        {"origin": "http://127.0.0.1:8080"},
        {"origin": "http://[::1]:8080"},
        {"origin": "http://dev.example.org:80", "host": "dev.example.org:80"},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "same-origin", "host": "dev.example.org", "user_agent": "Mozilla/5.0"},
    ],
)
def test_nobody_else_is_taken_for_a_website(said):
    assert not of_website(asks_for(said))


@pytest.mark.parametrize(
    ("host", "foreign"),
    [("dev.example.org", False), ("host.docker.internal", True), ("localhost.", True)],
)
def test_where_everybody_is_served_a_browser_may_use_the_servers_own_name(host, foreign):
    said = asks_for({"host": host, "user_agent": "Mozilla/5.0"})

    assert of_website(said, everybody=True) is foreign


@pytest.mark.parametrize(
    ("address", "beyond", "stranger"),
    [
        ("127.0.0.1", False, False),
        ("", False, False),  # a container, by its door
        ("172.17.0.3", False, True),
        ("172.17.0.3", True, False),
    ],
)
def test_who_comes_from_beyond_loopback_is_a_stranger(address, beyond, stranger):
    assert Openness(strict=False, beyond_loopback=beyond).is_stranger(address) is stranger
