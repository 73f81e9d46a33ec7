# class: language
# tier: restricted
# attack: string.Formatter and its relatives, which look fields up by themselves
# success: a class is formatted, or the Formatter itself is had
import string

try:
    print("escaped:", string.Formatter().format("{0.__class__}", 1))
except AttributeError as error:
    print("held:", error)
