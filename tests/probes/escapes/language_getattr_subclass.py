# class: language
# tier: restricted
# attack: a name that is a subclass of str and lies about its first characters (CVE-2024-47532)
# success: a hidden attribute is read
class Liar(str):
    def startswith(self, *prefix):
        return False

    def __eq__(self, other):
        return False

    def __hash__(self):
        return 0

    def __getitem__(self, place):
        return "a"


last = None
for read in (getattr, hasattr):
    for name in ("__class__", "__globals__", "__subclasses__"):
        try:
            found = read(int, Liar(name))
            if found:
                print("escaped:", found)
        except (AttributeError, TypeError) as error:
            last = error
print("held:", last)
