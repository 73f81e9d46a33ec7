# class: language
# tier: restricted
# attack: the Formatter by from-import, and by the classes whose methods format: UserString, Template
# success: a class is formatted
try:
    from string import Formatter

    print("escaped:", Formatter().format("{0.__class__}", 1))
except ImportError as error:
    try:
        from collections import UserString

        print("escaped:", UserString("{0.__class__}").format(1))
    except ImportError as other:
        print("held:", error, other)
