"""Patches of modules, made when the guest first imports them: a start pays for none it does not use."""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined,no-any-return,arg-type,assignment"

import sys

from . import broker, children, clock, entropy, polling, sources, timers, waiting
from .clock import named


def _datetime(module) -> None:
    """``now`` and ``utcnow`` read the clock below Python; the type itself stays C's own.

    The type's dictionary is reached before anybody looked the names up, so no lookup is cached.
    """
    import gc

    cls = module.datetime
    contents = gc.get_referents(cls.__dict__)[0]
    utc = module.timezone.utc
    warns = sys.version_info >= (3, 12)

    def now(cls, tz=None):
        seconds, nanos = divmod(clock.read_ns(), 1_000_000_000)
        return cls.fromtimestamp(seconds, tz).replace(microsecond=nanos // 1000)

    def utcnow(cls):
        if warns:
            import warnings

            text = (
                "datetime.datetime.utcnow() is deprecated and scheduled for removal in a future "
                "version. Use timezone-aware objects to represent datetimes in UTC: "
                "datetime.datetime.now(datetime.UTC)."
            )
            warnings.warn(text, DeprecationWarning, stacklevel=2)
        seconds, nanos = divmod(clock.read_ns(), 1_000_000_000)
        return cls.fromtimestamp(seconds, utc).replace(microsecond=nanos // 1000, tzinfo=None)

    contents["now"] = classmethod(named(now, "datetime", "now"))
    contents["utcnow"] = classmethod(named(utcnow, "datetime", "utcnow"))


def _random(module) -> None:
    """Seeding without an argument draws below Python."""
    real_seed = module.Random.seed

    def seed(self, a=None, version=2):
        """Initialize internal state from a seed."""
        real_seed(self, int.from_bytes(entropy.STREAM.draw(32), "big") if a is None else a, version)

    module.Random.seed = named(seed, "random", "seed")
    module._inst.seed()
    module.seed = module._inst.seed


def _uuid(module) -> None:
    """The host's node and libuuid's clock are none of the guest's."""
    module._generate_time_safe = None
    module._UuidCreate = None
    module._node = int.from_bytes(entropy.STREAM.draw(6), "big") | (1 << 40)


def _ssl(module) -> None:
    module.RAND_bytes = entropy.urandom


def _socket(module) -> None:
    from . import pipes

    pipes.patch_socket(module)
    broker.patch_socket(module)


def _multiprocessing(module) -> None:
    from . import semaphores

    semaphores.patch(module)


def _fcntl(module) -> None:
    from . import reaping

    reaping.patch_fcntl(module)


def _signal(module) -> None:
    from . import reaping

    timers.install(module)
    reaping.patch_signal(module)


def _queue(module) -> None:
    """The C queue waits where no patch can reach; the Python one uses Condition."""
    module.SimpleQueue = module._PySimpleQueue


def _traceback(module) -> None:
    """Frames of this runtime are no part of what the guest sees of its stack."""
    real_walk_stack = module.walk_stack
    real_extract = module.StackSummary._extract_from_extended_frame_gen.__func__

    def ours(frame) -> bool:
        return frame.f_code.co_filename.startswith("/os2/os2guest/")

    def extract(cls, frame_gen, **options):
        kept = (pair for pair in frame_gen if not ours(pair[0]) and not boots(pair[0]))
        return real_extract(cls, kept, **options)

    def boots(frame) -> bool:
        return frame.f_back is None and frame.f_code.co_filename == "<string>" and _started(frame)

    module.StackSummary._extract_from_extended_frame_gen = classmethod(extract)
    module.walk_stack = real_walk_stack


def _started(frame) -> bool:
    """Whether this outermost frame is the line that started the boot, and not a guest's own."""
    return "boot" in frame.f_code.co_names and "os2guest" in frame.f_code.co_names


def _select(module) -> None:
    """The function by whoever waits; the objects beside it; and the real one for our own waits."""
    module.real_select, module.real_poll = module.select, module.poll
    waiting.patch_select(module)
    polling.install(module)


PATCHES = {
    "_multiprocessing": _multiprocessing,
    "_posixsubprocess": children.patch_posixsubprocess,
    "datetime": _datetime,
    "fcntl": _fcntl,
    "http.client": broker.patch_http_client,
    "pip._vendor.urllib3.connection": broker.patch_urllib3,
    "queue": _queue,
    "random": _random,
    "select": _select,
    "selectors": waiting.patch_selectors,
    "signal": _signal,
    "socket": _socket,
    "ssl": _ssl,
    "subprocess": children.patch_subprocess,
    "traceback": _traceback,
    "urllib3.connection": broker.patch_urllib3,
    "uuid": _uuid,
}
FOREIGN = frozenset({"pip._vendor.urllib3.connection", "urllib3.connection"})
"""What is not the standard library's, and patched wherever it lies."""


class Finder:
    """First on sys.meta_path: finds what the others find, and patches it once it was executed."""

    def find_spec(self, name, path=None, target=None):
        """What the other finders find, with our loader around theirs."""
        if name not in PATCHES:
            return None
        for finder in sys.meta_path:
            if finder is not self:
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    spec.loader = Loader(spec.loader, PATCHES[name])
                    return spec
        return None


class Loader:
    """The real loader, and a patch after it."""

    def __init__(self, real, patch) -> None:
        self._real = real
        self._patch = patch

    def __getattr__(self, name):
        """Whatever else loaders are asked: ``runpy`` wants code, ``linecache`` a source."""
        return getattr(self._real, name)

    def create_module(self, spec):
        """As the real loader does."""
        return self._real.create_module(spec)

    def exec_module(self, module):
        """Run the module, then patch it."""
        module.__spec__.loader = module.__loader__ = self._real
        self._real.exec_module(module)
        own = getattr(module, "__file__", "/py/").startswith("/py/")
        if own or module.__name__ in FOREIGN:  # a guest's own "queue" is its own
            self._patch(module)


def install() -> None:
    """Patch what is loaded already, and watch for the rest."""
    for name, patch in PATCHES.items():
        if name in sys.modules:
            patch(sys.modules[name])
    sources.install()
    sys.meta_path.insert(0, Finder())
