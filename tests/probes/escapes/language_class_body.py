# class: language
# tier: restricted
# attack: hidden names bound in a class body: __class__, __slots__, __del__, __reduce__
# success: the program is compiled
class Mine:
    __class__ = int
    __reduce__ = print


print("escaped:", Mine())
