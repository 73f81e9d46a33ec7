"""Modules as restricted programs get them: a plain object with the public names this table lists.

A real module is a way out (its own imports lie in it); a facade holds values only, taken once. A module
that is not in the table has no facade, whatever a manifest lists. Left out are names that would evaluate
text, look attributes up by text, write into modules, or make classes without the guards; a few come
as guarded versions of our own.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined"

import importlib
from types import ModuleType

from . import guards
from .adapted import ADAPTED, prepare
from .guards import allowed_name, is_metaclass

ALL = ""
"""All of the module's ``__all__``: reviewed as a whole."""

PUBLIC = {
    "__future__": "annotations division generator_stop",
    "abc": "ABC abstractmethod",
    "base64": "b64encode b64decode standard_b64encode standard_b64decode urlsafe_b64encode urlsafe_b64decode "
    "b32encode b32decode b16encode b16decode a85encode a85decode b85encode b85decode",
    "binascii": "a2b_base64 a2b_hex b2a_base64 b2a_hex crc32 crc_hqx hexlify unhexlify Error",
    "bisect": "bisect bisect_left bisect_right insort insort_left insort_right",
    "calendar": "isleap leapdays monthrange monthcalendar weekday timegm day_name day_abbr month_name month_abbr "
    "Calendar TextCalendar MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY",
    "cmath": "acos acosh asin asinh atan atanh cos cosh e exp inf infj isclose isfinite isinf isnan log log10 nan "
    "nanj phase pi polar rect sin sinh sqrt tan tanh tau",
    "collections": "ChainMap Counter OrderedDict UserDict UserList defaultdict deque namedtuple",
    "collections.abc": ALL,
    "colorsys": ALL,
    "contextlib": "AbstractContextManager ContextDecorator ExitStack closing contextmanager nullcontext suppress",
    "copy": "copy deepcopy Error",
    "csv": "DictReader DictWriter Error reader writer QUOTE_ALL QUOTE_MINIMAL QUOTE_NONE QUOTE_NONNUMERIC",
    "dataclasses": "dataclass field fields asdict astuple replace is_dataclass FrozenInstanceError InitVar KW_ONLY "
    "MISSING",
    "datetime": ALL,
    "decimal": "Clamped Context ConversionSyntax Decimal DecimalException DecimalTuple DefaultContext BasicContext "
    "DivisionByZero DivisionImpossible DivisionUndefined ExtendedContext FloatOperation HAVE_THREADS Inexact "
    "InvalidContext InvalidOperation MAX_EMAX MAX_PREC MIN_EMIN MIN_ETINY Overflow ROUND_05UP ROUND_CEILING "
    "ROUND_DOWN ROUND_FLOOR ROUND_HALF_DOWN ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP Rounded Subnormal Underflow "
    "getcontext localcontext setcontext",
    "difflib": "SequenceMatcher Differ get_close_matches ndiff restore unified_diff context_diff",
    "enum": "Enum IntEnum StrEnum Flag IntFlag ReprEnum auto unique verify EnumCheck CONTINUOUS NAMED_FLAGS "
    "UNIQUE FlagBoundary STRICT CONFORM EJECT KEEP member nonmember show_flag_values",
    "fractions": "Fraction",
    "functools": "cache cached_property cmp_to_key lru_cache partial partialmethod reduce total_ordering wraps",
    "graphlib": "TopologicalSorter CycleError",
    "hashlib": "md5 sha1 sha224 sha256 sha384 sha512 sha3_224 sha3_256 sha3_384 sha3_512 blake2b blake2s "
    "shake_128 shake_256 pbkdf2_hmac",
    "heapq": ALL,
    "html": "escape unescape",
    "itertools": "accumulate batched chain combinations combinations_with_replacement compress count cycle "
    "dropwhile filterfalse groupby islice pairwise permutations product repeat starmap takewhile tee zip_longest",
    "json": "dumps loads JSONDecodeError JSONDecoder JSONEncoder",
    "keyword": "iskeyword issoftkeyword kwlist softkwlist",
    "math": "acos acosh asin asinh atan atan2 atanh cbrt ceil comb copysign cos cosh degrees dist e erf erfc exp "
    "exp2 expm1 fabs factorial floor fma fmod frexp fsum gamma gcd hypot inf isclose isfinite isinf isnan isqrt "
    "lcm ldexp lgamma log log10 log1p log2 modf nan nextafter perm pi pow prod radians remainder sin sinh sqrt "
    "sumprod tan tanh tau trunc ulp",
    "net": "fetch Response",
    "numbers": "Number Complex Real Rational Integral",
    "operator": "abs add and_ attrgetter concat contains countOf delitem eq floordiv ge getitem gt iadd iand "
    "iconcat ifloordiv ilshift imatmul imod imul index indexOf inv invert ior ipow irshift is_ is_not isub "
    "itemgetter itruediv ixor le length_hint lshift lt matmul methodcaller mod mul ne neg not_ or_ pos pow "
    "rshift setitem sub truediv truth xor",
    "random": ALL,
    "re": ALL,
    "secrets": "choice compare_digest randbelow randbits token_bytes token_hex token_urlsafe",
    "statistics": ALL,
    "string": "ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits octdigits printable "
    "punctuation whitespace Template",
    "struct": "calcsize pack unpack unpack_from iter_unpack Struct error",
    "textwrap": ALL,
    "time": "asctime ctime gmtime localtime mktime monotonic monotonic_ns perf_counter perf_counter_ns "
    "process_time process_time_ns sleep strftime strptime struct_time time time_ns timezone tzname",
    "typing": "AbstractSet Annotated Any AnyStr Callable ClassVar Collection Concatenate Container Counter "
    "DefaultDict Deque Dict Final FrozenSet Generator Generic Hashable ItemsView Iterable Iterator KeysView "
    "List Literal LiteralString Mapping MappingView MutableMapping MutableSequence MutableSet NamedTuple Never "
    "NewType NoReturn NotRequired Optional OrderedDict ParamSpec Protocol Required Reversible Self Sequence Set "
    "Sized SupportsAbs SupportsFloat SupportsInt Text Tuple Type TypeAlias TypeGuard TypeVar TypedDict Union "
    "ValuesView assert_never cast final overload override runtime_checkable TYPE_CHECKING",
    "unicodedata": "bidirectional category combining decimal digit east_asian_width is_normalized lookup mirrored "
    "name normalize numeric unidata_version",
    "uuid": "UUID uuid3 uuid4 uuid5 NAMESPACE_DNS NAMESPACE_OID NAMESPACE_URL NAMESPACE_X500",
    "zlib": "adler32 compress compressobj crc32 decompress decompressobj error",
}  # fmt: skip
"""Every module that has a facade, and the names in it; a name that this Python lacks is left out."""

