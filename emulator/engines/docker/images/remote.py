"""The images that are at registries: pulled or refused. A registry that was silent has a rest."""

from __future__ import annotations

from docker import DockerClient

from taskdock.engines.docker.images.inquiries import ask_registry
from taskdock.engines.docker.images.local import LocalImages
from taskdock.engines.docker.images.pull import Puller
from taskdock.engines.docker.images.registry import PullFault, SilentRegistries, registry_of
from taskdock.engines.images import Announce, Progress


class RemoteImages:
    """Every method raises what docker-py and requests raise."""

    def __init__(
        self,
        client: DockerClient,
        announce: Announce,
        *,
        local: LocalImages,
        puller: Puller,
        silent: SilentRegistries,
        platform: str | None,
    ) -> None:
        """`platform`: the one that images are pulled for, such as linux/arm64; None: the engine's
        choice."""
        self._client = client
        self._announce = announce
        self._local = local
        self._puller = puller
        self._silent = silent
        self._platform = platform

    def wait(self, reference: str) -> float:
        """Seconds until the image's registry is asked again; 0: now."""
        return self._silent.wait(registry_of(reference))

    def pull(self, reference: str, *, anew: bool) -> str | None:
        """None: the engine has the image now. Otherwise the reason why not, as a part of a
        sentence. `anew`: the registry is asked also when it could not be reached a moment ago."""
        if not reference:
            return "no registry has it"
        host = registry_of(reference)
        wait = 0.0 if anew else self._silent.wait(host)
        if wait:
            return f"{self._silent.reason(host)}, a moment ago; it is asked again in {wait:.0f} s"
        refusal = self._puller.pull(reference, self._platform)
        if refusal is not None:
            if refusal.fault is PullFault.UNREACHABLE:
                self._silent.failed(host, refusal.message)
            return refusal.message
        self._silent.answered(host)
        if self._local.holds(reference):
            return None
        if self._platform is None:
            return f"pulling it from {host} ended without it"
        return f"{host} has it only for another processor than {self._platform}"

    def can_be_reached(self, reference: str) -> bool:
        """Whether the image's registry answers; True of an engine that cannot be made to ask."""
        host = registry_of(reference)
        self._announce(Progress(f"asking {host}"))
        asked = ask_registry(self._client, reference)
        if asked is None:
            return True
        if asked.fault is None:
            self._silent.answered(host)
        return asked.fault is not PullFault.UNREACHABLE
