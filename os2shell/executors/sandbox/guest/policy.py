"""Which syntax the restricted tier takes: RestrictedPython's, widened to what programs really use.

A language policy, not isolation: the process around it is the boundary. Widened are ``print`` as a plain
function, ``__name__``, annotations, augmented assignment of items and attributes, ``nonlocal``,
``super().__init__`` and the usual special methods. What stays closed: names and attributes with a leading
underscore, frames and code objects, ``async``, ``except*``, metaclasses, and every node that
RestrictedPython does not know.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined"

import ast

from RestrictedPython import RestrictingNodeTransformer
from RestrictedPython.transformer import IOPERATOR_TO_STR, copy_locations

SPECIAL_METHODS = frozenset(
    f"__{name}__"
    for name in (
        "init post_init repr str bool len contains hash lt le eq ne gt ge iter next reversed getitem setitem "
        "delitem missing call enter exit add radd iadd sub rsub isub mul rmul imul matmul truediv "
        "rtruediv itruediv floordiv rfloordiv mod rmod pow rpow neg pos abs invert and or xor lshift "
        "rshift int float index round"
    ).split()
)
_READABLE_NAMES = frozenset({"__name__"})


class Policy(RestrictingNodeTransformer):
    """The transformer; errors are collected with their lines."""

    def check_name(self, node, name, allow_magic_methods=False):
        """Let the usual special methods be defined, in classes only."""
        if allow_magic_methods and name in SPECIAL_METHODS and node.col_offset != 0:
            return
        super().check_name(node, name)

    def visit_Name(self, node):
        """Leave ``print`` and ``__name__`` as they are."""
        reads = isinstance(node.ctx, ast.Load)
        if reads and (node.id in _READABLE_NAMES or node.id in ("print", "printed")):
            return node
        return super().visit_Name(node)

    def visit_Attribute(self, node):
        """Let ``super().__init__`` through."""
        if node.attr == "__init__" and isinstance(node.ctx, ast.Load) and _is_super(node.value):
            return node
        return super().visit_Attribute(node)

    def visit_AnnAssign(self, node):
        """Keep annotations of plain names; others become assignments."""
        if isinstance(node.target, ast.Name):
            return self.node_contents_visit(node)
        if node.value is None:
            self.error(node, "an annotation without a value needs a plain name")
            return node
        assign = ast.Assign(targets=[node.target], value=node.value)
        copy_locations(assign, node)
        return self.visit_Assign(assign)

    def visit_AugAssign(self, node):
        """Items and attributes by a guard, names as RestrictedPython has it."""
        target = node.target
        if isinstance(target, ast.Name):
            return super().visit_AugAssign(node)
        operator = ast.Constant(IOPERATOR_TO_STR[type(node.op)])
        if isinstance(target, ast.Subscript):
            name = "_inplace_item_"
            arguments = [self.visit(target.value), self.visit(target.slice)]
        else:
            self.visit_Attribute(
                ast.copy_location(ast.Attribute(target.value, target.attr, ast.Store()), node)
            )
            name = "_inplace_attribute_"
            arguments = [self.visit(target.value), ast.Constant(target.attr)]
        call = ast.Call(
            func=ast.Name(name, ast.Load()),
            args=[operator, *arguments, self.visit(node.value)],
            keywords=[],
        )
        statement = ast.Expr(call)
        copy_locations(statement, node)
        return statement

    def visit_Nonlocal(self, node):
        """Allow names that may be assigned."""
        for name in node.names:
            self.check_name(node, name)
        return node


def _is_super(node) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "super"
        and not node.args
        and not node.keywords
    )
