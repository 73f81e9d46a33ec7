# class: language
# tier: restricted
# attack: give a guard's name to an import
# success: the program is compiled, and the guard is ours
import math as _getattr_

print("escaped: the guard is", _getattr_)
