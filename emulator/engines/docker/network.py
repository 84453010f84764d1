"""The network of functions' containers: the engine's own, one in which they do not reach each
other, or none.

The one of taskdock's own is shared by all its servers on an engine, made when it is needed, and
found again; who clears up networks may remove it at any time. Not every engine can keep containers
of one network apart, and some say that they do and do not: so it is tried, once.
"""

from __future__ import annotations

import contextlib
import threading

import docker
from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import ReadTimeout

from taskdock.base.errors import EngineError
from taskdock.base.health import Health
from taskdock.base.settings import NetworkChoice
from taskdock.engines.docker.containers.creation import NO_NETWORK, glimpse
from taskdock.engines.docker.facts import at, number, text
from taskdock.engines.docker.images.processors import own_image

NAME = "taskdock-isolated"
LABEL = "dev.taskdock.network"
ISOLATION = "isolation"
"""The trouble's name in `Health`."""
_ICC = "com.docker.network.bridge.enable_icc"
"""https://docs.docker.com/engine/network/drivers/bridge/#options"""
_REACHED = 111  # Linux's ECONNREFUSED: another container said that nobody listens there
_PORT = 9
_LIMIT = 5  # seconds for what is dropped on the way
_REACH = "containers of functions reach each other: "


class Network:
    """For any thread."""

    def __init__(
        self,
        api: docker.APIClient,
        choice: NetworkChoice,
        architecture: str,
        health: Health,
        name: str = NAME,
    ) -> None:
        """`architecture`: the engine's, in Docker's words. `name`: of taskdock's own network."""
        self._api = api
        self._name = name
        self._choice = choice
        self._architecture = architecture
        self._health = health
        self._lock = threading.Lock()
        self._made = False
        self._forgone = False
        self._tried = False

    def mode(self) -> str | None:
        """The network that a container is made with; None: the engine's own. Raises what docker-py
        and requests raise, when the engine does not answer."""
        if self._choice is NetworkChoice.NONE:
            return NO_NETWORK
        if self._choice is NetworkChoice.ENGINE:
            return None
        with self._lock:
            if not self._made and not self._forgone:
                self._ensure()
            return self._name if self._made else None

    def is_lost(self, error: Exception) -> bool:
        """Whether a container could not be made or started because the network was removed, which
        is made anew then."""
        words = str(error).lower()
        if not self._made or "network" not in words or "not found" not in words:
            return False
        with self._lock:
            self._made = False
        return True

    def try_it(self, neighbour: str) -> None:
        """Once, whether another container reaches this one, which runs; on a thread of its own."""
        with self._lock:
            if self._tried or not self._made:
                return
            self._tried = True
        threading.Thread(target=self._try, args=(neighbour,), name="isolation", daemon=True).start()

    def _ensure(self) -> None:
        try:
            network = self._find() or self._make()
        except APIError as error:
            self._forgo(f"the engine makes no network for them: {error.explanation or error}")
            return
        if text(at(network, "Options"), _ICC) != "false":
            self._forgo(
                f"the engine has a network {self._name} that does not keep them apart; remove it"
                f" (docker network rm {self._name}), and start this server again"
            )
            return
        self._made = True

    def _find(self) -> object:
        with contextlib.suppress(NotFound):
            return self._api.inspect_network(self._name)
        return None

    def _make(self) -> object:
        try:
            self._api.create_network(
                self._name,
                driver="bridge",
                options={_ICC: "false"},
                labels={LABEL: "1"},
                check_duplicate=True,
            )
        except APIError:  # another server was faster
            if (found := self._find()) is not None:
                return found
            raise
        return self._api.inspect_network(self._name)

    def _forgo(self, reason: str) -> None:
        """From now on containers are in the engine's own network."""
        self._forgone = True
        self._health.report(ISOLATION, f"{_REACH}{reason}", degraded=True)

    def _try(self, neighbour: str) -> None:
        with contextlib.suppress(DockerException, OSError, EngineError):
            networks = at(self._api.inspect_container(neighbour), "NetworkSettings", "Networks")
            address = text(at(networks, self._name), "IPAddress")
            if address and self._reaches(address):
                self._health.report(
                    ISOLATION,
                    f"{_REACH}the engine's network {self._name} does not keep them apart, since it"
                    " has no firewall (iptables) or its kernel does not ask it (br_netfilter)",
                    degraded=True,
                )

    def _reaches(self, address: str) -> bool:
        image, program = own_image(self._api, self._architecture)
        with glimpse(
            self._api,
            image,
            entrypoint=[program],
            command=[f"tcp:{address}:{_PORT}"],
            network=self._name,
        ) as container:
            self._api.start(container)
            with contextlib.suppress(ReadTimeout):  # nothing comes through
                status = self._api.wait(container, timeout=_LIMIT)
                return number(status, "StatusCode") == _REACHED
        return False
