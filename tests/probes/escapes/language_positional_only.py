# class: language
# tier: restricted
# attack: give a guard's name to a positional-only parameter, so that our own function guards us
# success: the program is compiled and an attribute is read without the guard
def read(value, _getattr_, /):
    return value.mro


print("escaped:", read(int, lambda value, name: value))
