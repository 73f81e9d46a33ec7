# class: language
# tier: restricted
# attack: a string.Template of our own pattern, whose groups and mapping run code of ours with its objects
# success: a dictionary of globals or a class is reached
import string


class Spy:
    def __getitem__(self, name):
        raise KeyError(name)


class Mine(string.Template):
    idpattern = "[._a-z]+"


found = Mine("${x.__class__} $y").safe_substitute(Spy())
if "class '" in found:
    print("escaped:", found)
try:
    print("escaped:", getattr(getattr(string.Template, "pattern"), "__class__"))
except AttributeError as error:
    print("held:", error)
