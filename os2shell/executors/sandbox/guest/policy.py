"""Which syntax the restricted tier takes: RestrictedPython's, widened to what programs really use.

A language policy, not isolation: the process around it is the boundary. Widened are ``print`` as a plain
function, ``__name__``, annotations, augmented assignment of items and attributes, ``nonlocal``, ``match``,
``super().__init__`` and the usual special methods. What stays closed: names and attributes with a leading
underscore, frames and code objects, ``async``, ``except*``, metaclasses, and every node that
RestrictedPython does not know. Only what the guards judge becomes a call; the rest runs bare.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined,call-overload"

import ast
import re

from RestrictedPython.transformer import (
    INSPECT_ATTRIBUTES,
    RestrictingNodeTransformer,
    copy_locations,
)

from .guards import JUDGED, READABLE

SPECIAL_METHODS = frozenset(
    f"__{name}__"
    for name in (
        "init post_init repr str bool len contains hash lt le eq ne gt ge iter next reversed getitem setitem "
        "delitem missing call enter exit add radd iadd sub rsub isub mul rmul imul matmul rmatmul imatmul truediv "
        "rtruediv itruediv floordiv rfloordiv ifloordiv mod rmod imod divmod rdivmod pow rpow ipow neg pos abs invert "
        "and rand iand or ror ior xor rxor ixor lshift rlshift ilshift rshift rrshift irshift "
        "int float complex index round trunc floor ceil format bytes length_hint"
    ).split()
)
_READABLE_NAMES = frozenset({"__name__", "print"})
_NATIVE = "run it in the native tier (python)"
_INSTEAD = (
    (r'"__class__"', "type(x) gives the class"),
    (r'"__dict__"', "keep values in a dict of your own"),
    (r'starts with "_"', 'give it a name without a leading "_"'),
    (r"^Async|^Await", _NATIVE),
    (r"^TryStar", "catch the exceptions one by one with except"),
    (r"metaclass|class keywords", "use a class decorator, or a base class"),
    (r"^(Exec|Eval) calls", "define a function"),
    (r"imports are not allowed", "name what you import"),
    (r"restricted name", _NATIVE),
    (r"^(TypeAlias|TypeVar|ParamSpec)", "import TypeVar and Generic from typing"),
)
_NODE_NAMES = {
    "AsyncFor": "async for",
    "AsyncFunctionDef": "async def",
    "AsyncWith": "async with",
    "TryStar": "except*",
}


class Offence:
    """One breach: its line, the rule, and what to write instead."""

    def __init__(self, text: str) -> None:
        head, _, rule = text.partition(": ")
        number = head.removeprefix("Line ")
        self.line = int(number) if number.isdigit() else 0
        self.instead = next((way for form, way in _INSTEAD if re.search(form, rule)), "")
        node = rule.partition(" ")[0]
        self.rule = rule.replace(node, f"`{_NODE_NAMES[node]}`", 1) if node in _NODE_NAMES else rule

    def told(self, path: str) -> str:
        """In one line."""
        return f"{path}:{self.line}: {self.rule}"


def compiled(source: str, filename: str, mode: str):
    """The code object, or None; and the offences."""
    tree = compile(source, filename, mode, ast.PyCF_ONLY_AST, dont_inherit=True)
    errors: list = []
    Policy(errors).visit(tree)
    if errors:
        return None, [Offence(error) for error in errors]
    return compile(tree, filename, mode, dont_inherit=True), []


class Policy(RestrictingNodeTransformer):
    """The transformer; errors are collected with their lines."""

    def check_name(self, node, name, allow_magic_methods=False):
        """Names begin with a letter; the usual special methods may be defined, in classes only."""
        if name is None or name == "_" or not name.startswith("_"):
            return
        if not (allow_magic_methods and name in SPECIAL_METHODS and node.col_offset != 0):
            self.error(node, f'"{name}" is a name that starts with "_"')

    def inject_print_collector(self, node, position=0):
        """``print`` is a plain function here."""

    def guard_iter(self, node):
        """Iteration runs bare: what it yields was guarded where it came from."""
        return self.node_contents_visit(node)

    def visit_Name(self, node):
        """Leave ``print`` and ``__name__`` as they are."""
        if isinstance(node.ctx, ast.Load) and node.id in _READABLE_NAMES:
            return node
        self.check_name(node, node.id)
        return node

    def visit_Attribute(self, node):
        """Reads go through a guard, writes through another on the object."""
        if isinstance(node.ctx, ast.Load):
            if node.attr in SPECIAL_METHODS and _is_super(node.value):
                return self._guarded("_special_", node)
            if node.attr in READABLE or node.attr in JUDGED:
                return self._guarded("_getattr_", node)
        if node.attr.startswith("_") and node.attr != "_":
            self.error(node, f'"{node.attr}" is an attribute that starts with "_"')
        if node.attr in INSPECT_ATTRIBUTES:
            self.error(node, f'"{node.attr}" is a restricted name: it leads to frames and code')
        if isinstance(node.ctx, ast.Load):
            return self._guarded("_read_", node)
        return self._written(node)

    def visit_Subscript(self, node):
        """Reads run bare; writes go through a guard on the container."""
        if isinstance(node.ctx, ast.Load):
            return self.node_contents_visit(node)
        return self._written(node)

    def visit_Call(self, node):
        """Calls run bare: the function was guarded where it came from."""
        return self.node_contents_visit(node)

    def visit_Assign(self, node):
        """Unpacking runs bare."""
        return self.node_contents_visit(node)

    def visit_AnnAssign(self, node):
        """Annotations of plain names and of attributes alike."""
        return self.node_contents_visit(node)

    def visit_AugAssign(self, node):
        """As the assignment it is: the target's object is guarded once."""
        if isinstance(node.target, ast.Attribute) and node.target.attr in JUDGED:
            self.error(
                node, f'"{node.target.attr}" cannot be the target of an augmented assignment'
            )
        return self.node_contents_visit(node)

    def visit_With(self, node):
        """Unpacking runs bare."""
        return self.node_contents_visit(node)

    def visit_Global(self, node):
        """Allow names that may be assigned."""
        for name in node.names:
            self.check_name(node, name)
        return node

    visit_Nonlocal = visit_Global

    def visit_ClassDef(self, node):
        """Classes are made by our metaclass, which asks the bases for theirs."""
        self.check_name(node, node.name)
        if node.keywords:
            self.error(node, "class keywords (metaclass= and others) are closed")
        node = self.node_contents_visit(node)
        keyword = ast.keyword("metaclass", ast.Name("__metaclass__", ast.Load()))
        copy_locations(keyword, node)
        node.keywords = [keyword]
        return node

    def visit_Match(self, node):
        """Dotted names in patterns are looked up by the guards, before the first case is tried."""
        values = _PatternValues()
        node = self.node_contents_visit(node)
        for case in node.cases:
            case.pattern = values.visit(case.pattern)
        if not values.found:
            return node
        name = self.gen_tmp_name()
        for holder in values.holders:
            holder.id = name
        looked_up = [self.visit(value) for value in values.found]
        call = ast.Call(ast.Name("_values_", ast.Load()), looked_up, [])
        assign = ast.Assign([ast.Name(name, ast.Store())], call)
        copy_locations(assign, node)
        return [assign, node]

    def visit_MatchValue(self, node):
        """Constants are judged as anywhere; dotted names by ``visit_Match``."""
        if not isinstance(node.value, ast.Attribute):
            node.value = self.visit(node.value)
        return node

    def visit_MatchClass(self, node):
        """Attributes by position only: a keyword would read them past the guards."""
        if node.kwd_attrs:
            self.error(node, "keyword patterns of classes are closed: give them by position")
        if not isinstance(node.cls, ast.Attribute):
            node.cls = self.visit(node.cls)
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        return node

    def visit_MatchAs(self, node):
        """A capture is a name like any other."""
        self.check_name(node, node.name)
        return self.node_contents_visit(node)

    def visit_MatchStar(self, node):
        """A capture is a name like any other."""
        self.check_name(node, node.name)
        return node

    def visit_MatchMapping(self, node):
        """Keys that are dotted names would be looked up past the guards."""
        self.check_name(node, node.rest)
        if any(isinstance(key, ast.Attribute) for key in node.keys):
            self.error(node, "dotted names as keys of a mapping pattern are closed: give constants")
        return self.node_contents_visit(node)

    def visit_match_case(self, node):
        """Allowed."""
        return self.node_contents_visit(node)

    visit_MatchSingleton = visit_MatchSequence = visit_MatchOr = visit_match_case

    def _guarded(self, guard: str, node):
        node = self.node_contents_visit(node)
        call = ast.Call(ast.Name(guard, ast.Load()), [node.value, ast.Constant(node.attr)], [])
        copy_locations(call, node)
        return call

    def _written(self, node):
        node = self.node_contents_visit(node)
        call = ast.Call(ast.Name("_write_", ast.Load()), [node.value], [])
        copy_locations(call, node.value)
        node.value = call
        return node


class _PatternValues(ast.NodeTransformer):
    """Takes dotted names out of patterns, and leaves ``holder.vN`` in their places."""

    def __init__(self) -> None:
        self.found: list = []
        self.holders: list = []

    def visit_MatchValue(self, node):
        """A dotted name to compare with."""
        node.value = self._held(node.value)
        return node

    def visit_MatchClass(self, node):
        """A dotted name of a class."""
        node.cls = self._held(node.cls)
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        return node

    def _held(self, value):
        if not isinstance(value, ast.Attribute):
            return value
        holder = ast.Name("", ast.Load())
        attribute = ast.Attribute(holder, f"v{len(self.found)}", ast.Load())
        copy_locations(attribute, value)
        self.found.append(value)
        self.holders.append(holder)
        return attribute


def _is_super(node) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "super"
        and not node.args
        and not node.keywords
    )
