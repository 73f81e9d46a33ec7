# class: language
# tier: restricted
# attack: replace a guard by a global statement, in a nested function
# success: the program is compiled, and the guard is ours
def replace():
    global _write_
    _write_ = print


replace()
print("escaped: the guard is ours")
