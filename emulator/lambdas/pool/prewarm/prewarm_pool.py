"""The prewarmed containers: started before their function is known, to wait for one.

Starting a container takes most of a cold start, and only two things have to be known for it: the
image of a runtime, and the memory. `PrewarmPlan` knows which are wanted, and how many. Containers
are prewarmed when nothing else starts, in room that nobody holds, and they give way to whoever
needs that room. A prewarmed container holds room from the moment that the engine is asked for it
until it has been removed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from taskdock.base.errors import EngineError
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.reactor import Reactor
from taskdock.engines.engine import Container, ContainerSpec, Observer
from taskdock.lambdas.environment.provision.provisioner import Provisioner
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.lifecycle import State
from taskdock.lambdas.notices import PrewarmFailed
from taskdock.lambdas.pool.prewarm.plan import PrewarmPlan, RuntimeShape
from taskdock.lambdas.pool.prewarm.prewarmed_container import PrewarmedContainer
from taskdock.lambdas.pool.removal.removals import Removals
from taskdock.lambdas.slot import PrewarmLevel, Slot

Create = Callable[[ContainerSpec, Observer, Callable[[], bool]], Container | None]
"""Makes a container, unless it is wanted no more when its turn comes."""

_ENDED = "the container has ended"


class PrewarmPool:
    """On the reactor's thread, but for `slots` and `levels`."""

    def __init__(
        self,
        *,
        create: Create,
        provisioner: Provisioner,
        reactor: Reactor,
        starts: Executor,
        removals: Removals,
        plan: PrewarmPlan,
        has_room: Callable[[int], bool],
        changed: Callable[[], object],
        clock: Clock,
        notices: Notices,
    ) -> None:
        """`create` has a container made, on one of the threads of `starts`. `has_room`: whether
        there is room for so many MB more. `changed` is called when the pool may hold less room, or
        has a container to take.
        """
        self._create = create
        self._provisioner = provisioner
        self._reactor = reactor
        self._starts = starts
        self._removals = removals
        self._has_room = has_room
        self._changed = changed
        self._clock = clock
        self._notices = notices
        self._plan = plan
        self._ready: dict[str, PrewarmedContainer] = {}
        self._leaving: dict[str, PrewarmedContainer] = {}  # those that are being removed
        self._creating: PrewarmedContainer | None = None
        self._filling: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def slots(self) -> list[Slot]:
        """All that hold room; any thread may ask."""
        creating = [] if (one := self._creating) is None else [one]
        found = (*list(self._ready.values()), *list(self._leaving.values()), *creating)
        return [one.slot for one in found]

    @property
    def is_empty(self) -> bool:
        """There is none, and none is being made or removed."""
        return not (self._ready or self._leaving or self._creating)

    def levels(self) -> list[PrewarmLevel]:
        """Any thread may ask."""
        count = Counter(one.shape for one in list(self._ready.values()))
        return [
            PrewarmLevel(
                runtime=shape.runtime, memory=shape.memory, count=count[shape], wanted=wanted
            )
            for shape, wanted in self._plan.wanted().items()
        ]

    # For environments

    def expect(self, function: Function) -> None:
        """The function will be called."""
        self._plan.expect(function)
        self.fill()

    def slot_for(self, function: Function) -> Slot | None:
        """The slot of the container that `take` would give: a call needs no other room then."""
        shape = self._plan.shape(function)
        found = self._find(shape)
        if found is None and self._creating is not None and self._creating.shape == shape:
            found = self._creating if self._creating.state is not None else None
        return None if found is None else found.slot

    def take(self, function: Function) -> PrewarmedContainer | None:
        """A container for this function, which starts now: `started` is to be called when it has.

        The container may still be in creation. Its room is the taker's.
        """
        shape = self._plan.starts(function)
        if shape is None:
            return None
        found = self._find(shape)
        if found is not None:
            return self._ready.pop(found.id)
        creating = self._creating
        if creating is None or creating.shape != shape:
            return None
        self._creating = None
        return creating

    def started(self, function: Function) -> None:
        """The function that has taken a container has started, or will not."""
        self._plan.started(function)

    # How many there are

    def fill(self) -> None:
        """Prewarms what is missing, one after the other, as long as nothing else starts."""
        if self._filling is None or self._filling.done():
            self._filling = self._reactor.loop.create_task(self._fill())

    def expire(self, after: float) -> None:
        """Gives up the shapes that nobody has wanted for so many seconds."""
        for shape in self._plan.expire(after):
            for one in [one for one in self._ready.values() if one.shape == shape]:
                self.discard(one.id)

    def discard(self, id: str) -> None:
        self._remove(self._ready.pop(id))

    def close(self) -> None:
        """Has all containers removed, one in creation as soon as it is made."""
        self._closed = True
        for id in list(self._ready):
            self.discard(id)

    def _find(self, shape: RuntimeShape | None) -> PrewarmedContainer | None:
        return next((one for one in self._ready.values() if one.shape == shape), None)

    async def _fill(self) -> None:
        while self._plan.is_calm and not self._closed:
            function = self._plan.next(Counter(one.shape for one in self._ready.values()))
            shape = None if function is None else self._plan.shape(function)
            if function is None or shape is None or not self._has_room(shape.memory):
                return
            await self._prewarm(shape, function)

    # Creation and removal

    async def _prewarm(self, shape: RuntimeShape, function: Function) -> None:
        self._creating = new = PrewarmedContainer(shape, self._lost)
        in_thread = partial(self._reactor.loop.run_in_executor, self._starts)
        try:
            spec = await in_thread(self._provisioner.prewarm, function, new.id)
            # To get the image may have taken long, and needed no room.
            if self._creating is not new or self._has_room(shape.memory):
                new.state = State.STARTING
                await in_thread(self._make, new, spec)
        except EngineError as error:
            self._back_off(shape, error.message)
        except Exception as error:  # a disk that is full, say
            self._back_off(shape, repr(error))
        finally:
            self._end_creation(new)

    def _make(self, new: PrewarmedContainer, spec: ContainerSpec) -> None:
        """On a thread of `starts`."""
        new.image = spec.image
        new.container = self._create(spec, new, lambda: not self._closed)
        if self._closed:  # perhaps there is no reactor any more that could do it
            new.remove()
            new.container = None

    def _end_creation(self, new: PrewarmedContainer) -> None:
        taken, self._creating = self._creating is not new, None
        if new.ended:
            self._back_off(new.shape, _ENDED)
        made = new.container is not None and not new.ended
        if taken or new.container is None:
            new.state = None  # the room is its environment's, or nobody's
        if made:
            new.end_creation(True)
        if made and taken:
            return
        if made and not self._closed and new.shape in self._plan:
            new.state = State.READY
            self._ready[new.id] = new
            self._changed()
        else:  # there is none, or it is dead, or nobody wants it any more
            self._remove(new)

    def _lost(self, lost: PrewarmedContainer) -> None:
        """A prewarmed container has ended by itself."""
        if self._ready.pop(lost.id, None) is not None:
            self._back_off(lost.shape, _ENDED)
            self._remove(lost)

    def _back_off(self, shape: RuntimeShape, reason: str) -> None:
        self._plan.back_off()
        self._notices.publish(PrewarmFailed(runtime=shape.runtime, error=reason))

    def _remove(self, leaving: PrewarmedContainer) -> None:
        self._leaving[leaving.id] = leaving
        if leaving.state is not None:
            leaving.retire(self._clock.monotonic())
        leaving.kill()

        def remove() -> None:
            leaving.remove()
            self._provisioner.discard(leaving.id)

        self._removals.remove(leaving.id, remove, partial(self._gone, leaving))

    def _gone(self, gone: PrewarmedContainer) -> None:
        del self._leaving[gone.id]
        if not gone.made.done():
            gone.end_creation(False)
        self._changed()
