"""A failure several calls deep, chained, with a note: exit 1 and a traceback."""

import traceback


class Refused(Exception):
    pass


def deepest(number):
    return {}[number] if number == 0 else deepest(number - 1)


def outer():
    try:
        deepest(4)
    except KeyError as error:
        refused = Refused("no such entry")
        refused.add_note(f"asked with {error!r}")
        raise refused from error


try:
    outer()
except Refused as error:
    print("".join(traceback.format_exception(error)).count("deepest"))
outer()
