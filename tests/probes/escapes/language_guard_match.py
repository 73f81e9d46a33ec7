# class: language
# tier: restricted
# attack: bind a guard's name, or read a hidden attribute, by a pattern of a match statement
# success: the program is compiled
match {"a": 1}:
    case {"a": _getattr_, **_write_}:
        print("escaped: the guard is", _getattr_)
