"""Logins: with what the docker command has signed in at registries, as far as that can be had.

Public images need none. So a helper program that is not there any more (Docker Desktop leaves its
name in the configuration) or that fails costs its logins, and not every pull and every build.
"""

from __future__ import annotations

import shutil
from typing import Any

from docker.auth import AuthConfig
from docker.credentials.errors import StoreError
from docker.errors import DockerException

_FAULTS = (DockerException, StoreError, OSError, ValueError, KeyError, TypeError)


def forgive(api: Any) -> None:
    """Has a client of docker-py's use its logins in this way."""
    api._auth_configs = Logins(api._auth_configs)


def fault(api: Any) -> str:
    """Why not all of a client's logins could be had, as far as they were asked for."""
    return str(getattr(api._auth_configs, "fault", ""))


class Logins(AuthConfig):
    def __init__(self, configured: AuthConfig) -> None:
        """`configured`: as docker-py has read it."""
        super().__init__(configured)
        self.fault = ""
        """The reason why not all logins can be had; "": all can."""

    @property
    def is_empty(self) -> bool:
        """False, so that docker-py does not read the logins once more."""
        return False

    def resolve_authconfig(self, registry: str | None = None) -> dict[str, Any] | None:
        """The login for one registry: its helper's, or the file's own where the helper fails."""
        try:
            found: dict[str, Any] | None = super().resolve_authconfig(registry)
        except _FAULTS as error:
            self.fault = str(error)
            found = AuthConfig({"auths": self.auths}).resolve_authconfig(registry)
        return found

    def get_all_credentials(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = super().get_all_credentials()  # type: ignore[no-untyped-call]
        except _FAULTS as error:
            self.fault = str(error)
            found = dict(self.auths)
        return found

    def _get_store_instance(self, name: str) -> Any:
        """docker-py would warn, and fail when the program is to be run."""
        program = f"docker-credential-{name}"
        if shutil.which(program) is None:
            raise DockerException(
                f"docker's configuration names a helper for logins that is not installed: {program}"
            )
        return super()._get_store_instance(name)  # type: ignore[misc]
