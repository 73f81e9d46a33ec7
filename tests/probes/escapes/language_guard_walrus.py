# class: language
# tier: restricted
# attack: give a guard's name to what an assignment expression, a handler or a loop binds
# success: the program is compiled, and the guard is ours
found = [(_getattr_ := print) for _ in [1]]
print("escaped: the guard is", found)
