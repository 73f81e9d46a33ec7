"""One expression of the native tier, as a quick question; or a module, where it names one.

Names that are nobody's are taken for modules: ``math.sqrt(2)`` needs no import. Only names that
the expression itself leaves free are, never a builtin and never an attribute; what a module of
this name does when it is imported is the program's own doing, under the run's rules of imports.
Statements are no expression: the caller runs them as code.
"""

import builtins
import importlib.util
import symtable
from types import CodeType


def is_module(source: str) -> bool:
    """Whether ``source`` is a name such as ``json.tool`` that a module answers to."""
    if not all(map(str.isidentifier, source.split("."))):
        return False
    try:
        return importlib.util.find_spec(source) is not None
    except (ModuleNotFoundError, ValueError):  # ``math.pi``: what holds it is no package
        return False


def compiled(source: str) -> "CodeType | None":
    """The code of ``source`` if it is one expression, else None; raises nothing."""
    try:
        return compile(source.strip(), "<string>", "eval", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None


def modules_for(source: str) -> "dict[str, object]":
    """The modules that ``source`` names freely, imported; a name that is none stays undefined."""
    found: dict[str, object] = {}
    for name in sorted(_free(symtable.symtable(source.strip(), "<string>", "eval"))):
        if hasattr(builtins, name):
            continue
        try:
            found[name] = __import__(name)
        except ModuleNotFoundError as error:
            if error.name != name:  # it exists, and lacks something itself
                raise
    return found


def _free(table: symtable.SymbolTable) -> "set[str]":
    """Names that ``table``, or a function in it, reads without binding them."""
    names = {
        symbol.get_name()
        for symbol in table.get_symbols()
        if symbol.is_referenced() and symbol.is_global() or _is_unbound_at_the_top(table, symbol)
    }
    return names.union(*map(_free, table.get_children()))


def _is_unbound_at_the_top(table: symtable.SymbolTable, symbol: symtable.Symbol) -> bool:
    return table.get_type() == "module" and symbol.is_referenced() and not symbol.is_assigned()
