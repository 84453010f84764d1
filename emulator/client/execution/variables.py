"""The variables by which a command finds a server of its own: addresses, region, credentials."""

from __future__ import annotations

from collections.abc import Mapping

_REGION = "us-east-1"
_LOCAL = ("localhost", "127.0.0.1", "::1")
_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
_AWS_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE")


def of_server(
    credentials: Mapping[str, str], environment: Mapping[str, str], *, region: str | None = None
) -> dict[str, str]:
    """The variables that a command gets beside `environment`, by name.

    `credentials`: API_HOST and the API_OAUTH_ variables, which the service's SDK reads. AWS's SDKs
    insist on a region and on credentials; those that the caller has set are left as they are.
    """
    url = credentials["API_HOST"]
    found = {"TASKDOCK_URL": url, **credentials, "AWS_ENDPOINT_URL_LAMBDA": url}
    # AWS_REGION is what JavaScript's and other SDKs read, AWS_DEFAULT_REGION is boto3's.
    set_already = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        if not environment.get(name):
            found[name] = set_already or region or _REGION
    if not any(environment.get(name) for name in _AWS_CREDENTIALS):
        found |= {"AWS_ACCESS_KEY_ID": "taskdock", "AWS_SECRET_ACCESS_KEY": "taskdock"}
    if any(environment.get(name) for name in _PROXIES):
        found |= _without_proxy(environment)
    return found


def _without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """A proxy does not lead back to this machine. Programs read one name or the other."""
    stated = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if stated.strip() == "*":
        return {}
    named = [part.strip() for part in stated.split(",") if part.strip()]
    value = ",".join(dict.fromkeys([*named, *_LOCAL]))
    return {"no_proxy": value, "NO_PROXY": value}
