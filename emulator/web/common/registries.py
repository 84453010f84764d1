"""The registries that an engine is sent to for a function: none on the engine's own machine.

An engine pulls an image when it is first needed, by HTTP where the registry is at a loopback
address, and repeats the registry's answer. So a function that deploys an image could have the
machine call itself, at an address that the function cannot reach (as with webhooks: `tasks.reach`).
"""

from __future__ import annotations

from typing import TypeVar

from taskdock.base.errors import BadConfiguration
from taskdock.base.machine.addresses import is_of_this_machine
from taskdock.lambdas.functions.catalog import registry
from taskdock.lambdas.functions.changes import FunctionProperties
from taskdock.tasks.events import webhook_client

Properties = TypeVar("Properties", bound=FunctionProperties)


def checked(properties: Properties, address: str | None) -> Properties:
    """`properties`, unless their image is in a registry that the caller may not have called.

    `address`: the caller's; empty for a function, which calls by its container's door.

    Raises `BadConfiguration`, or `BadField` where other names are being looked up.
    """
    given: FunctionProperties = properties
    image = given.get("image")
    host = None if address or not image else registry(image)
    if host is not None and any(
        is_of_this_machine(each) for each in webhook_client.looked_up(host)
    ):
        raise BadConfiguration(
            f"image: {host} is this machine, whose registries a function may not have called;"
            " deploy it from this machine, with: taskdock deploy --image"
        )
    return properties
