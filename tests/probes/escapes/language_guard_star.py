# class: language
# tier: restricted
# attack: a parameter that gathers all arguments under a guard's name
# success: the program is compiled, and the guard is ours
def read(*_getattr_, **_write_):
    return "x".upper


print("escaped:", read(print))
