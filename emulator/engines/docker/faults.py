"""The errors of the Docker client, sorted into faults of the engine and faults of the request.

`EngineUnreachable` is the engine's fault: the engine is gone, hangs, or has lost something that it
needs to work. The same request may succeed later. `StartFailed` is a fault of the request.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException, Timeout

from taskdock.base.errors import EngineError, EngineUnreachable, StartFailed
from taskdock.engines.docker import locate

_ITS_OWN = (
    "no space left on device",
    "too many open files",
    "cannot allocate memory",
    "connection refused",  # by containerd, which it works by
    "error while dialing",
    "transport is closing",
    "ttrpc: closed",
    "context canceled",
    "context deadline exceeded",
    "shutting down",
)
"""Docker's words, in an answer with a 5xx status, when the machine or its own parts fail it."""


def engine_error(error: Exception, what: str) -> EngineError:
    """The error to raise for one of docker-py's, requests' or the system's. `what` could not be
    done: `the container could not start`."""
    if isinstance(error, EngineError):
        return error
    if isinstance(error, RequestException) and not isinstance(error, APIError):
        return EngineUnreachable(f"the Docker Engine does not answer: {silence(error)}")
    words = reason(error)
    if isinstance(error, APIError) and _is_its_own(error, words):
        return EngineUnreachable(f"the Docker Engine cannot work: {words}")
    return StartFailed(f"{what}: {words}")


@contextmanager
def of_images() -> Iterator[None]:
    """Around calls that ask about images, or pull or build them. Raises `EngineUnreachable`, or
    `EngineError` where the engine refused."""
    try:
        yield
    except APIError as error:
        fault = engine_error(error, "the Docker Engine refused")
        own = isinstance(fault, EngineUnreachable)
        raise (fault if own else EngineError(fault.message)) from error
    except (DockerException, RequestException) as error:
        why = silence(error)
        raise EngineUnreachable(f"the Docker Engine does not answer: {why}") from error


def is_gone(error: Exception) -> bool:
    """Whether the engine says that it has no such container. Podman says it with status 500 of one
    that it is removing, and lists it still (seen with 4.3 and 5.4)."""
    if isinstance(error, NotFound):
        return True
    return isinstance(error, APIError) and "no such container" in reason(error).lower()


def reason(error: Exception) -> str:
    """In the engine's words, where it said something."""
    return str(getattr(error, "explanation", None) or error)


def _is_its_own(error: APIError, words: str) -> bool:
    status = error.status_code or 0
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return True
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR and any(
        sign in words.lower() for sign in _ITS_OWN
    )


def silence(error: Exception) -> str:
    """Why nothing was heard of it, in a few words."""
    if isinstance(error, Timeout):
        return "it takes too long"
    root = next(_causes(error), None)
    return locate.fault(root) if root is not None else str(error)


def _causes(error: BaseException) -> Iterator[OSError]:
    """The system's errors in it: requests and urllib3 wrap them, as arguments, several deep."""
    for inner in error.args:
        if isinstance(inner, BaseException):
            if isinstance(inner, OSError) and not isinstance(inner, RequestException):
                yield inner
            yield from _causes(inner)
