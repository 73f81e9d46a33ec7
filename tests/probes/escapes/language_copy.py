# class: language
# tier: restricted
# attack: copy and pickling's protocol: classes of ours that say how they are rebuilt
# success: the rebuilding calls what we name
import copy
import random


class Mine:
    def __init__(self):
        self.x = 1


made = Mine()
last = None
for name in (
    "__reduce__",
    "__reduce_ex__",
    "__deepcopy__",
    "__copy__",
    "__setstate__",
    "__getstate__",
    "__class__",
):
    for value in (made, Mine):
        try:
            setattr(value, name, lambda *words: (print, ("escaped: called by copy",)))
            print("escaped: set", name)
        except (AttributeError, TypeError) as error:
            last = error
copy.copy(made)
copy.deepcopy(made)
try:
    print("escaped:", getattr(random.Random(1), "__reduce__")())
except AttributeError as error:
    last = error
print("held:", last)