HOMES = {"net": f"{__package__}.fetching"}
"""Modules of ours, and where they are; their names are free for a program's own modules."""

NO_BASES = frozenset(
    {"InitVar", "Response", "auto", "cached_property", "member", "nonmember", "partialmethod"}
)
"""Classes whose instances look names up, or put them into dictionaries: a subclass's could be set."""


class Facade:
    """A module's public values; made by ``facade``.

    It has no ``__name__``: with one, ``from json import decoder`` would find the real submodule, for
    the interpreter looks under that name among the loaded modules when an attribute is missing. It has no
    constructor: ``type(json)`` is this class, and an object whose ``__reduce_ex__`` a guest chose is a way out.
    """

    def __getattr__(self, name):
        raise AttributeError(
            f"{self.__dict__.get('_name')!r} offers no {name!r} to restricted programs"
        )

    def __repr__(self):
        return f"<module {self._name!r}, restricted>"


def facade(name, values) -> Facade:
    """The facade of the module ``name``, which holds ``values``."""
    made = Facade()
    made.__dict__.update(values)
    made.__dict__["_name"] = name
    return made


class Importer:
    """``__import__`` of a restricted program: the allow-list, pinned modules, and nothing beside them."""

    def __init__(self, rules, record, load) -> None:
        """``load(name, pin, values)`` runs a pinned module and fills ``values``."""
        self._rules = rules
        self._record = record
        self._load = load
        self._made: dict = {}

    def __call__(self, name, globals=None, locals=None, fromlist=(), level=0):
        if level:
            raise ImportError("imports are by full name in restricted programs")
        self._judge(name)
        if "." in name and not fromlist:
            raise ImportError(f"write `from {name} import …`; a package is no single facade")
        made = self._facade(name)
        for each in fromlist or ():
            if each not in made.__dict__:
                raise ImportError(f"{name!r} offers no {each!r} to restricted programs", name=name)
        return made

    def _judge(self, name) -> None:
        if name == "__future__" or name in self._rules.pinned:
            return
        if name in self._rules.allowed and name in PUBLIC:
            return
        self._record.note("denied", name)
        listed = ", ".join(
            sorted((self._rules.allowed & PUBLIC.keys()) | self._rules.pinned.keys())
        )
        why = (
            "has no facade for restricted programs"
            if name in self._rules.allowed
            else "is not allowed here"
        )
        raise ImportError(f"import of {name!r} {why}; allowed: {listed or 'nothing'}", name=name)

    def _facade(self, name):
        made = self._made.get(name)
        if made is None:
            pin = self._rules.pinned.get(name)
            if pin is None:
                made = self._made[name] = facade(name, public(name))
                self._record.note("allowed", name)
            else:
                made = self._made[name] = facade(name, {})  # ready for a circle of imports
                try:
                    self._load(name, pin, made.__dict__)
                except BaseException:
                    del self._made[name]
                    self._record.note("denied", name)
                    raise
                self._record.note("pinned", name)
        return made


def public(name) -> dict:
    """The values that the facade of ``name`` holds."""
    module = importlib.import_module(HOMES.get(name, name))
    prepare(name, module)
    values = {}
    for each in PUBLIC[name].split() or module.__all__:
        value = ADAPTED.get((name, each))
        if value is None:
            if not hasattr(module, each):
                continue
            value = getattr(module, each)
        if isinstance(value, ModuleType) or is_metaclass(value):
            continue
        values[allowed_name(each)] = value
        if issubclass(type(value), type) and each not in NO_BASES:
            guards.bases.add(value)
    return values
