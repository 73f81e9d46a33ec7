# class: language
# tier: restricted
# attack: except* binds a group whose traceback leads to frames (CVE-2025-22153)
# success: the program is compiled and the handler is entered
try:
    raise ExceptionGroup("group", [ValueError("one")])
except* ValueError as group:
    print("escaped:", group)
