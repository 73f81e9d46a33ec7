"""Guarded versions of what allowed modules offer: they look names up, change or make classes.

Each behaves as the real one for a program within the policy.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined,misc,arg-type"

from types import FunctionType

from . import guards


def wraps(wrapped):
    """``functools.wraps`` with its defaults, for functions of the guest's own, and public names only."""

    def decorate(wrapper):
        import functools

        if type(wrapper) is not FunctionType:
            raise TypeError("functools.wraps is for functions in restricted programs")
        functools.update_wrapper(guards.writable(wrapper), wrapped, updated=())
        for name, value in getattr(wrapped, "__dict__", {}).items():
            if type(wrapped) is FunctionType and name[:1] != "_":
                wrapper.__dict__[name] = value
        return wrapper

    return decorate


def own(decorator, cls):
    """Apply a decorator of classes to one of the guest's own; a new class is the guest's as well."""
    if not issubclass(type(cls), type) or cls not in guards.own_classes:
        raise TypeError("a restricted program can decorate classes of its own only")
    made = decorator(cls)
    guards.check_fields(made)
    guards.own_classes.add(made)
    return made


def fields_allowed(names) -> None:
    """Refuse fields that ``case C(x)`` would read of what only says to be a C: a frame, a name with ``_``."""
    for name in names:
        guards.allowed_name(name)


def dataclass(cls=None, /, **options):
    """``dataclasses.dataclass``, for the guest's own classes; fields get plain names, for they become code."""
    import dataclasses

    def decorate(cls):
        fields_allowed(name for name in getattr(cls, "__annotations__", ()) if name != "_")
        if getattr(cls, "_is_protocol", False):
            raise TypeError("a protocol cannot be a dataclass in restricted programs")
        return own(dataclasses.dataclass(**options), cls)

    return decorate if cls is None else decorate(cls)


def total_ordering(cls):
    """``functools.total_ordering``, for the guest's own classes."""
    import functools

    return own(functools.total_ordering, cls)


def namedtuple(typename, field_names, *, rename=False, defaults=None):
    """``collections.namedtuple``."""
    import collections

    if isinstance(field_names, str):
        field_names = str(field_names).replace(",", " ").split()
    field_names = [str(name) for name in field_names]
    fields_allowed(name for name in field_names if name[:1] != "_")  # refused, or renamed
    made = collections.namedtuple(
        typename, field_names, rename=rename, defaults=defaults, module="__main__"
    )
    guards.own_classes.add(made)
    return made


def deepcopy(x):
    """``copy.deepcopy`` without a memo: by one, a guest would say of what parts the copy is made."""
    import copy

    return copy.deepcopy(x)


def attrgetter(attr, /, *attrs):
    """``operator.attrgetter`` through the guard."""
    names = (attr, *attrs)

    def one(object, dotted):
        for name in dotted.split("."):
            object = guards.guarded_getattr(object, name)
        return object

    def get(object, /):
        found = tuple(one(object, dotted) for dotted in names)
        return found[0] if len(found) == 1 else found

    return get


def methodcaller(name, /, *args, **kwargs):
    """``operator.methodcaller`` through the guard."""

    def call(object, /):
        return guards.guarded_getattr(object, name)(*args, **kwargs)

    return call


def setitem(container, key, value, /):
    """``operator.setitem`` on what the guest may change."""
    guards.writable(container)[key] = value


def delitem(container, key, /):
    """``operator.delitem`` on what the guest may change."""
    del guards.writable(container)[key]


ADAPTED = {
    ("collections", "namedtuple"): namedtuple,
    ("copy", "deepcopy"): deepcopy,
    ("dataclasses", "dataclass"): dataclass,
    ("functools", "total_ordering"): total_ordering,
    ("functools", "wraps"): wraps,
    ("operator", "attrgetter"): attrgetter,
    ("operator", "delitem"): delitem,
    ("operator", "methodcaller"): methodcaller,
    ("operator", "setitem"): setitem,
}


def prepare(name, module) -> None:
    """Close what lies in the classes of ``module`` themselves."""
    if name == "enum":
        _prepare_enum(module)
    elif name == "typing":
        _prepare_named_tuple(module)
        guards.bases.update((type_of(module.NamedTuple), type_of(module.TypedDict)))


def type_of(special):
    """The class that stands among the bases where ``special`` was written."""
    return special.__mro_entries__((special,))[0]


def _prepare_named_tuple(module) -> None:
    """Both forms of ``NamedTuple`` come through one function, which gets pairs of name and type, or names."""
    real = module._make_nmtuple
    if real.__module__ == __name__:
        return

    def _make_nmtuple(name, fields, *rest, **options):
        fixed = [tuple(each) if not isinstance(each, str) else each for each in fields]
        fields_allowed(each if isinstance(each, str) else each[0] for each in fixed)
        return real(name, fixed, *rest, **options)

    module._make_nmtuple = _make_nmtuple


def _prepare_enum(module) -> None:
    """``Enum("Name", {…})`` would take any special method from the table, and any class as ``type``.

    Members have plain names, and the type is one that a class statement could inherit from.
    """
    real = module.EnumType._create_
    if real.__module__ == __name__:
        return

    def _create_(cls, class_name, names, *, module=None, qualname=None, **options):
        mixed_in = options.get("type") or object
        if mixed_in not in guards.bases and mixed_in not in guards.own_classes:
            raise TypeError("a restricted program cannot inherit from this type")
        if isinstance(names, str):
            names = str(names).replace(",", " ").split()
        pairs = list(names.items() if isinstance(names, dict) else names)
        if pairs and not isinstance(pairs[0], str):
            pairs = [
                tuple(pair) for pair in pairs
            ]  # fixed: nobody answers otherwise the second time
        for pair in pairs:
            guards.allowed_name(pair[0] if type(pair) is tuple else pair)
        names = pairs
        return real(cls, class_name, names, module="__main__", **options)

    module.EnumType._create_ = _create_
