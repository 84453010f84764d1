"""The catalog: deploys, changes, finds and deletes functions; owns their table and code.

Functions are kept in memory, and read once: each database has one server, which changes them alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from taskdock.base import ids
from taskdock.base.errors import AlreadyExists, NotFound
from taskdock.base.timing.clock import Clock
from taskdock.engines import references
from taskdock.lambdas.functions.changes import (
    AnnotationChanges,
    FunctionProperties,
    annotations_after,
    check,
)
from taskdock.lambdas.functions.code import MAX_ZIPPED, CodeStore
from taskdock.lambdas.functions.function import (
    Annotations,
    Function,
    check_name,
    deployers,
)
from taskdock.lambdas.functions.function_rows import from_row, to_row
from taskdock.lambdas.functions.reference import LATEST, FunctionRef
from taskdock.lambdas.functions.zips.code_patch import CodePatch
from taskdock.store.database import Store
from taskdock.store.tables import FunctionRow

if TYPE_CHECKING:
    from typing_extensions import Unpack  # typing has it from Python 3.11 on

_MOMENT = timedelta(milliseconds=1)
"""The least that a change is later than the one before: a test's clock stands still, and the time
says whether a function was changed."""


class Catalog:
    def __init__(self, *, store: Store, code: CodeStore, clock: Clock) -> None:
        self._store = store
        self._code = code
        self._clock = clock
        self._writing = threading.Lock()
        self._on_change: list[Callable[[str], None]] = []
        rows = FunctionRow.select().order_by(FunctionRow.name).execute(store.db)
        self._functions: dict[str, Function] = {}
        self._live: dict[str, frozenset[str]] = {}
        for row in rows:
            self._keep(from_row(row))

    @property
    def live(self) -> Mapping[str, frozenset[str]]:
        """The fingerprints that each function has now, by its name: those whose environments may
        be started and kept. It is up to date whenever it is looked at, on any thread."""
        return self._live

    def subscribe(self, changed: Callable[[str], None]) -> None:
        """`changed(name)` is called after each change of the function of that name."""
        self._on_change.append(changed)

    def deploy(
        self,
        name: str,
        *,
        zipped: bytes | CodePatch | None = None,
        max_zipped: int = MAX_ZIPPED,
        annotations: Annotations = Annotations(),  # noqa: B008 - frozen
        by: tuple[str, ...] = (),
        **properties: Unpack[FunctionProperties],
    ) -> Function:
        """Makes a new function. `zipped`: its code, unless it has an image. `by`: ids of the
        users whose work it is.

        Raises `BadFunctionName`, `BadConfiguration`, `UnknownRuntime`, `BadFunctionCode`,
        `AlreadyExists` or `StorageError`; nothing is kept then.
        """
        check_name(name)
        function = Function(
            name=name,
            update_timestamp=self._clock.now(),
            deployers=by,
            credentials_key=ids.word(40),
            annotations=annotations,
            **properties,
        )
        check(function, has_zip=zipped is not None)
        self._check_new(name)
        with self._added(zipped, max_zipped) as code, self._writing:
            self._check_new(name)  # another may have come while this one was unpacked
            function = replace(function, code=code)
            FunctionRow.insert(**to_row(function)).execute(self._store.db)
            self._keep(function)
        self._changed(name)
        return function

    def update(
        self,
        name: str,
        *,
        zipped: bytes | CodePatch | None = None,
        max_zipped: int = MAX_ZIPPED,
        annotated: AnnotationChanges | None = None,
        by: tuple[str, ...] = (),
        judge: Callable[[Function], object] = lambda _: None,
        **properties: Unpack[FunctionProperties],
    ) -> Function:
        """Changes only the properties that are given, and the annotations in `annotated`. Of two
        changes at once, the one that ends last has its way in the properties that it gives.

        `judge` is called with the function as it is before the change; an exception of it ends the
        change. Raises as `deploy` does, and `NotFound`.
        """

        def change(code: str | None) -> Function:
            before = self.get(name)
            judge(before)
            if properties.get("image"):  # takes the place of code
                before = replace(before, code=None, runtime=None, entry_point=None)
            elif zipped is not None:
                before = replace(before, image=None, image_config=None, code=code)
            after = replace(
                before,
                update_timestamp=max(self._clock.now(), before.update_timestamp + _MOMENT),
                annotations=annotations_after(before.annotations, annotated, zipped is not None),
                **properties,
            )
            check(after, has_zip=zipped is not None)
            given = {*properties, *(() if zipped is None else ("code",))}
            work = deployers(self.get(name), after, by, given=given)
            return replace(after, deployers=work)

        change(None)  # before a zip is unpacked in vain
        with self._added(zipped, max_zipped) as code, self._writing:
            after = change(code)
            FunctionRow.update(**to_row(after)).where(FunctionRow.name == name).execute(
                self._store.db
            )
            self._keep(after)
        self._changed(name)
        return after

    def annotate(self, name: str, change: Callable[[Function], Annotations]) -> Function:
        """Changes annotations alone, so the function's environments stay. Raises `NotFound`, and
        the exceptions of `change`."""
        with self._writing:
            before = self.get(name)
            after = replace(before, annotations=change(before))
            FunctionRow.update(**to_row(after)).where(FunctionRow.name == name).execute(
                self._store.db
            )
            self._keep(after)
        return after

    def delete(self, name: str) -> None:
        """Deletes a function; its tasks and their logs stay. Raises `NotFound`."""
        with self._writing:
            self.get(name)
            FunctionRow.delete().where(FunctionRow.name == name).execute(self._store.db)
            del self._functions[name], self._live[name]
        self._changed(name)

    def get(self, name: str) -> Function:
        """Raises `NotFound`."""
        function = self.find(name)
        if function is None:
            raise NotFound(f"there is no function named '{name}'")
        return function

    def find(self, name: str) -> Function | None:
        return self._functions.get(name)

    def resolve(self, ref: FunctionRef) -> Function | None:
        """The function that is meant, as it is now; None: there is none."""
        return self.find(ref.name) if ref.qualifier == LATEST else None

    def code_size(self, function: Function) -> int:
        """Bytes of the function's zip; 0 for an image."""
        return 0 if function.code is None else self._code.size(function.code)

    def code_folder(self, function: Function) -> Path | None:
        """The folder of the function's unpacked zip, which is only to be read; None for an
        image."""
        return None if function.code is None else self._code.folder(function.code)

    def default_priority(self, name: str) -> int:
        """The priority of a task for this function that names none."""
        function = self.find(name)
        return function.execution_options.default_priority or 0 if function else 0

    def longest_time_limit(self) -> float:
        """Seconds that some function may run."""
        return max((f.time_limit for f in self._functions.copy().values()), default=0)

    def all(self) -> list[Function]:
        """All functions, sorted by name."""
        functions = self._functions.copy()
        return [functions[name] for name in sorted(functions)]

    def tidy(self) -> None:
        """Sets code aside that no function has any more. Raises `StartupError`.

        Only while nothing runs: a container reads its code from the folder that is removed.
        """
        self._code.keep_only({f.code for f in self.all() if f.code is not None})

    def sweep(self) -> None:
        """Sets code aside that no function has had for an hour, while others run."""
        with self._writing:  # no function gets code that was added before
            used = {f.code for f in self.all() if f.code is not None}
            self._code.sweep(used, self._clock.monotonic())

    def _keep(self, function: Function) -> None:
        self._live[function.name] = frozenset({function.fingerprint})
        self._functions[function.name] = function

    def _check_new(self, name: str) -> None:
        if name in self._functions:
            raise AlreadyExists(f"there is a function named '{name}' already")

    @contextmanager
    def _added(self, zipped: bytes | CodePatch | None, limit: int) -> Iterator[str | None]:
        """The digest of a zip whose code stays within, whoever sweeps; None for no zip.

        Unpacking may take long, so nobody holds a lock meanwhile.
        """
        if zipped is None:
            yield None
            return
        with ExitStack() as kept:
            with self._store.disk.explained():
                digest = kept.enter_context(self._code.added(zipped, limit))
            yield digest

    def _changed(self, name: str) -> None:
        for changed in self._on_change:
            changed(name)


def registry(image: str) -> str | None:
    """The host of the registry that an image's reference names; None: it names none."""
    return references.registry(image)
